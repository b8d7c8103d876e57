//! The ids of the dedup window over restarts: files of 24-byte records, id and
//! milliseconds of the window's clock, that follow each other. What they hold stands in the journal
//! too; they only save reading it.

use super::seen::Seen;
use crate::disk::{Open, SharedDisk, SharedFile, read_range};
use crate::event::{Id, Timestamp};
use serde::{Deserialize, Serialize};
use std::io;
use std::ops::Range;
use std::path::PathBuf;

const RECORD: usize = 24;
/// Records in a file before the next one starts: 24 MB. Few in tests, so that these have many files.
const FILE_RECORDS: u64 = if cfg!(test) { 100 } else { 1_000_000 };
/// Bytes kept back before they are written.
const BUFFER: usize = 64 * 1024;

/// How much of the files is synced: all files before `file`, and `records` of that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// The number of the file, from 1; 0 for none.
    pub file: u64,
    /// Records in it.
    pub records: u64,
}

/// The files, open for appending.
pub struct IdLog {
    disk: SharedDisk,
    dir: PathBuf,
    file: Option<SharedFile>,
    at: Mark,
    buffer: Vec<u8>,
    files_max: u64,
    /// What was synced last: a checkpoint may name it. Files behind it are nobody's.
    synced: Mark,
    /// After a failed write nothing is known of the file: the next sync writes all ids into a new one.
    broken: bool,
}

impl IdLog {
    /// Reads the ids up to `mark` into `seen`, and goes on from there.
    ///
    /// # Errors
    /// Whatever the disk answers, or when a file is shorter than `mark` says.
    pub fn open(
        disk: SharedDisk,
        dir: PathBuf,
        mark: Mark,
        ids_max: usize,
        seen: &mut Seen,
    ) -> io::Result<Self> {
        disk.create_dir(&dir)?;
        let files_max = files_for(ids_max);
        let mut log = Self {
            disk,
            dir,
            file: None,
            at: mark,
            buffer: Vec::new(),
            files_max,
            synced: mark,
            broken: false,
        };
        let first = mark.file.saturating_sub(files_max).max(1);
        let mut held = Vec::new();
        for number in first..mark.file {
            let stat = log.disk.stat(&log.path(number))?;
            held.push((number, stat.map_or(0, |stat| stat.bytes / RECORD as u64)));
        }
        if mark.file > 0 {
            held.push((mark.file, mark.records));
        }
        // Those that would leave for others at once are not read.
        let all: u64 = held.iter().map(|(_, records)| records).sum();
        let mut over = all.saturating_sub(ids_max as u64);
        seen.make_room(usize::try_from(all - over).unwrap_or(ids_max));
        for (number, records) in held {
            let skipped = over.min(records);
            over -= skipped;
            if skipped < records || number == mark.file {
                log.load(number, skipped..records, seen)?;
            }
        }
        log.remove_others(first)?;
        Ok(log)
    }

    /// Changes how many ids are wanted.
    pub fn set_max(&mut self, ids_max: usize) {
        self.files_max = files_for(ids_max);
    }

    /// Begins without any id, in files behind `after`: a checkpoint that could not be used still names that one, and must not
    /// find other content under its number.
    ///
    /// # Errors
    /// Whatever the disk answers.
    pub fn anew(disk: SharedDisk, dir: PathBuf, after: u64, ids_max: usize) -> io::Result<Self> {
        disk.create_dir(&dir)?;
        let at = Mark {
            file: after,
            records: 0,
        };
        let log = Self {
            disk,
            dir,
            file: None,
            at,
            buffer: Vec::new(),
            files_max: files_for(ids_max),
            synced: at,
            broken: false,
        };
        log.remove_others(u64::MAX)?;
        Ok(log)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:08}.ids"))
    }

    /// Takes these records of a file. The newest file is cut behind them, and goes on.
    fn load(&mut self, number: u64, records: Range<u64>, seen: &mut Seen) -> io::Result<()> {
        let file = self.disk.open(&self.path(number), Open::Write)?;
        let bytes = |records: u64| records * RECORD as u64;
        let (mut chunk, mut at, end) = (Vec::new(), bytes(records.start), bytes(records.end));
        while at < end {
            let until = end.min(at + bytes(1_000));
            read_range(&*file, at..until, &mut chunk)?;
            if chunk.len() as u64 != until - at {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            for record in chunk.chunks_exact(RECORD) {
                let (id, ms) = decode(record);
                seen.insert_again(id, ms);
            }
            at = until;
        }
        if number == self.at.file {
            file.set_len(end)?;
            self.file = Some(file);
        }
        Ok(())
    }

    /// Removes what is older than `first`, and what a crash left behind the newest.
    fn remove_others(&self, first: u64) -> io::Result<()> {
        for name in self.disk.list(&self.dir)? {
            let number = name
                .strip_suffix(".ids")
                .and_then(|n| n.parse::<u64>().ok());
            if number.is_some_and(|n| n < first || n > self.at.file) {
                self.disk.remove(&self.dir.join(name))?;
            }
        }
        Ok(())
    }

    /// Appends an id; written now and then, synced by [`IdLog::sync`].
    pub fn push(&mut self, id: Id, at: Timestamp) {
        if self.broken {
            return;
        }
        self.buffer.extend_from_slice(&id.0);
        self.buffer.extend_from_slice(&at.millis().to_le_bytes());
        if self.buffer.len() >= BUFFER && self.flush().is_err() {
            self.broken = true;
            self.buffer = Vec::new();
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.buffer.is_empty() {
            if self.file.is_none() || self.at.records >= FILE_RECORDS {
                self.next_file()?;
            }
            let Some(file) = &self.file else {
                return Ok(());
            };
            let room = usize::try_from(FILE_RECORDS - self.at.records).unwrap_or(0) * RECORD;
            let now = room.min(self.buffer.len());
            file.write_at(&self.buffer[..now], self.at.records * RECORD as u64)?;
            self.at.records += (now / RECORD) as u64;
            self.buffer.drain(..now);
        }
        Ok(())
    }

    fn next_file(&mut self) -> io::Result<()> {
        if let Some(full) = self.file.take() {
            full.sync()?;
        }
        self.at = Mark {
            file: self.at.file + 1,
            records: 0,
        };
        self.file = Some(self.disk.open(&self.path(self.at.file), Open::Fresh)?);
        self.disk.sync_dir(&self.dir)?;
        if !self.broken {
            // What cannot be removed now is removed later. While all ids are written anew the checkpoint names the old files.
            let _ = self.remove_others((self.at.file + 1).saturating_sub(self.files_max));
        }
        Ok(())
    }

    /// Makes all ids durable and tells how far they go. After an earlier failure it writes all of `seen` anew. One that fails
    /// leaves no file behind.
    ///
    /// # Errors
    /// Whatever the disk answers; the mark before stays true.
    pub fn sync(&mut self, seen: &Seen) -> io::Result<Mark> {
        let done = self.try_sync(seen);
        if let Ok(mark) = done {
            self.synced = mark;
        } else {
            self.broken = true;
            self.go_back();
        }
        done
    }

    /// Takes away the files behind what was synced last, so that tries on a full disk neither fill it further nor push out the
    /// files that the checkpoint names.
    fn go_back(&mut self) {
        self.file = None;
        self.buffer = Vec::new();
        for number in self.synced.file + 1..=self.at.file {
            // One that cannot be removed is emptied by the next try.
            let _ = self.disk.remove(&self.path(number));
        }
        self.at = Mark {
            file: self.synced.file,
            records: 0,
        };
    }

    fn try_sync(&mut self, seen: &Seen) -> io::Result<Mark> {
        if self.broken {
            self.go_back();
            for (id, at) in seen.iter() {
                self.buffer.extend_from_slice(&id.0);
                self.buffer.extend_from_slice(&at.millis().to_le_bytes());
                if self.buffer.len() >= BUFFER {
                    self.flush()?;
                }
            }
        }
        self.flush()?;
        if let Some(file) = &self.file {
            file.sync()?;
        }
        self.broken = false;
        Ok(self.at)
    }
}

/// Files that hold so many ids whatever they begin with.
fn files_for(ids_max: usize) -> u64 {
    ids_max as u64 / FILE_RECORDS + 2
}

fn decode(record: &[u8]) -> (Id, Timestamp) {
    let (mut id, mut ms) = ([0; 16], [0; 8]);
    id.copy_from_slice(&record[..16]);
    ms.copy_from_slice(&record[16..RECORD]);
    (Id(id), Timestamp::from_millis(i64::from_le_bytes(ms)))
}
