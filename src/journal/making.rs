//! Making the next segment.
//!
//! It is made beside its place: its first line is durable before it has its
//! name, and its name before anything follows. So what has a segment's name is
//! a segment, and a file without a whole first line there is damage; what has
//! the other name was never finished, and holds no event.

use super::segment::{FirstLine, Previous, Segment};
use super::writer::{Journal, OpenSegment, Tail};
use crate::disk::{Open, SharedFile};
use crate::event::Day;
use crate::layout::{segment_name, unmade_name};
use std::io;
use std::path::Path;

/// What a new segment must be able to hold before it is made.
const PROBE_BYTES: usize = 256 * 1024;

impl Journal {
    /// Makes the next segment, one of `day` that follows `previous`.
    pub(super) fn start_segment(&mut self, day: Day, previous: Previous) -> io::Result<()> {
        self.tail = Tail::Next { previous };
        self.take_back()?;
        let first = FirstLine {
            rowhook: 1,
            segment: previous.segment + 1,
            day,
            first_seq: self.last_seq.next(),
            previous,
        };
        let line = first.encode();
        let name = self.free_name(day)?;
        let dir = self.layout.journal_dir();
        let (unmade, path) = (dir.join(unmade_name(&name)), dir.join(&name));
        let made = self.make(&unmade, &line).and_then(|file| {
            self.give_name(&unmade, &path)?;
            Ok(file)
        });
        let file = match made {
            Ok(file) => file,
            Err(error) => {
                // Only to leave nothing lying about: the next start would remove it.
                let _ = self.disk.remove(&unmade);
                let _ = self.take_back();
                return Err(error);
            }
        };
        let bytes = line.len() as u64;
        self.shared.add_segment(Segment {
            number: first.segment,
            day,
            first_seq: first.first_seq,
            path,
            bytes,
        });
        self.tail = Tail::Open(OpenSegment {
            number: first.segment,
            day,
            file,
            bytes,
        });
        Ok(())
    }

    /// The first name for a segment of `day` that nothing has.
    fn free_name(&self, day: Day) -> io::Result<String> {
        let dir = self.layout.journal_dir();
        for nth in 1.. {
            let name = segment_name(day, nth);
            if self.disk.stat(&dir.join(&name))?.is_none() {
                return Ok(name);
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// A file that holds `line`, durable but for its name.
    fn make(&self, path: &Path, line: &[u8]) -> io::Result<SharedFile> {
        let file = self.disk.open(path, Open::Fresh)?;
        file.write_at(line, 0)?;
        file.sync()?;
        Ok(file)
    }

    /// Makes `path` the durable name of what was made as `unmade`.
    pub(super) fn give_name(&mut self, unmade: &Path, path: &Path) -> io::Result<()> {
        // A rename asks nobody before it puts one file in the place of another.
        if self.disk.stat(path)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.unsure = Some(path.to_owned());
        self.disk.rename(unmade, path)?;
        self.disk.sync_dir(&self.layout.journal_dir())?;
        self.unsure = None;
        Ok(())
    }

    /// Takes away a segment whose name could not be made durable, durably: the next one has its number.
    fn take_back(&mut self) -> io::Result<()> {
        let Some(path) = &self.unsure else {
            return Ok(());
        };
        match self.disk.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => self.disk.sync_dir(&self.layout.journal_dir())?,
        }
        self.unsure = None;
        Ok(())
    }

    /// Proves that the disk takes as much as was refused, before a segment is made: a full disk would otherwise collect a
    /// first line every second.
    pub(super) fn probe(&self) -> io::Result<()> {
        let path = self.layout.journal_probe();
        let file = self.disk.open(&path, Open::Fresh)?;
        let zeros = vec![0; PROBE_BYTES];
        let pieces = self.failed_bytes.div_ceil(PROBE_BYTES).max(1);
        let written = (0..pieces).try_for_each(|n| file.write_at(&zeros, (n * PROBE_BYTES) as u64));
        let synced = written.and_then(|()| file.sync());
        drop(file);
        self.disk.remove(&path).and(synced)
    }
}
