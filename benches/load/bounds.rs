//! The memory of a small server, for what keeps a file in memory as well.
//!
//! The system keeps what is written in memory as long as it has any that is free. On a virtual machine memory that was not used
//! before is given by its host only then, which costs ten times what the write does: a benchmark that writes gigabytes would
//! find that each event costs more, the more came before it. Within bounds the same memory is used again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

/// A control group that this process and all that it starts belong to, until it is dropped.
pub struct Bounds {
    group: PathBuf,
    above: PathBuf,
}

impl Bounds {
    /// Bounds of `bytes`.
    ///
    /// # Errors
    ///
    /// When the system has no such groups, or this user may not make any.
    pub fn of(bytes: u64) -> io::Result<Self> {
        // Where the memory of groups is bounded in a hierarchy of its own, and where there is one for all.
        let [old, new] = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"].map(Path::new);
        if old.join("memory.limit_in_bytes").exists() {
            return Self::within(old, "memory.limit_in_bytes", bytes);
        }
        fs::write(new.join("cgroup.subtree_control"), "+memory")?;
        Self::within(new, "memory.max", bytes)
    }

    fn within(above: &Path, limit: &str, bytes: u64) -> io::Result<Self> {
        let group = above.join(format!("rowhook-bench-{}", process::id()));
        fs::create_dir(&group)?;
        let bounds = Self {
            group,
            above: above.to_owned(),
        };
        fs::write(bounds.group.join(limit), bytes.to_string())?;
        enter(&bounds.group)?;
        Ok(bounds)
    }
}

fn enter(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), process::id().to_string())
}

impl Drop for Bounds {
    fn drop(&mut self) {
        let left = enter(&self.above).and_then(|()| fs::remove_dir(&self.group));
        if let Err(error) = left {
            eprintln!("{} stays: {error}", self.group.display());
        }
    }
}
