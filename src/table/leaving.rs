//! Files that have no name any more. Another program may have one open, or
//! another name for it, and nobody can tell: so nothing of it is cut, and who
//! reads it reads all of it. It is let go by the thread of the tables, once no
//! download needs it: to free hundreds of megabytes holds a thread up, and others
//! have answers to give.

use crate::disk::SharedFile;
use std::sync::Arc;

/// Those of a table.
#[derive(Default)]
pub(super) struct Leaving(Vec<SharedFile>);

impl Leaving {
    /// One more.
    pub fn add(&mut self, file: SharedFile) {
        self.0.push(file);
    }

    /// Lets go of one that nobody here reads. Returns whether there is another, which should wait a little.
    pub fn free(&mut self) -> bool {
        let unread = |file: &SharedFile| Arc::strong_count(file) == 1;
        let Some(nth) = self.0.iter().position(unread) else {
            return false;
        };
        self.0.swap_remove(nth);
        self.0.iter().any(unread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk as _, Open, RealDisk};

    #[test]
    fn one_at_a_time_goes_and_none_that_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let make = |name: &str| RealDisk.open(&dir.path().join(name), Open::New).unwrap();
        let read = make("read");
        let mut leaving = Leaving::default();
        leaving.add(read.clone());
        leaving.add(make("other"));
        leaving.add(make("third"));
        assert!(leaving.free());
        assert!(!leaving.free() && !leaving.free());
        assert_eq!(leaving.0.len(), 1);
        drop(read);
        assert!(!leaving.free() && leaving.0.is_empty());
    }
}
