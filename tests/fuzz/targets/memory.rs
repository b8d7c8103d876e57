//! A disk in memory: nothing of it fails, and no input waits for a sync.

use rowhook::disk::{Disk, File, Open, SharedFile, Stat};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files by their path; folders are there once they are asked for.
#[derive(Default)]
pub struct MemoryDisk {
    files: Mutex<BTreeMap<PathBuf, Arc<MemoryFile>>>,
}

#[derive(Default)]
struct MemoryFile(Mutex<Vec<u8>>);

/// What is behind a lock, also after an input that panicked.
fn inside<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn offset(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl MemoryDisk {
    pub fn put(&self, path: &Path, content: &[u8]) {
        let file = Arc::new(MemoryFile(Mutex::new(content.to_vec())));
        inside(&self.files).insert(path.to_owned(), file);
    }

    /// What the file holds; nothing when there is none.
    pub fn get(&self, path: &Path) -> Vec<u8> {
        let file = inside(&self.files).get(path).cloned();
        file.map_or(Vec::new(), |file| inside(&file.0).clone())
    }

    /// Removes all files below `dir`.
    pub fn forget(&self, dir: &Path) {
        inside(&self.files).retain(|path, _| !path.starts_with(dir));
    }

    /// All files with what is in them, in the order of their paths.
    pub fn all(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let files = inside(&self.files);
        let content = |file: &MemoryFile| inside(&file.0).clone();
        files.iter().map(|(p, f)| (p.clone(), content(f))).collect()
    }
}

impl File for MemoryFile {
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let bytes = inside(&self.0);
        let rest = bytes.get(offset(at)..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let (mut content, at) = (inside(&self.0), offset(at));
        let end = at + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[at..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        inside(&self.0).resize(offset(bytes), 0);
        Ok(())
    }

    fn stat(&self) -> io::Result<Stat> {
        Ok(Stat {
            inode: 1,
            bytes: inside(&self.0).len() as u64,
            modified_ns: 0,
        })
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<SharedFile> {
        let mut files = inside(&self.files);
        let found = files.get(path).cloned();
        match (how, found) {
            (Open::Read | Open::Write, None) => Err(io::ErrorKind::NotFound.into()),
            (Open::New, Some(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            (Open::Read | Open::Write, Some(file)) => Ok(file),
            (Open::New | Open::Fresh, _) => {
                let file = Arc::new(MemoryFile::default());
                files.insert(path.to_owned(), file.clone());
                Ok(file)
            }
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = inside(&self.files);
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let removed = inside(&self.files).remove(path);
        removed.map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let files = inside(&self.files);
        let below = |path: &PathBuf| -> Option<String> {
            let first = path.strip_prefix(dir).ok()?.iter().next()?;
            Some(first.to_string_lossy().into_owned())
        };
        // A folder is there once for all that is in it.
        let names: BTreeSet<String> = files.keys().filter_map(below).collect();
        Ok(names.into_iter().collect())
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        let file = inside(&self.files).get(path).cloned();
        file.map(|file| file.stat()).transpose()
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}
