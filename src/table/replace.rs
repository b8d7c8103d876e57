//! A table that was made anew takes the place of what stands there.

use super::checkpoint::Checkpoint;
use super::day::{Table, TableError, part_path};
use super::files::is_start_of;
use crate::disk::{Open, SharedDisk, SharedFile};
use crate::layout::Layout;
use std::io;
use std::path::PathBuf;

impl Table {
    /// Whether the files are what `state` says, each of them.
    ///
    /// # Errors
    /// Whatever the disk answers.
    pub fn is_as_left(disk: &SharedDisk, layout: &Layout, state: &Checkpoint) -> io::Result<bool> {
        for (number, part) in (1..).zip(&state.parts) {
            if disk.stat(&layout.csv(&state.source, state.day, number))? != Some(part.stat) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes the files away that were made beside.
    pub fn discard(&self) {
        for number in (1..).take(self.full.len() + 1) {
            let _ = self.disk.remove(&part_path(
                &self.layout,
                &self.source,
                self.day,
                number,
                true,
            ));
        }
    }

    /// Puts a table that was made beside in the place of what stands there. What is somebody else's is set aside first, with
    /// `edited` in its name; without that text, what stands there is ours and goes.
    ///
    /// # Errors
    /// Whatever the disk answers.
    pub fn replace_old(&mut self, edited: Option<&str>) -> Result<Vec<PathBuf>, TableError> {
        self.part.sync()?;
        // The checkpoint names the new files, whose last one gets its name last: a start that finds another file in its
        // place knows that this was cut off.
        self.beside = false;
        self.state(None).save(&self.disk, &self.layout)?;
        let mut aside = Vec::new();
        let parts = u32::try_from(self.full.len() + 1).unwrap_or(u32::MAX);
        for number in 1..=parts {
            let from = part_path(&self.layout, &self.source, self.day, number, true);
            let to = self.layout.csv(&self.source, self.day, number);
            if let Some(edited) = edited {
                let ours = self.disk.open(&from, Open::Read)?;
                aside.extend(self.set_aside(number, &ours, edited)?);
            }
            self.disk.rename(&from, &to)?;
        }
        self.part.path = self.layout.csv(&self.source, self.day, parts);
        self.disk.sync_dir(&self.layout.csv_dir(&self.source))?;
        self.dirty = Some(0);
        Ok(aside)
    }

    /// Gives what stands under a part's name another one, unless it is the beginning of `ours`.
    fn set_aside(
        &self,
        number: u32,
        ours: &SharedFile,
        edited: &str,
    ) -> Result<Option<PathBuf>, TableError> {
        let path = self.layout.csv(&self.source, self.day, number);
        let there = match self.disk.open(&path, Open::Read) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        if is_start_of(&*there, &**ours)? {
            return Ok(None);
        }
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for nth in 1.. {
            let again = if nth == 1 {
                String::new()
            } else {
                format!("-{nth}")
            };
            let aside = path.with_file_name(format!("{stem}.edited-{edited}{again}.csv"));
            if self.disk.stat(&aside)?.is_none() {
                self.disk.rename(&path, &aside)?;
                return Ok(Some(aside));
            }
        }
        Ok(None)
    }
}
