//! Whether the files of days that are over are still what rowhook wrote. It is
//! found by looking, when somebody asks: nothing watches days that are over.

use crate::disk::{Open, SharedDisk, Stat};
use crate::event::{Day, SourceName};
use crate::layout::Layout;
use crate::table::{PartState, is_what_it_was};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// What became of a day's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Files {
    /// They are as they were written.
    Whole,
    /// One was touched, as by a restore from a backup, and is too large to be read for a list.
    Touched,
    /// One was changed by somebody.
    Edited,
    /// One is not there.
    Missing,
}

impl Files {
    /// The word for it in lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Touched => "touched",
            Self::Edited => "edited",
            Self::Missing => "missing",
        }
    }
}

/// Bytes that are read for one list.
const READ_MAX: u64 = 64 << 20;
/// Files whose content is remembered as compared.
const COMPARED_MAX: usize = 10_000;

/// Looks at files, and remembers those that it had to read.
#[derive(Debug, Default)]
pub struct Changes {
    compared: Mutex<HashMap<PathBuf, (Stat, bool)>>,
}

impl Changes {
    /// One list's look at files.
    #[must_use]
    pub fn look<'a>(&'a self, disk: &'a SharedDisk, layout: &'a Layout) -> Look<'a> {
        Look {
            changes: self,
            disk,
            layout,
            read_bytes: 0,
        }
    }
}

/// One list's look at files.
pub struct Look<'a> {
    changes: &'a Changes,
    disk: &'a SharedDisk,
    layout: &'a Layout,
    read_bytes: u64,
}

impl Look<'_> {
    /// What became of the files of a day that is over.
    ///
    /// # Errors
    /// Whatever the disk answers.
    pub fn at(&mut self, source: &SourceName, day: Day, parts: &[PartState]) -> io::Result<Files> {
        let mut worst = Files::Whole;
        for (number, part) in (1..).zip(parts) {
            worst = worst.max(self.file(self.layout.csv(source, day, number), part)?);
        }
        Ok(worst)
    }

    fn file(&mut self, path: PathBuf, part: &PartState) -> io::Result<Files> {
        let Some(now) = self.disk.stat(&path)? else {
            return Ok(Files::Missing);
        };
        if now == part.stat {
            return Ok(Files::Whole);
        }
        if now.bytes != part.bytes {
            return Ok(Files::Edited);
        }
        let compared = &self.changes.compared;
        let known = compared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&path)
            .copied();
        let same = match known {
            Some((stat, same)) if stat == now => same,
            _ if self.read_bytes + now.bytes > READ_MAX => return Ok(Files::Touched),
            _ => {
                self.read_bytes += now.bytes;
                let file = self.disk.open(&path, Open::Read)?;
                let same = is_what_it_was(&*file, part)?;
                let mut compared = compared.lock().unwrap_or_else(PoisonError::into_inner);
                if compared.len() >= COMPARED_MAX {
                    compared.clear();
                }
                compared.insert(path, (now, same));
                same
            }
        };
        Ok(if same { Files::Whole } else { Files::Edited })
    }
}
