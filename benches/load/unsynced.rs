//! The machine's disk, but for the syncs of the journal: what they cost is the difference.

use rowhook::disk::{Disk, File, Open, RealDisk, SharedFile, Stat};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A disk on which a sync of a journal file does nothing.
pub struct UnsyncedJournal;

struct Unsynced(SharedFile);

impl File for Unsynced {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn stat(&self) -> io::Result<Stat> {
        self.0.stat()
    }
}

impl Disk for UnsyncedJournal {
    fn open(&self, path: &Path, how: Open) -> io::Result<SharedFile> {
        let file = RealDisk.open(path, how)?;
        let journal = path.parent().is_some_and(|dir| dir.ends_with("journal"));
        Ok(if journal {
            Arc::new(Unsynced(file))
        } else {
            file
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        RealDisk.stat(path)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(dir)
    }
}
