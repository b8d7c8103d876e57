//! Room for columns that come in the middle of a day.

use super::day::{Table, TableError};
use super::files::Part;
use crate::disk::{beside, parent};

impl Table {
    /// Whether rows wait for a wider file.
    #[must_use]
    pub fn needs_widening(&self) -> bool {
        self.wanted_width() > self.part.columns
    }

    /// The width that the last row which fits into the file needs.
    fn wanted_width(&self) -> usize {
        self.fitting()
            .last()
            .map_or(self.part.columns, |row| row.columns)
    }

    /// Writes the file anew beside itself with all columns that its rows need, and puts it in its place. A crash on the way
    /// leaves the old file or the new one, and a checkpoint that knows both. `between` is called after every piece that was
    /// written and synced.
    ///
    /// # Errors
    /// [`TableError::Changed`], or what the disk answers; the old file then still stands.
    pub fn widen(&mut self, between: &mut dyn FnMut()) -> Result<(), TableError> {
        let width = self.wanted_width();
        self.part.settle()?;
        self.part.check(&self.disk)?;
        let (mut old_header, mut header) = (Vec::new(), Vec::new());
        self.columns
            .write_header(self.part.columns, &mut old_header);
        self.columns.write_header(width, &mut header);
        let path = beside(&self.part.path, "wider");
        let wide = self.part.write_wider(
            &self.disk,
            path.clone(),
            old_header.len() as u64,
            &header,
            width,
            between,
        );
        let done = wide.and_then(|wide| self.put_wider(wide));
        if done.is_err() {
            let _ = self.disk.remove(&path);
        }
        done
    }

    /// Lets go of a piece of the files whose place wider ones took. Returns whether there is more, which should wait a little.
    pub fn free_old(&mut self) -> bool {
        self.leaving.free()
    }

    fn put_wider(&mut self, mut wide: Part) -> Result<(), TableError> {
        if !self.beside {
            self.part.sync()?;
            self.state(Some(wide.state()))
                .save(&self.disk, &self.layout)?;
            self.part.check(&self.disk)?;
        }
        self.disk.rename(&wide.path, &self.part.path)?;
        wide.path.clone_from(&self.part.path);
        let old = std::mem::replace(&mut self.part, wide);
        self.leaving.add(old.file, old.bytes);
        self.dirty = Some(self.dirty.unwrap_or(0));
        self.disk.sync_dir(parent(&self.part.path))?;
        Ok(())
    }
}
