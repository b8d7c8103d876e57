//! Whether the files of days that are over are still what rowhook wrote. It is
//! found by looking, when somebody asks: nothing watches days that are over.

use crate::disk::{Open, SharedDisk, Stat};
use crate::event::{Day, SourceName};
use crate::layout::Layout;
use crate::table::{PartState, SumState, is_what_it_was};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
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

/// Bytes that are read for one list.
const READ_MAX: u64 = 64 << 20;
/// Files whose content is remembered as compared.
const COMPARED_MAX: usize = 10_000;

/// Looks at files, and remembers those that it had to read.
#[derive(Debug, Default)]
pub struct Changes {
    compared: Mutex<HashMap<PathBuf, Compared>>,
}

/// What a file was held against, and what came of it.
#[derive(Debug, Clone, Copy)]
struct Compared {
    stat: Stat,
    sum: SumState,
    same: bool,
}

impl Changes {
    /// Whether a file, which is `now` under `path` and as long as `part`, has the same bytes. It is read once in each of its
    /// versions.
    ///
    /// # Errors
    /// Whatever the disk answers.
    pub fn is_same(
        &self,
        disk: &SharedDisk,
        path: &Path,
        now: Stat,
        part: &PartState,
    ) -> io::Result<bool> {
        if let Some(same) = self.known(path, now, part) {
            return Ok(same);
        }
        let file = disk.open(path, Open::Read)?;
        let same = is_what_it_was(&*file, part)?;
        // What was read is what is remembered only if nobody wrote meanwhile.
        if file.stat()? == now {
            let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
            if compared.len() >= COMPARED_MAX {
                compared.clear();
            }
            let (stat, sum) = (now, part.sum);
            compared.insert(path.to_owned(), Compared { stat, sum, same });
        }
        Ok(same)
    }

    fn known(&self, path: &Path, now: Stat, part: &PartState) -> Option<bool> {
        let compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        let found = compared.get(path)?;
        (found.stat == now && found.sum == part.sum).then_some(found.same)
    }

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
            worst = worst.max(self.file(&self.layout.csv(source, day, number), part)?);
        }
        Ok(worst)
    }

    fn file(&mut self, path: &Path, part: &PartState) -> io::Result<Files> {
        let Some(now) = self.disk.stat(path)? else {
            return Ok(Files::Missing);
        };
        if now == part.stat {
            return Ok(Files::Whole);
        }
        if now.bytes != part.bytes {
            return Ok(Files::Edited);
        }
        if self.changes.known(path, now, part).is_none() {
            if self.read_bytes + now.bytes > READ_MAX {
                return Ok(Files::Touched);
            }
            self.read_bytes += now.bytes;
        }
        let same = self.changes.is_same(self.disk, path, now, part)?;
        Ok(if same { Files::Whole } else { Files::Edited })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use crate::event::Preset;
    use crate::flatten::Rules;
    use crate::table::{Table, TableOptions};

    #[test]
    fn a_file_is_read_once_in_each_of_its_versions() {
        let dir = tempfile::tempdir().unwrap();
        let disk: SharedDisk = std::sync::Arc::new(RealDisk);
        let layout = Layout::new(dir.path());
        let (source, day) = (SourceName::new("orders").unwrap(), "2020-01-01");
        let day: Day = day.parse().unwrap();
        let rules = Rules {
            preset: Preset::Generic,
            columns_max: 1000,
            guard: true,
            bom: false,
            columns: None,
        };
        let options = TableOptions {
            rules,
            part_rows: 1000,
        };
        let made = Table::create(
            disk.clone(),
            layout.clone(),
            source.clone(),
            day,
            options,
            &[],
            false,
        );
        let part = made.unwrap().state(None).parts[0];
        let path = layout.csv(&source, day, 1);
        let text = std::fs::read(&path).unwrap();
        let changes = Changes::default();
        for (written, same) in [(text.clone(), true), (vec![b'x'; text.len()], false)] {
            std::fs::write(&path, &written).unwrap();
            let now = disk.stat(&path).unwrap().unwrap();
            let is_same = || changes.is_same(&disk, &path, now, &part);
            assert_eq!(is_same().unwrap(), same);
            // What is not there any more is not read again.
            std::fs::remove_file(&path).unwrap();
            assert_eq!(is_same().unwrap(), same);
        }
    }
}
