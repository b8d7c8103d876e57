//! One process per output directory.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Holds an output directory for this process until dropped; the system lets go of it when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: fs::File,
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error(
        "{path} is held by another rowhook{holder}; stop that one first, or give this one a directory of its own with --output"
    )]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// ` (process N)` where it is known.
        holder: String,
    },
    /// The system refused.
    #[error("cannot lock {path}: {error}; the user that runs rowhook must be able to write there")]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

impl Lock {
    /// Takes the lock in the file `path`, at once or not at all.
    ///
    /// # Errors
    /// When another process holds it, or the file cannot be made.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io = |error| LockError::Io {
            path: path.to_owned(),
            error,
        };
        let mut options = fs::OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640);
        let mut file = options.open(path).map_err(io)?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                let pid = pid.trim();
                let holder = if pid.is_empty() {
                    String::new()
                } else {
                    format!(" (process {pid})")
                };
                return Err(LockError::Held {
                    path: path.to_owned(),
                    holder,
                });
            }
            Err(e) => return Err(io(e.into())),
        }
        // Only a courtesy to whoever meets the lock: a full disk must not prevent the start.
        let _ = file.set_len(0);
        let _ = writeln!(file, "{}", std::process::id());
        Ok(Self { _file: file })
    }
}
