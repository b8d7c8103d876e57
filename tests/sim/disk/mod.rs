//! A disk in memory that forgets: what was not synced may be lost, torn or
//! reordered by a power cut, and survives the death of the process. Every call
//! is counted and may be told to fail. Driven by a seed.

pub mod faults;
mod inode;
mod names;
#[cfg(test)]
mod tests;

use fastrand::Rng;
use faults::{ENOSPC, Faults, Happens, Op};
use inode::Inode;
use names::Folder;
use rowhook::disk::{Disk, File, Open, SharedDisk, SharedFile, Stat};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The disk; a clone is the same one.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

struct State {
    /// Never reused, so that a number tells one file from every other.
    inodes: Vec<Inode>,
    folders: BTreeMap<PathBuf, Folder>,
    moment: i64,
    capacity: Option<usize>,
    faults: Faults,
    rng: Rng,
}

struct SimFile {
    disk: SimDisk,
    inode: usize,
    writable: bool,
}

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

impl SimDisk {
    pub fn new(seed: u64) -> Self {
        let root = Folder::durable();
        Self(Arc::new(Mutex::new(State {
            inodes: Vec::new(),
            folders: BTreeMap::from([(PathBuf::from("/"), root)]),
            moment: 1_000_000,
            capacity: None,
            faults: Faults::default(),
            rng: Rng::with_seed(seed),
        })))
    }

    pub fn shared(&self) -> SharedDisk {
        Arc::new(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads or changes what fails.
    pub fn faults<T>(&self, then: impl FnOnce(&mut Faults) -> T) -> T {
        then(&mut self.state().faults)
    }

    /// Whatever is done within does not count and does not fail: the test's own look at the disk.
    pub fn quietly<T>(&self, then: impl FnOnce() -> T) -> T {
        let before = self.faults(|f| std::mem::replace(&mut f.quiet, true));
        let outcome = then();
        self.faults(|f| f.quiet = before);
        outcome
    }

    /// Leaves room for so many bytes more, or for any number.
    pub fn set_room(&self, bytes: Option<usize>) {
        let mut state = self.state();
        state.capacity = bytes.map(|bytes| state.used() + bytes);
    }

    /// Whether nothing is told to fail and there is room for anything.
    pub fn is_calm(&self) -> bool {
        let state = self.state();
        state.capacity.is_none() && state.faults.is_clear()
    }

    /// Another disk with the same content, durable and not.
    pub fn fork(&self) -> Self {
        let state = self.state();
        Self(Arc::new(Mutex::new(State {
            inodes: state.inodes.clone(),
            folders: state.folders.clone(),
            moment: state.moment,
            capacity: None,
            faults: Faults::default(),
            rng: state.rng.clone(),
        })))
    }

    /// The power goes. The process must have been dropped before.
    pub fn cut(&self, seed: u64) {
        let state = &mut *self.state();
        let rng = &mut Rng::with_seed(seed);
        for inode in &mut state.inodes {
            inode.cut(rng);
        }
        let mut lost: Vec<PathBuf> = Vec::new();
        for (path, folder) in &mut state.folders {
            let above = lost.iter().any(|gone| path.starts_with(gone));
            if above || (!folder.is_durable && rng.bool()) {
                lost.push(path.clone());
            } else {
                folder.cut(rng);
            }
        }
        state.folders.retain(|path, _| !lost.contains(path));
    }

    /// All files below `top` by their path.
    pub fn files(&self, top: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let mut found = BTreeMap::new();
        let folders = state.folders.iter();
        for (dir, folder) in folders.filter(|folder| folder.0.starts_with(top)) {
            for (name, inode) in &folder.now {
                found.insert(dir.join(name), state.inodes[*inode].now.clone());
            }
        }
        found
    }

    /// A file as it is now.
    pub fn peek(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let inode = state.lookup(path).ok()?;
        Some(state.inodes[inode].now.clone())
    }
}

impl State {
    fn call(&mut self, op: Op) -> faults::Fate {
        self.faults.fate(op, &mut self.rng)
    }

    /// A call that happens whole or not at all.
    fn check(&mut self, op: Op) -> (bool, io::Result<()>) {
        let fate = self.call(op);
        let happens = fate.happens == Happens::Whole;
        (happens, fate.error.map_or(Ok(()), |e| Err(errno(e))))
    }

    fn tick(&mut self) -> i64 {
        self.moment += 1000;
        self.moment
    }

    fn used(&self) -> usize {
        let names = self.folders.values().flat_map(|f| f.now.values());
        names.map(|inode| self.inodes[*inode].now.len()).sum()
    }

    fn room(&self) -> usize {
        let capacity = self.capacity.filter(|_| !self.faults.quiet);
        capacity.map_or(usize::MAX / 4, |all| all.saturating_sub(self.used()))
    }

    fn folder(&mut self, path: &Path) -> io::Result<&mut Folder> {
        self.folders
            .get_mut(folder_of(path))
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn lookup(&self, path: &Path) -> io::Result<usize> {
        let folder = self.folders.get(folder_of(path));
        let found = folder.and_then(|folder| folder.now.get(&name_of(path)));
        found.copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn make(&mut self, path: &Path, how: Open) -> io::Result<usize> {
        let moment = self.tick();
        match self.lookup(path) {
            Ok(_) if how == Open::New => Err(io::ErrorKind::AlreadyExists.into()),
            Ok(inode) => {
                self.inodes[inode].set_length(0, moment);
                Ok(inode)
            }
            Err(_) => {
                let inode = self.inodes.len();
                self.folder(path)?.link(&name_of(path), inode);
                self.inodes.push(Inode::new(moment));
                Ok(inode)
            }
        }
    }

    fn stat(&self, inode: usize) -> Stat {
        let file = &self.inodes[inode];
        Stat {
            inode: inode as u64,
            bytes: file.now.len() as u64,
            modified_ns: file.modified_ns,
        }
    }

    /// Writes as much as fits.
    fn write(&mut self, inode: usize, at: usize, bytes: &[u8]) -> io::Result<()> {
        let length = self.inodes[inode].now.len();
        let room = self.room();
        let until = (at + bytes.len()).min(length.saturating_add(room).max(at));
        let fits = if at + bytes.len() <= length {
            bytes.len()
        } else {
            until - at
        };
        let moment = self.tick();
        if fits > 0 {
            self.inodes[inode].write(at, &bytes[..fits], moment);
        }
        if fits < bytes.len() {
            self.faults.failed += 1;
            return Err(errno(ENOSPC));
        }
        Ok(())
    }
}

fn offset(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX / 4)
}

impl File for SimFile {
    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.check(Op::Read).1?;
        let content = &state.inodes[self.inode].now;
        let rest = content.get(offset(at)..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let fate = state.call(Op::Write);
        let wanted = match fate.happens {
            Happens::Whole => bytes.len(),
            Happens::Part => state.rng.usize(..=bytes.len()),
            Happens::Not => 0,
        };
        let written = state.write(self.inode, offset(at), &bytes[..wanted]);
        fate.error.map_or(written, |e| Err(errno(e)))
    }

    fn sync(&self) -> io::Result<()> {
        let state = &mut *self.disk.state();
        let fate = state.call(Op::Sync);
        let inode = &mut state.inodes[self.inode];
        match fate.error {
            Some(_) if !fate.dies => inode.fail_sync(&mut state.rng),
            _ if fate.happens == Happens::Whole => inode.sync(),
            _ => {}
        }
        fate.error.map_or(Ok(()), |e| Err(errno(e)))
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let (happens, outcome) = state.check(Op::SetLength);
        if happens {
            let moment = state.tick();
            state.inodes[self.inode].set_length(offset(bytes), moment);
        }
        outcome
    }

    fn stat(&self) -> io::Result<Stat> {
        let mut state = self.disk.state();
        state.check(Op::Stat).1?;
        Ok(state.stat(self.inode))
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<SharedFile> {
        let mut state = self.state();
        let making = matches!(how, Open::New | Open::Fresh);
        let (happens, outcome) = state.check(if making { Op::Make } else { Op::Open });
        let inode = match (happens, making) {
            (false, _) => Err(io::ErrorKind::NotFound.into()),
            (true, true) => state.make(path, how),
            (true, false) => state.lookup(path),
        };
        let inode = outcome.and(inode)?;
        Ok(Arc::new(SimFile {
            disk: self.clone(),
            inode,
            writable: how != Open::Read,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        assert_eq!(folder_of(from), folder_of(to), "renamed across folders");
        let (happens, outcome) = state.check(Op::Rename);
        if happens {
            let inode = state.lookup(from)?;
            state
                .folder(from)?
                .rename(&name_of(from), &name_of(to), inode);
        }
        outcome
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let (happens, outcome) = state.check(Op::Remove);
        if happens {
            state.lookup(path)?;
            state.folder(path)?.unlink(&name_of(path));
        }
        outcome
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        let (happens, outcome) = state.check(Op::SyncFolder);
        if happens {
            let folder = state.folders.get_mut(dir);
            folder
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?
                .sync();
            for (path, below) in &mut state.folders {
                if folder_of(path) == dir {
                    below.is_durable = true;
                }
            }
        }
        outcome
    }

    /// A folder that is there already is synced into its parent all the same: whoever made it may have died before that.
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let above = folder_of(dir);
        if !self.state().folders.contains_key(dir) {
            self.create_dir(above)?;
            let mut state = self.state();
            let (happens, outcome) = state.check(Op::MakeFolder);
            if happens {
                state.folders.insert(dir.to_owned(), Folder::default());
            }
            outcome?;
        }
        if above == dir {
            return Ok(());
        }
        self.sync_dir(above)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.check(Op::List).1?;
        let mut names: Vec<String> = state
            .folders
            .get(dir)
            .map_or_else(Vec::new, |folder| folder.now.keys().cloned().collect());
        let below = state
            .folders
            .keys()
            .filter(|path| folder_of(path) == dir && *path != dir);
        names.extend(below.map(|path| name_of(path)));
        state.rng.shuffle(&mut names);
        Ok(names)
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        let mut state = self.state();
        state.check(Op::Stat).1?;
        Ok(state.lookup(path).ok().map(|inode| state.stat(inode)))
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        let mut state = self.state();
        state.check(Op::Free).1?;
        Ok(state.room() as u64)
    }
}
