//! The one boundary to the disk. The journal and the tables do all their file
//! work through [`Disk`], so that a failing or forgetting disk can be put in
//! its place. Says nothing about what the files mean.
//!
//! What it promises is what POSIX promises: nothing is durable before
//! [`File::sync`], no name before [`Disk::sync_dir`].

mod lock;
mod real;
mod sealed;
#[cfg(test)]
pub(crate) mod tests;

pub use lock::{Lock, LockError};
pub use real::RealDisk;
pub use sealed::{Sealed, get_sealed, put_sealed};

use rustix::io::Errno;
use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What tells one version of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stat {
    /// The file's number within its file system.
    pub inode: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// When its content last changed, in nanoseconds since 1970.
    pub modified_ns: i64,
}

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    Write,
    /// A new file, for reading and writing; an error when the name is taken.
    New,
    /// A new or emptied file, for reading and writing.
    Fresh,
}

/// An open file. Positions are explicit, so one handle serves several readers.
pub trait File: Send + Sync {
    /// Reads at most `buf.len()` bytes at `offset`; 0 at the end of the file.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The same as far as it is in memory, for threads that must not wait for a disk.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is; else whatever the system answers.
    fn read_ready_at(&self, _buf: &mut [u8], _offset: u64) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Sends at most `range` of it to a socket, past our memory; 0 at the end of the file. What is not in memory is waited for.
    ///
    /// # Errors
    /// `Unsupported` where that cannot be done; else whatever the system answers.
    fn send_to(&self, _socket: BorrowedFd<'_>, _range: Range<u64>) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// Whatever the system answers; part of the bytes may then stand in the file.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes content and length durable. After an error nothing is known of what was written since the last success.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn sync(&self) -> io::Result<()>;

    /// Cuts or extends to `bytes`.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// What the file is now.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn stat(&self) -> io::Result<Stat>;

    /// Says that the bytes at `range` are not needed in memory any more. They stay what they are; those that are not synced yet
    /// stay in memory too.
    fn leave_memory(&self, _range: Range<u64>) {}
}

/// A shared open file.
pub type SharedFile = Arc<dyn File>;

/// A disk, or what stands for one.
pub trait Disk: Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// `Unsupported` when something else has the name, a folder or a pipe; else whatever the system answers.
    fn open(&self, path: &Path, how: Open) -> io::Result<SharedFile>;

    /// Gives `from` the name `to`, in place of what had it.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes the name away.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in `dir` durable.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Makes `dir` and what leads to it, each synced into its parent; one that is there is synced into its parent too.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// The names in `dir`, unordered; none when there is no such folder.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// What stands under `path`, or nothing. A link to a file has the content of that file, and a number of its own.
    ///
    /// # Errors
    /// Whatever the system answers, other than "not found".
    fn stat(&self, path: &Path) -> io::Result<Option<Stat>>;

    /// Bytes that can still be written below `dir`.
    ///
    /// # Errors
    /// Whatever the system answers.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// A shared disk.
pub type SharedDisk = Arc<dyn Disk>;

/// Whether a file could not be opened because there is none under its name: nothing, a folder, a pipe, a link that leads nowhere.
#[must_use]
pub fn is_no_file(error: &io::Error) -> bool {
    let is_loop = error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
    let kinds = [io::ErrorKind::NotFound, io::ErrorKind::Unsupported];
    is_loop || kinds.contains(&error.kind())
}

/// Reads `range` of `file` into `out`, which is cleared first; fewer bytes only where the file ends.
///
/// # Errors
/// Whatever the system answers.
pub fn read_range(file: &dyn File, range: Range<u64>, out: &mut Vec<u8>) -> io::Result<()> {
    out.clear();
    let wanted = usize::try_from(range.end.saturating_sub(range.start))
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    out.resize(wanted, 0);
    let mut filled = 0;
    while filled < wanted {
        match file.read_at(&mut out[filled..], range.start + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    out.truncate(filled);
    Ok(())
}

/// Reads a whole small file, or nothing when there is none.
///
/// # Errors
/// Whatever the system answers, other than "not found".
pub fn read_small(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path, Open::Read) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut content = Vec::new();
    read_range(&*file, 0..file.stat()?.bytes, &mut content)?;
    Ok(Some(content))
}

/// Replaces `path` by `content`, so that a crash leaves the old file or the new one, whole.
///
/// # Errors
/// Whatever the system answers; the old file then still stands.
pub fn replace(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = beside(path, "new");
    let done = (|| {
        let file = disk.open(&beside, Open::Fresh)?;
        file.write_at(content, 0)?;
        file.sync()?;
        drop(file);
        disk.rename(&beside, path)?;
        disk.sync_dir(parent(path))
    })();
    if done.is_err() {
        let _ = disk.remove(&beside);
    }
    done
}

/// The hidden name next to `path` under which its next version is written.
#[must_use]
pub fn beside(path: &Path, what: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{what}"))
}

/// The folder that holds `path`.
#[must_use]
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}
