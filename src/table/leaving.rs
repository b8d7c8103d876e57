//! Files that have no name any more. To close a file of hundreds of megabytes
//! frees all of it at one stroke, and no batch of the journal reaches the disk
//! meanwhile: so they are cut down a piece at a time.

use crate::disk::SharedFile;
use std::sync::Arc;

/// What is freed at a time takes about half a millisecond. It is cut at multiples of this: what lies in memory in one stretch,
/// which may be that long, the system would fill with zeros behind a cut through it; and a reader may have been sent this very
/// memory, and not have taken it yet.
const PIECE: u64 = 2 << 20;

/// Those of a table.
#[derive(Default)]
pub(super) struct Leaving(Vec<(SharedFile, u64)>);

impl Leaving {
    /// One more, of so many bytes.
    pub fn add(&mut self, file: SharedFile, bytes: u64) {
        self.0.push((file, bytes));
    }

    /// Frees a piece. Returns whether there is more to free, which should wait a little. What somebody still reads stays whole.
    pub fn free(&mut self) -> bool {
        let unread = |(file, _): &(SharedFile, u64)| Arc::strong_count(file) == 1;
        let Some(nth) = self.0.iter().position(unread) else {
            return false;
        };
        let (file, bytes) = &mut self.0[nth];
        *bytes = bytes.saturating_sub(1) / PIECE * PIECE;
        // What cannot be cut is freed as it is.
        if *bytes == 0 || file.set_len(*bytes).is_err() {
            self.0.swap_remove(nth);
        }
        self.0.iter().any(unread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk as _, Open, RealDisk};
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    #[test]
    fn a_file_goes_piece_by_piece_and_not_while_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = 2 * PIECE + 1;
        let make = |name: &str| {
            let file = RealDisk.open(&dir.path().join(name), Open::New).unwrap();
            file.set_len(bytes).unwrap();
            file
        };
        let (read, other) = (make("read"), make("other"));
        let length = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().len();
        let mut leaving = Leaving::default();
        leaving.add(read.clone(), bytes);
        leaving.add(other, bytes);
        for left in [2 * PIECE, PIECE] {
            assert!(leaving.free());
            assert_eq!((length("read"), length("other")), (bytes, left));
        }
        assert!(!leaving.free());
        assert_eq!((length("read"), leaving.0.len()), (bytes, 1));
        drop(read);
        assert!(leaving.free() && leaving.free() && !leaving.free());
        assert_eq!((length("read"), leaving.0.len()), (PIECE, 0));
    }

    /// What a reader has not taken yet is memory of the file: it must not change when the file goes.
    #[test]
    fn what_was_sent_stays_what_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let text: Vec<u8> = (1..=u8::MAX).cycle().take(3 * (2 << 20) + 4321).collect();
        let file = RealDisk.open(&dir.path().join("old"), Open::New).unwrap();
        file.write_at(&text, 0).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let sender = listener.accept().unwrap().0;
        sender.set_nonblocking(true).unwrap();
        // The end of the file, as much as the system takes, and a piece that is cut first.
        let mut range = text.len() as u64 - (2 << 20) - 8642..text.len() as u64;
        let begin = usize::try_from(range.start).unwrap();
        while let Ok(bytes @ 1..) = file.send_to(sender.as_fd(), range.clone()) {
            range.start += bytes as u64;
        }
        let sent = usize::try_from(range.start).unwrap() - begin;
        assert!(sent > 100_000, "{sent}");
        let mut leaving = Leaving::default();
        leaving.add(file, text.len() as u64);
        while leaving.free() {}
        assert!(leaving.0.is_empty());
        drop(sender);
        let mut found = Vec::new();
        reader.read_to_end(&mut found).unwrap();
        assert_eq!(found.len(), sent);
        assert!(found == text[begin..][..sent], "other bytes");
    }
}
