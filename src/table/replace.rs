//! A table that was made anew takes the place of what stands there.

use super::checkpoint::PartState;
use super::day::{Table, TableError, part_path};
use super::files::is_start_of;
use crate::disk::{File, Open, SharedFile, Stat, is_no_file};
use std::io;
use std::path::{Path, PathBuf};

impl Table {
    /// What its files are now.
    #[must_use]
    pub fn stats(&self) -> Vec<Stat> {
        let full = self.full.iter().map(|part| part.stat);
        full.chain([self.part.left]).collect()
    }

    /// What those of its files are that nobody can have changed, now that one of them is not what we left: of the last one
    /// that is known only if it is another one that was changed.
    #[must_use]
    pub fn certainly_ours(&self) -> Vec<Stat> {
        let is_changed = |(number, part): (u32, &PartState)| {
            let path = self.layout.csv(&self.source, self.day, number);
            !matches!(self.disk.stat(&path), Ok(Some(stat)) if stat == part.stat)
        };
        let mut ours = self.stats();
        if self.is_comparing() || !(1..).zip(&self.full).any(is_changed) {
            ours.pop();
        }
        ours
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

    /// Puts a table that was made beside in the place of what stands there. A file that is still one of `ours`, as we left
    /// it, goes; any other is somebody else's and is set aside first, with `edited` in its name. `known` is what the table's
    /// files were when they were remembered.
    ///
    /// # Errors
    /// Whatever the disk answers.
    pub fn replace_old(
        &mut self,
        edited: &str,
        ours: &[Stat],
        known: &[PartState],
    ) -> Result<Vec<PathBuf>, TableError> {
        self.part.sync()?;
        // The checkpoint names the new files, whose last one gets its name last: a start that finds another file in its
        // place knows that this was cut off.
        self.beside = false;
        let mut state = self.state(None);
        state.old = ours.to_vec();
        state.save(&self.disk, &self.layout)?;
        let csv_dir = self.layout.csv_dir(&self.source);
        let mut aside = Vec::new();
        let parts = u32::try_from(self.full.len() + 1).unwrap_or(u32::MAX);
        // Before the last one gets its name: with that the table is in its place.
        self.clear_behind(parts, edited, ours, known, &mut aside)?;
        for (nth, number) in (1..=parts).enumerate() {
            let from = part_path(&self.layout, &self.source, self.day, number, true);
            let to = self.layout.csv(&self.source, self.day, number);
            let there = self.disk.stat(&to)?;
            if let Some(there) = there.filter(|there| !ours.contains(there)) {
                // A crash leaves no less than was remembered, unless it is a file whose place another was about to take.
                let cut = known.get(nth).is_some_and(|part| {
                    let replaced =
                        |old: &Stat| old.inode == there.inode && part.stat.inode != old.inode;
                    there.bytes < part.bytes && !ours.iter().any(replaced)
                });
                let new = self.disk.open(&from, Open::Read)?;
                if let Some(path) = self.set_aside(number, &new, edited, cut)? {
                    // Their version must have its new name before ours takes the old one.
                    self.disk.sync_dir(&csv_dir)?;
                    aside.push(path);
                }
            }
            self.disk.rename(&from, &to)?;
        }
        self.part.path = self.layout.csv(&self.source, self.day, parts);
        // The table is in its place. Should this fail, the next checkpoint syncs the folder before it counts.
        let _ = self.disk.sync_dir(&csv_dir);
        self.dirty = Some(0);
        Ok(aside)
    }

    /// The new table has `parts` files. Where rules leave rows out, or the journal lacks some, the old one may have had more: of
    /// those what is one of `ours` goes, and what is not is set aside.
    fn clear_behind(
        &self,
        parts: u32,
        edited: &str,
        ours: &[Stat],
        known: &[PartState],
        aside: &mut Vec<PathBuf>,
    ) -> Result<(), TableError> {
        let remembered = u32::try_from(known.len()).unwrap_or(u32::MAX);
        let more = u32::try_from(ours.len()).unwrap_or(u32::MAX);
        let mut cleared = false;
        for number in (parts + 1..=remembered.max(parts.saturating_add(more))).rev() {
            let path = self.layout.csv(&self.source, self.day, number);
            match self.disk.stat(&path)? {
                Some(there) if ours.contains(&there) => self.disk.remove(&path)?,
                Some(there) if number <= remembered && there.bytes > 0 => {
                    aside.extend(self.give_other_name(&path, edited)?);
                }
                _ => continue,
            }
            cleared = true;
        }
        if cleared {
            self.disk.sync_dir(&self.layout.csv_dir(&self.source))?;
        }
        Ok(())
    }

    /// Gives what stands under a part's name another one, unless it is empty or the beginning of `ours`; one that somebody
    /// `cut` is kept all the same.
    fn set_aside(
        &self,
        number: u32,
        ours: &SharedFile,
        edited: &str,
        cut: bool,
    ) -> Result<Option<PathBuf>, TableError> {
        let path = self.layout.csv(&self.source, self.day, number);
        let there = match self.disk.open(&path, Open::Read) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) if is_no_file(&e) || e.kind() == io::ErrorKind::PermissionDenied => {
                return self.give_other_name(&path, edited);
            }
            Err(e) => return Err(e.into()),
        };
        if there.stat()?.bytes == 0 || (!cut && is_start_of(&*there, &**ours)?) {
            return Ok(None);
        }
        if self.is_kept(&stem_of(&path), &*there)? {
            return Ok(None);
        }
        self.give_other_name(&path, edited)
    }

    fn give_other_name(&self, path: &Path, edited: &str) -> Result<Option<PathBuf>, TableError> {
        let stem = stem_of(path);
        for nth in 1.. {
            let again = if nth == 1 {
                String::new()
            } else {
                format!("-{nth}")
            };
            let aside = path.with_file_name(format!("{stem}.edited-{edited}{again}.csv"));
            if self.disk.stat(&aside)?.is_none() {
                self.disk.rename(path, &aside)?;
                return Ok(Some(aside));
            }
        }
        Ok(None)
    }

    /// Whether this version of a file is kept already: somebody, or some program, may put it back again and again. A copy that
    /// cannot be read keeps nothing that is known of, and is no reason to wait: then this version is kept besides.
    fn is_kept(&self, stem: &str, there: &dyn File) -> io::Result<bool> {
        let dir = self.layout.csv_dir(&self.source);
        let (start, bytes) = (format!("{stem}.edited-"), there.stat()?.bytes);
        let is_copy = |name: &String| {
            let path = dir.join(name);
            let as_long = self
                .disk
                .stat(&path)?
                .is_some_and(|stat| stat.bytes == bytes);
            Ok::<_, io::Error>(as_long && is_start_of(there, &*self.disk.open(&path, Open::Read)?)?)
        };
        let names = self.disk.list(&dir)?;
        let mut copies = names.iter().filter(|name| name.starts_with(&start));
        Ok(copies.any(|name| is_copy(name).unwrap_or(false)))
    }
}

/// The name of a file without its ending.
fn stem_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}
