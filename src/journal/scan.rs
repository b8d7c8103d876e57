//! Reading the journal's lines at a start: each one proved whole and in its
//! place, its id remembered, the last batch found.

use super::ids::{IdLog, Mark};
use super::record::{self, Record};
use super::recovery::{Opened, RecoveryError, at, damaged};
use super::seen::Seen;
use super::segment::Segment;
use super::window::{Window, WindowMark};
use super::writer::{Checkpoint, Options};
use crate::disk::{File, SharedDisk, read_range};
use crate::event::{Id, Seq, Timestamp};
use crate::layout::Layout;
use std::io;
use std::ops::Range;
use std::path::Path;

/// What reading the journal brings together.
pub(super) struct Found {
    pub seen: Seen,
    pub ids: IdLog,
    pub last_seq: Seq,
    pub last_received_at: Timestamp,
    pub opened: Opened,
    /// What the checkpoint says of the dedup window's clock.
    window: Option<WindowMark>,
    /// The newest moment that was read.
    latest: Timestamp,
}

/// Where in a segment the last whole batch is, and where what is written ends.
pub(super) struct LastBatch {
    pub start: u64,
    pub end: u64,
    pub file_end: u64,
}

/// Bytes that a scan holds at a time, unless one line is longer.
pub(super) const WINDOW: u64 = 1 << 20;

impl Found {
    /// What the checkpoint remembers. Without its ids it is of no use: then the whole journal is read.
    pub fn start(
        disk: &SharedDisk,
        layout: &Layout,
        options: Options,
        checkpoint: Option<Checkpoint>,
        segments: &[Segment],
    ) -> Result<(Self, Option<Checkpoint>), RecoveryError> {
        let dir = layout.seen_dir();
        let open = |mark: Mark| {
            let mut seen = Seen::new(options.ids_max, options.dedup_days);
            IdLog::open(disk.clone(), dir.clone(), mark, options.ids_max, &mut seen)
                .map(|ids| (seen, ids))
        };
        let mut checkpoint = checkpoint;
        let opened = match open(checkpoint.as_ref().map_or(Mark::default(), |c| c.ids)) {
            Err(error) if checkpoint.is_some() => {
                tracing::warn!(%error, dir = %dir.display(), "the remembered ids cannot be read; reading the whole journal");
                let after = checkpoint.take().map_or(0, |c| c.ids.file);
                IdLog::anew(disk.clone(), dir.clone(), after, options.ids_max)
                    .map(|ids| (Seen::new(options.ids_max, options.dedup_days), ids))
            }
            opened => opened,
        };
        let (seen, ids) = opened.map_err(at(&dir))?;
        let before = Seq(segments
            .first()
            .map_or(0, |s| s.first_seq.0.saturating_sub(1)));
        let found = Self {
            seen,
            ids,
            last_seq: checkpoint.as_ref().map_or(before, |c| c.last_seq),
            last_received_at: checkpoint
                .as_ref()
                .map_or(Timestamp::default(), |c| c.last_received_at),
            opened: Opened::default(),
            window: checkpoint.as_ref().map(|c| c.window),
            latest: Timestamp::default(),
        };
        Ok((found, checkpoint))
    }

    /// Checks the lines of `segment` from `from` on and takes their ids.
    pub fn scan(
        &mut self,
        segment: &Segment,
        file: &dyn File,
        from: u64,
        last: bool,
    ) -> Result<LastBatch, RecoveryError> {
        let path = &segment.path;
        let file_end = segment.bytes;
        let mut lines = Lines::new(file, from..file_end);
        if from == 0 {
            lines.next().map_err(at(path))?;
            if segment.first_seq != self.last_seq.next() {
                let what = format!(
                    "the segment starts with seq {}, expected {}",
                    segment.first_seq,
                    self.last_seq.next()
                );
                return Err(damaged(path, 0, what));
            }
        }
        let mut batch = LastBatch {
            start: from,
            end: lines.at,
            file_end,
        };
        let mut pending: Vec<(Id, Timestamp)> = Vec::new();
        let mut pending_start = lines.at;
        loop {
            let line_start = lines.at;
            let Some((line, ended)) = lines.next().map_err(at(path))? else {
                break;
            };
            let expected = Seq(self.last_seq.0 + pending.len() as u64 + 1);
            let fault = match record::parse(line) {
                Ok(_) if !ended => Err("the line has no end".to_owned()),
                Ok(record) => match Self::misplaced(&record, expected, self.last_seq.next()) {
                    None => Ok(record),
                    Some(what) => Err(what),
                },
                Err(error) => Err(error.to_string()),
            };
            let record = match fault {
                Ok(record) => record,
                Err(what) if !last => return Err(damaged(path, line_start, what)),
                Err(what) => {
                    Self::nothing_follows(
                        &mut lines,
                        self.last_seq.next(),
                        path,
                        line_start,
                        &what,
                    )?;
                    break;
                }
            };
            pending.push((record.id(), record.moment()));
            if record.left == 0 {
                // An import is of events that were received before.
                self.last_received_at = self.last_received_at.max(record.moment());
                self.last_seq = record.seq;
                self.opened.checked += pending.len() as u64;
                for (id, moment) in pending.drain(..) {
                    self.take(id, moment);
                }
                batch = LastBatch {
                    start: pending_start,
                    end: lines.at,
                    file_end,
                };
                pending_start = lines.at;
            }
        }
        if !last && batch.end != file_end {
            return Err(damaged(
                path,
                batch.end,
                "the batch that starts here is not whole",
            ));
        }
        Ok(batch)
    }

    /// Remembers an id. What stands behind a checkpoint came right after it, whatever the wall clock said. Without one all
    /// count from the same moment: the clock may have jumped, and imports are older than what stands before them.
    fn take(&mut self, id: Id, moment: Timestamp) {
        self.latest = self.latest.max(moment);
        let at = self.window.unwrap_or_default().at;
        self.seen.insert_again(id, at);
        self.ids.push(id, at);
    }

    /// The clock of the dedup window, once all is read.
    pub fn window(&mut self) -> Window {
        let latest = self.latest;
        let anew = || WindowMark {
            wall: latest,
            ..WindowMark::default()
        };
        let mark = self.window.or_else(|| (!self.seen.is_empty()).then(anew));
        if let Some(mark) = mark {
            self.seen.expire(mark.at);
        }
        Window::new(mark)
    }

    /// What is wrong with a whole line in its place.
    fn misplaced(record: &Record<'_>, expected: Seq, batch: Seq) -> Option<String> {
        if record.seq != expected {
            return Some(format!("seq {} stands where {expected} should", record.seq));
        }
        (record.batch != batch)
            .then(|| format!("batch {} stands where {batch} should", record.batch))
    }

    /// An incomplete last batch may be followed by lines of its own only. A later batch, be it on the faulty line itself behind
    /// what is left of a line end, would mean that this one was acknowledged; an earlier one comes from no crash. Only a line
    /// that has its end counts: what a payload holds may look like a record, but never ends a line.
    pub fn nothing_follows(
        lines: &mut Lines<'_>,
        batch: Seq,
        path: &Path,
        fault_at: u64,
        what: &str,
    ) -> Result<(), RecoveryError> {
        lines.at = fault_at;
        lines.forget();
        while let Some((line, ended)) = lines.next().map_err(at(path))? {
            if !ended {
                break;
            }
            let starts = memchr::memmem::find_iter(line, b"{\"seq\":");
            let mut records = starts.filter_map(|start| record::parse(&line[start..]).ok());
            if records.any(|record| record.batch != batch) {
                return Err(damaged(
                    path,
                    fault_at,
                    format!("{what}, and another batch follows"),
                ));
            }
        }
        Ok(())
    }
}

/// The lines of a part of a file, without holding all of it.
pub(super) struct Lines<'a> {
    file: &'a dyn File,
    /// Offset of the next line.
    pub at: u64,
    end: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl<'a> Lines<'a> {
    /// Those of `file` in `range`.
    pub fn new(file: &'a dyn File, range: Range<u64>) -> Self {
        Self {
            file,
            at: range.start,
            end: range.end,
            buffer: Vec::new(),
            used: 0,
        }
    }

    /// The next line without its end, and whether it has one: the last line of a file may not.
    pub fn next(&mut self) -> io::Result<Option<(&[u8], bool)>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let mut wanted = WINDOW;
        let end = loop {
            match memchr::memchr(b'\n', &self.buffer[self.used..]) {
                Some(length) => break Some(length),
                None if self.at + (self.buffer.len() - self.used) as u64 >= self.end => break None,
                None => {}
            }
            let until = self.end.min(self.at + wanted);
            read_range(self.file, self.at..until, &mut self.buffer)?;
            self.used = 0;
            if self.buffer.len() as u64 != until - self.at {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            wanted *= 4;
        };
        let start = self.used;
        let length = end.unwrap_or(self.buffer.len() - start);
        let whole = length + usize::from(end.is_some());
        self.used += whole;
        self.at += whole as u64;
        Ok(Some((&self.buffer[start..start + length], end.is_some())))
    }

    /// Reads on from where it stands, not from what it holds.
    pub fn forget(&mut self) {
        self.buffer.clear();
        self.used = 0;
    }
}
