//! Files that have no name any more. To close a file of hundreds of megabytes
//! frees all of it at one stroke, and no batch of the journal reaches the disk
//! meanwhile: so they are cut down a piece at a time.

use crate::disk::SharedFile;
use std::sync::Arc;

/// What is freed at a time takes about half a millisecond.
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
        *bytes = bytes.saturating_sub(PIECE);
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
        for left in [PIECE + 1, 1] {
            assert!(leaving.free());
            assert_eq!((length("read"), length("other")), (bytes, left));
        }
        assert!(!leaving.free());
        assert_eq!((length("read"), leaving.0.len()), (bytes, 1));
        drop(read);
        assert!(leaving.free() && leaving.free() && !leaving.free());
        assert_eq!((length("read"), leaving.0.len()), (1, 0));
    }
}
