//! Files that have no name any more. Another program may have one open, or
//! another name for it, and nobody can tell: so nothing of it is cut, and who
//! reads it reads all of it. It is let go by the thread of the tables, once no
//! download needs it: first its memory, a piece at a time, because to free that of
//! hundreds of megabytes at one stroke holds up all other threads.

use crate::disk::SharedFile;
use std::sync::Arc;

/// What leaves memory at a time.
const PIECE: u64 = 2 << 20;

/// Those of a table, each with how much of it may be in memory.
#[derive(Default)]
pub(super) struct Leaving(Vec<(SharedFile, u64)>);

impl Leaving {
    /// One more, of so many bytes.
    pub fn add(&mut self, file: SharedFile, bytes: u64) {
        self.0.push((file, bytes));
    }

    /// Lets go of a piece of one that nobody here reads. Returns whether there is more, which should wait a little.
    pub fn free(&mut self) -> bool {
        let unread = |(file, _): &(SharedFile, u64)| Arc::strong_count(file) == 1;
        let Some(nth) = self.0.iter().position(unread) else {
            return false;
        };
        let (file, bytes) = &mut self.0[nth];
        let left = bytes.saturating_sub(1) / PIECE * PIECE;
        file.leave_memory(left..*bytes);
        *bytes = left;
        if left == 0 {
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

    #[test]
    fn a_file_goes_piece_by_piece_and_stays_whole_for_whoever_has_it_open() {
        let dir = tempfile::tempdir().unwrap();
        let text: Vec<u8> = (1..=u8::MAX).cycle().take(3 * (2 << 20) + 4321).collect();
        let path = dir.path().join("old");
        let file = RealDisk.open(&path, Open::New).unwrap();
        file.write_at(&text, 0).unwrap();
        file.sync().unwrap();
        let mut other = std::fs::File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut leaving = Leaving::default();
        leaving.add(file.clone(), text.len() as u64);
        assert!(!leaving.free(), "it is read here");
        drop(file);
        let mut pieces = 1;
        while leaving.free() {
            pieces += 1;
        }
        assert_eq!((pieces, leaving.0.len()), (4, 0));
        let mut found = Vec::new();
        other.read_to_end(&mut found).unwrap();
        assert!(found == text, "{} bytes", found.len());
    }
}
