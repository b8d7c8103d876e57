//! The disk of the machine: files 0640, folders 0750.

use super::{Disk, File, Open, SharedFile, Stat, parent};
use rustix::fs::{Advice, fadvise, sendfile};
use rustix::io::{ReadWriteFlags, preadv2};
use std::fs;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

/// The real file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

struct RealFile(fs::File);

fn stat_of(meta: &fs::Metadata) -> Stat {
    let modified_ns = meta
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(meta.mtime_nsec());
    Stat {
        inode: meta.ino(),
        bytes: meta.len(),
        modified_ns,
    }
}

impl File for RealFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn read_ready_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let bufs = &mut [IoSliceMut::new(buf)];
        Ok(preadv2(&self.0, bufs, offset, ReadWriteFlags::NOWAIT)?)
    }

    fn send_to(&self, socket: BorrowedFd<'_>, range: Range<u64>) -> io::Result<usize> {
        let mut at = range.start;
        let bytes = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        Ok(sendfile(socket, &self.0, Some(&mut at), bytes)?)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn stat(&self) -> io::Result<Stat> {
        self.0.metadata().map(|m| stat_of(&m))
    }

    fn leave_memory(&self, range: Range<u64>) {
        let bytes = NonZeroU64::new(range.end.saturating_sub(range.start));
        // Only a hint.
        let _ = fadvise(&self.0, range.start, bytes, Advice::DontNeed);
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<SharedFile> {
        // To open a pipe would wait for its other end, and a folder opens and gives nothing.
        if matches!(how, Open::Read | Open::Write) && !fs::metadata(path)?.is_file() {
            let what = "it is no regular file";
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        }
        let mut options = fs::OpenOptions::new();
        options.read(true).mode(0o640);
        match how {
            Open::Read => &mut options,
            Open::Write => options.write(true),
            Open::New => options.write(true).create_new(true),
            Open::Fresh => options.write(true).create(true).truncate(true),
        };
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let above = parent(dir);
        if dir.is_dir() {
            // Whoever made it may have died before its name was durable. A folder that must not be read was not made by us.
            return match self.sync_dir(above) {
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
                synced => synced,
            };
        }
        self.create_dir(above)?;
        match fs::DirBuilder::new().mode(0o750).create(dir) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
            _ => self.sync_dir(above),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        let mut names = Vec::new();
        for entry in entries {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn stat(&self, path: &Path) -> io::Result<Option<Stat>> {
        match fs::symlink_metadata(path) {
            // What opening it gives, but as another file. One that leads nowhere is there all the same.
            Ok(link) if link.is_symlink() => {
                let its_own = stat_of(&link);
                let target = fs::metadata(path).map_or(its_own, |meta| stat_of(&meta));
                Ok(Some(Stat {
                    inode: its_own.inode,
                    ..target
                }))
            }
            Ok(meta) => Ok(Some(stat_of(&meta))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(dir)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}
