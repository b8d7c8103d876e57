//! One CSV file of a table: appended to, compared with what it should be,
//! widened beside itself.

use super::checkpoint::PartState;
use super::day::TableError;
use super::rows::{RowEnds, widen};
use super::sum::Sum;
use crate::disk::{File, Open, SharedDisk, SharedFile, Stat, is_no_file, read_range};
use std::io;
use std::path::PathBuf;

/// The file that rows are appended to.
pub(super) struct Part {
    pub path: PathBuf,
    pub file: SharedFile,
    pub rows: u64,
    pub bytes: u64,
    pub columns: usize,
    /// What we left: before each append it must still be that.
    pub left: Stat,
    /// The digest of all its bytes.
    sum: Sum,
    /// Until here the file held something when it was opened again. Rows that belong there are compared, not written.
    pub compare_until: u64,
    /// Whether zeros were found where rows belong.
    holes: bool,
}

const PIECE: u64 = 256 * 1024;
/// A file that is written anew is synced this often: while all of it goes to the disk at one stroke, no batch of the journal does,
/// and a hundred megabytes keep deliveries waiting for a tenth of a second.
const SYNC_BYTES: u64 = 256 * 1024;

impl Part {
    /// Makes a file with its header, in place of one of that name: names of unfinished files are ours.
    pub fn create(
        disk: &SharedDisk,
        path: PathBuf,
        header: &[u8],
        columns: usize,
    ) -> io::Result<Self> {
        let file = disk.open(&path, Open::Fresh)?;
        file.write_at(header, 0)?;
        let left = file.stat()?;
        let mut sum = Sum::new();
        sum.update(header);
        Ok(Self {
            path,
            file,
            rows: 0,
            bytes: header.len() as u64,
            columns,
            left,
            sum,
            compare_until: 0,
            holes: false,
        })
    }

    /// Opens the file that a checkpoint tells of. It is ours if it starts with `header` and holds what it held. Its time does
    /// not tell: a power cut may bring an older content back under a newer one, and rows behind the checkpoint give it another.
    pub fn reopen(
        disk: &SharedDisk,
        path: PathBuf,
        state: PartState,
        header: &[u8],
    ) -> Result<Option<Self>, TableError> {
        // Another one may be one that we may not open.
        let is_other = |there: Stat| there.inode != state.stat.inode;
        if disk.stat(&path)?.is_none_or(is_other) {
            return Ok(None);
        }
        let file = match disk.open(&path, Open::Write) {
            Ok(file) => file,
            Err(e) if is_no_file(&e) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let now = file.stat()?;
        let mut start = Vec::new();
        read_range(&*file, 0..header.len() as u64, &mut start)?;
        if start != header || now.bytes < state.bytes || now.inode != state.stat.inode {
            return Ok(None);
        }
        let sum = if now == state.stat {
            Sum::resume(state.sum, &*file, state.bytes)?
        } else {
            Sum::of(&*file, state.bytes)?
        };
        if sum.state() != state.sum {
            return Ok(None);
        }
        let PartState {
            rows,
            bytes,
            columns,
            ..
        } = state;
        let compare_until = if now.bytes > bytes { now.bytes } else { 0 };
        Ok(Some(Self {
            path,
            file,
            rows,
            bytes,
            columns,
            left: now,
            sum,
            compare_until,
            holes: false,
        }))
    }

    pub fn state(&self) -> PartState {
        PartState {
            rows: self.rows,
            bytes: self.bytes,
            columns: self.columns,
            stat: self.left,
            sum: self.sum.state(),
        }
    }

    /// Whether what stands under the name is what we left.
    pub fn check(&self, disk: &SharedDisk) -> Result<(), TableError> {
        if disk.stat(&self.path)? == Some(self.left) {
            Ok(())
        } else {
            Err(TableError::Changed)
        }
    }

    /// Whether rows that belong where the file holds something are yet to come.
    pub fn is_comparing(&self) -> bool {
        self.compare_until > self.bytes
    }

    /// Makes content and length durable.
    pub fn sync(&self) -> Result<(), TableError> {
        self.file.sync().map_err(TableError::Unsynced)
    }

    /// Appends `text`, `rows` rows, with one write.
    pub fn append(&mut self, disk: &SharedDisk, text: &[u8], rows: u64) -> Result<(), TableError> {
        self.check(disk)?;
        let known = self
            .compare_until
            .saturating_sub(self.bytes)
            .min(text.len() as u64);
        if known > 0 {
            let mut there = Vec::new();
            read_range(&*self.file, self.bytes..self.bytes + known, &mut there)?;
            // A crash may leave zeros where bytes were not synced. Nobody's change does, and rowhook writes none.
            let ours = |(there, text): (&u8, &u8)| there == text || *there == 0;
            if !there.iter().zip(text).all(ours) {
                return Err(TableError::Changed);
            }
            self.holes |= there != text[..there.len()];
        }
        if self.holes {
            // Not written to until all of it is known to be ours; and then it is made anew.
            self.bytes += text.len() as u64;
            self.rows += rows;
            return if self.is_comparing() {
                Ok(())
            } else {
                Err(TableError::Torn)
            };
        }
        // What is there already is written too: the process that wrote it may have died before its sync, or its sync may have
        // failed, and then it is in memory only.
        self.file.write_at(text, self.bytes)?;
        self.left = self.file.stat()?;
        self.sum.update(text);
        self.bytes += text.len() as u64;
        self.rows += rows;
        Ok(())
    }

    /// All that belongs in the file is in it: what else is in it is somebody else's, but for the zeros that a crash leaves.
    ///
    /// # Errors
    /// [`TableError::Changed`], or [`TableError::Torn`] when a crash left zeros in what is ours.
    pub fn settle(&mut self) -> Result<(), TableError> {
        if self.is_comparing() {
            let (mut piece, mut at) = (Vec::new(), self.bytes);
            while at < self.compare_until {
                read_range(
                    &*self.file,
                    at..self.compare_until.min(at + PIECE),
                    &mut piece,
                )?;
                if piece.is_empty() {
                    break;
                }
                if piece.iter().any(|&byte| byte != 0) {
                    return Err(TableError::Changed);
                }
                at += piece.len() as u64;
            }
            if !self.holes {
                self.file.set_len(self.bytes)?;
                self.left = self.file.stat()?;
            }
        }
        if self.holes {
            return Err(TableError::Torn);
        }
        self.compare_until = 0;
        Ok(())
    }

    /// Writes the same rows with the wider `header` to `path`, synced. The header now has `header_bytes`. `between` is called
    /// after every piece.
    pub fn write_wider(
        &self,
        disk: &SharedDisk,
        path: PathBuf,
        header_bytes: u64,
        header: &[u8],
        columns: usize,
        between: &mut dyn FnMut(),
    ) -> Result<Self, TableError> {
        let mut wide = Self::create(disk, path, header, columns)?;
        let (mut piece, mut out, mut ends) = (Vec::new(), Vec::new(), RowEnds::default());
        let (mut at, mut synced) = (header_bytes, 0);
        while at < self.bytes {
            let until = self.bytes.min(at + PIECE);
            read_range(&*self.file, at..until, &mut piece)?;
            if piece.len() as u64 != until - at {
                return Err(TableError::Changed);
            }
            out.clear();
            if wide.bytes - synced >= SYNC_BYTES {
                wide.file.sync()?;
                synced = wide.bytes;
                between();
            }
            wide.rows += widen(&piece, &mut ends, columns - self.columns, &mut out);
            wide.file.write_at(&out, wide.bytes)?;
            wide.sum.update(&out);
            wide.bytes += out.len() as u64;
            at = until;
        }
        if wide.rows != self.rows {
            return Err(TableError::Changed);
        }
        // Of a file that takes no place yet nothing is lost: the next try writes another one.
        wide.file.sync()?;
        wide.left = wide.file.stat()?;
        Ok(wide)
    }
}

/// Whether `file` holds what it held when it was remembered.
///
/// # Errors
/// Whatever the disk answers.
pub fn is_what_it_was(file: &dyn File, state: &PartState) -> io::Result<bool> {
    let same_bytes = file.stat()?.bytes == state.bytes;
    Ok(same_bytes && Sum::of(file, state.bytes)?.state() == state.sum)
}

/// Whether `there` is `ours`, or the beginning of it: what a start finds of a table that it had no time to remember.
pub(super) fn is_start_of(there: &dyn File, ours: &dyn File) -> io::Result<bool> {
    let (bytes, whole) = (there.stat()?.bytes, ours.stat()?.bytes);
    if bytes > whole {
        return Ok(false);
    }
    let (mut a, mut b, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes {
        let until = bytes.min(at + PIECE);
        read_range(there, at..until, &mut a)?;
        read_range(ours, at..until, &mut b)?;
        // One that became shorter while it was read is not what it was.
        if a != b || a.len() as u64 != until - at {
            return Ok(false);
        }
        at = until;
    }
    Ok(true)
}
