//! A real disk that fails when told to. It never syncs: the tests that use it
//! ask what the code does, not what the machine does.

use super::{Disk, File, Open, RealDisk, SharedDisk, SharedFile, Stat};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) const EIO: i32 = 5;
pub(crate) const ENOSPC: i32 = 28;

/// What changes a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Make,
    Write,
    Sync,
    SetLen,
    Rename,
    Remove,
    SyncDir,
}

#[derive(Debug)]
struct Rule {
    op: Option<Op>,
    path: String,
    skip: u64,
    count: u64,
    errno: i32,
}

/// When the disk fails.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    done: AtomicU64,
    rule: Mutex<Option<Rule>>,
}

impl Faults {
    /// From now on, after `skip` of them, `count` operations of the kind on paths that hold `path` fail.
    pub fn fail(&self, op: Option<Op>, path: &str, skip: u64, count: u64, errno: i32) {
        *self.rule.lock().unwrap() = Some(Rule {
            op,
            path: path.into(),
            skip,
            count,
            errno,
        });
    }

    /// After `skip` operations more nothing changes any more: the process is as good as killed.
    pub fn die_after(&self, skip: u64) {
        self.fail(None, "", skip, u64::MAX, EIO);
    }

    pub fn clear(&self) {
        *self.rule.lock().unwrap() = None;
    }

    /// How many operations there were.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    fn check(&self, op: Op, path: &Path) -> io::Result<()> {
        self.done.fetch_add(1, Ordering::Relaxed);
        let mut rule = self.rule.lock().unwrap();
        let Some(rule) = &mut *rule else {
            return Ok(());
        };
        if rule.op.is_some_and(|o| o != op) || !path.to_string_lossy().contains(&rule.path) {
            return Ok(());
        }
        if rule.skip > 0 {
            rule.skip -= 1;
            return Ok(());
        }
        if rule.count == 0 {
            return Ok(());
        }
        rule.count -= 1;
        Err(io::Error::from_raw_os_error(rule.errno))
    }
}

struct FaultyDisk {
    faults: Arc<Faults>,
}

struct FaultyFile {
    file: SharedFile,
    path: PathBuf,
    faults: Arc<Faults>,
}

/// The disk, and what makes it fail.
pub(crate) fn faulty() -> (SharedDisk, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let disk = FaultyDisk {
        faults: faults.clone(),
    };
    (Arc::new(disk), faults)
}

impl File for FaultyFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    /// One that fails leaves half of the bytes.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let dead = self
            .faults
            .rule
            .lock()
            .unwrap()
            .as_ref()
            .is_some_and(|r| r.op.is_none() && r.skip == 0);
        let outcome = self.faults.check(Op::Write, &self.path);
        if outcome.is_ok() {
            self.file.write_at(bytes, offset)
        } else {
            if !dead {
                self.file.write_at(&bytes[..bytes.len() / 2], offset)?;
            }
            outcome
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.faults.check(Op::Sync, &self.path)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.faults.check(Op::SetLen, &self.path)?;
        self.file.set_len(bytes)
    }

    fn stat(&self) -> io::Result<Stat> {
        self.file.stat()
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<SharedFile> {
        if matches!(how, Open::New | Open::Fresh) {
            self.faults.check(Op::Make, path)?;
        }
        Ok(Arc::new(FaultyFile {
            file: RealDisk.open(path, how)?,
            path: path.to_owned(),
            faults: self.faults.clone(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.faults.check(Op::Rename, to)?;
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.faults.check(Op::Remove, path)?;
        RealDisk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.faults.check(Op::SyncDir, dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        self.faults.check(Op::Make, dir)?;
        std::fs::create_dir_all(dir)
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
