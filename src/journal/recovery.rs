//! What a start makes of the journal that it finds.
//!
//! Batches are written one after the other, each synced before the next, so
//! only the last one can be incomplete. It is kept if it is whole, and cut off
//! and set aside otherwise: it was never acknowledged. Anything else that is
//! not as it was written is acknowledged data lost, and stops the start.

use super::ids::{IdLog, Mark};
use super::record::{self, Record};
use super::seen::Seen;
use super::segment::{Cursor, FirstLine, Previous, Segment, Start, read_start};
use super::shared::Shared;
use super::writer::{Checkpoint, Journal, OpenSegment, Options, Tail};
use crate::disk::{File, Open, SharedDisk, SharedFile, read_range, read_small, replace};
use crate::event::{Id, Seq, Timestamp};
use crate::layout::{Layout, is_segment_name};
use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The disk failed.
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Acknowledged events are not there as they were written.
    #[error(
        "{path}: at byte {offset}: {what}; acknowledged events may be lost. rowhook does not start over a damaged journal: \
         keep a copy of the whole output directory, then put this file back from a backup",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
}

/// What a start found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opened {
    /// Events that were read, those behind the last checkpoint.
    pub checked: u64,
    /// Bytes of a batch that was never acknowledged, now in `state/cut`.
    pub cut_bytes: u64,
}

/// Opens the journal of `layout` for writing, with the last batch durable.
///
/// # Errors
/// When the disk fails or acknowledged data is damaged.
pub fn open(
    disk: SharedDisk,
    layout: Layout,
    options: Options,
) -> Result<(Journal, Opened), RecoveryError> {
    let dir = layout.journal_dir();
    disk.create_dir(&dir).map_err(at(&dir))?;
    let mut segments = find_segments(&disk, &dir)?;
    let checkpoint = read_checkpoint(&disk, &layout, &segments)?;
    let (mut found, checkpoint) = Found::start(&disk, &layout, options, checkpoint, &segments)?;
    let from = checkpoint.as_ref().map_or(Cursor::default(), |c| c.end);
    let mut tail = Tail::Next {
        previous: Previous {
            segment: 0,
            bytes: 0,
        },
    };
    if let Some((last, earlier)) = segments.split_last_mut() {
        for segment in earlier.iter().filter(|s| s.number >= from.segment) {
            let file = disk
                .open(&segment.path, Open::Read)
                .map_err(at(&segment.path))?;
            found.scan(segment, &*file, from.within(segment.number), false)?;
        }
        let file = disk.open(&last.path, Open::Write).map_err(at(&last.path))?;
        let batch = found.scan(last, &*file, from.within(last.number), true)?;
        found.opened.cut_bytes = batch.file_end - batch.end;
        cut_and_rewrite(&disk, &layout, last, &file, &batch)?;
        last.bytes = batch.end;
        tail = Tail::Open(OpenSegment {
            number: last.number,
            day: last.day,
            file,
            bytes: last.bytes,
        });
    }
    disk.sync_dir(&dir).map_err(at(&dir))?;
    let Found {
        seen,
        ids,
        last_seq,
        last_received_at,
        opened,
    } = found;
    let journal = Journal {
        shared: Arc::new(Shared::new(segments, last_seq)),
        disk,
        layout,
        options,
        tail,
        last_seq,
        last_received_at,
        seen,
        ids,
        buffer: Vec::new(),
        batch_ids: HashSet::new(),
        checkpointed: checkpoint.map(|c| c.end),
        left_early: false,
        failed_bytes: 0,
    };
    Ok((journal, opened))
}

fn at(path: &Path) -> impl Fn(io::Error) -> RecoveryError + '_ {
    |error| RecoveryError::Io {
        path: path.to_owned(),
        error,
    }
}

fn damaged(path: &Path, offset: u64, what: impl Into<String>) -> RecoveryError {
    RecoveryError::Damaged {
        path: path.to_owned(),
        offset,
        what: what.into(),
    }
}

/// All segments in the order of their chain, each as long as the next one says.
fn find_segments(disk: &SharedDisk, dir: &Path) -> Result<Vec<Segment>, RecoveryError> {
    let mut found = Vec::new();
    for name in disk.list(dir).map_err(at(dir))? {
        let path = dir.join(&name);
        if !is_segment_name(&name) {
            continue;
        }
        match read_start(&**disk, &path).map_err(at(&path))? {
            Start::Whole(first, _) if !name.starts_with(&first.day.to_string()) => {
                let what = format!(
                    "the first line says {}, and the file's name another day",
                    first.day
                );
                return Err(damaged(&path, 0, what));
            }
            Start::Whole(first, bytes) => found.push((first, path, bytes)),
            Start::CutOff => {
                tracing::warn!(path = %path.display(), "removed a segment whose making was cut off; it held no event");
                disk.remove(&path).map_err(at(&path))?;
            }
            Start::Damaged(what) => return Err(damaged(&path, 0, what)),
        }
    }
    found.sort_by_key(|f| f.0.segment);
    remove_abandoned(disk, &mut found)?;
    let mut segments: Vec<Segment> = Vec::with_capacity(found.len());
    for (first, path, bytes) in found {
        if let Some(before) = segments.last_mut() {
            let Previous {
                segment,
                bytes: good,
            } = first.previous;
            if segment != before.number || first.segment != before.number + 1 {
                let what = format!(
                    "segment {} follows segment {}; one between is missing",
                    first.segment, before.number
                );
                return Err(damaged(&path, 0, what));
            }
            if good > before.bytes {
                let what = format!("the file ends here, but {good} bytes of it were stored");
                return Err(damaged(&before.path, before.bytes, what));
            }
            before.bytes = good;
        }
        segments.push(Segment {
            number: first.segment,
            day: first.day,
            first_seq: first.first_seq,
            path,
            bytes,
        });
    }
    Ok(segments)
}

/// A segment whose making failed after its first line was written, and which could not be removed then, has the number of
/// the one that was made in its place. It holds no record.
fn remove_abandoned(
    disk: &SharedDisk,
    found: &mut Vec<(FirstLine, PathBuf, u64)>,
) -> Result<(), RecoveryError> {
    let mut at_pair = 0;
    while at_pair + 1 < found.len() {
        let (one, other) = (&found[at_pair], &found[at_pair + 1]);
        if one.0.segment != other.0.segment {
            at_pair += 1;
            continue;
        }
        let is_empty = |f: &(FirstLine, PathBuf, u64)| f.2 == f.0.encode().len() as u64;
        let gone = if is_empty(one) { at_pair } else { at_pair + 1 };
        if !is_empty(&found[gone]) {
            let what = format!("two files are segment {}", one.0.segment);
            return Err(damaged(&other.1, 0, what));
        }
        let (_, path, _) = found.remove(gone);
        disk.remove(&path).map_err(at(&path))?;
    }
    Ok(())
}

fn read_checkpoint(
    disk: &SharedDisk,
    layout: &Layout,
    segments: &[Segment],
) -> Result<Option<Checkpoint>, RecoveryError> {
    let path = layout.journal_checkpoint();
    let Some(json) = read_small(&**disk, &path).map_err(at(&path))? else {
        return Ok(None);
    };
    let checkpoint: Checkpoint = match serde_json::from_slice(&json) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "ignored a checkpoint that cannot be read; reading the whole journal");
            return Ok(None);
        }
    };
    let Cursor { segment, offset } = checkpoint.end;
    let Some(found) = segments.iter().find(|s| s.number == segment) else {
        let what =
            format!("segment {segment} was stored up to byte {offset}, but its file is not there");
        return Err(damaged(&layout.journal_dir(), 0, what));
    };
    if found.bytes < offset {
        let what = format!("the file ends here, but {offset} bytes of it were stored");
        return Err(damaged(&found.path, found.bytes, what));
    }
    Ok(Some(checkpoint))
}

/// What reading the journal brings together.
struct Found {
    seen: Seen,
    ids: IdLog,
    last_seq: Seq,
    last_received_at: Timestamp,
    opened: Opened,
}

/// Where in a segment the last whole batch is, and where the file ends.
struct LastBatch {
    start: u64,
    end: u64,
    file_end: u64,
}

/// Bytes that a scan holds at a time, unless one line is longer.
const WINDOW: u64 = 1 << 20;

impl Found {
    /// What the checkpoint remembers. Without its ids it is of no use: then the whole journal is read.
    fn start(
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
                checkpoint = None;
                open(Mark::default())
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
        };
        Ok((found, checkpoint))
    }

    /// Checks the lines of `segment` from `from` on and takes their ids.
    fn scan(
        &mut self,
        segment: &Segment,
        file: &dyn File,
        from: u64,
        last: bool,
    ) -> Result<LastBatch, RecoveryError> {
        let path = &segment.path;
        let file_end = if last {
            file.stat().map_err(at(path))?.bytes
        } else {
            segment.bytes
        };
        let mut lines = Lines {
            file,
            at: from,
            end: file_end,
            buffer: Vec::new(),
            used: 0,
        };
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
                self.last_received_at = record.moment();
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

    fn take(&mut self, id: Id, moment: Timestamp) {
        // An id that came again after its time counts from then on.
        self.seen.expire(moment);
        if !self.seen.contains(id) {
            self.seen.insert(id, moment);
            self.ids.push(id, moment);
        }
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
    /// what is left of a line end, would mean that this one was acknowledged.
    fn nothing_follows(
        lines: &mut Lines<'_>,
        batch: Seq,
        path: &Path,
        fault_at: u64,
        what: &str,
    ) -> Result<(), RecoveryError> {
        lines.at = fault_at;
        lines.forget();
        while let Some((line, _)) = lines.next().map_err(at(path))? {
            let starts = memchr::memmem::find_iter(line, b"{\"seq\":");
            let mut records = starts.filter_map(|start| record::parse(&line[start..]).ok());
            if records.any(|record| record.batch > batch) {
                return Err(damaged(
                    path,
                    fault_at,
                    format!("{what}, and a later batch follows"),
                ));
            }
        }
        Ok(())
    }
}

/// The lines of a part of a file, without holding all of it.
struct Lines<'a> {
    file: &'a dyn File,
    /// Offset of the next line.
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Lines<'_> {
    /// The next line without its end, and whether it has one: the last line of a file may not.
    fn next(&mut self) -> io::Result<Option<(&[u8], bool)>> {
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
    fn forget(&mut self) {
        self.buffer.clear();
        self.used = 0;
    }
}

/// Cuts what follows the last whole batch, and writes that batch again: the process that wrote it may have died before its
/// sync, and then it is in memory only.
fn cut_and_rewrite(
    disk: &SharedDisk,
    layout: &Layout,
    segment: &Segment,
    file: &SharedFile,
    batch: &LastBatch,
) -> Result<(), RecoveryError> {
    let LastBatch {
        start,
        end,
        file_end,
    } = *batch;
    let in_file = at(&segment.path);
    if file_end > end {
        // Only a courtesy: those bytes were never acknowledged, and cutting them may be what makes room.
        if let Err(error) = set_aside(disk, layout, segment, &**file, end..file_end) {
            tracing::warn!(%error, "what is cut off the journal could not be kept");
        }
        file.set_len(end).map_err(&in_file)?;
    }
    let (mut piece, mut from) = (Vec::new(), start);
    while from < end {
        let until = end.min(from + WINDOW);
        read_range(&**file, from..until, &mut piece).map_err(&in_file)?;
        file.write_at(&piece, from).map_err(&in_file)?;
        from = until;
    }
    file.sync().map_err(&in_file)
}

/// Keeps what was cut for whoever wants to look at it; at most a megabyte of it.
fn set_aside(
    disk: &SharedDisk,
    layout: &Layout,
    segment: &Segment,
    file: &dyn File,
    range: Range<u64>,
) -> Result<(), RecoveryError> {
    let dir = layout.cut_dir();
    disk.create_dir(&dir).map_err(at(&dir))?;
    let name = segment
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let path = dir.join(format!("{name}.from-{}", range.start));
    let mut bytes = Vec::new();
    let kept = range.start..range.end.min(range.start + WINDOW);
    read_range(file, kept, &mut bytes).map_err(at(&segment.path))?;
    tracing::warn!(
        segment = %segment.path.display(), offset = range.start, bytes = range.end - range.start, kept = %path.display(),
        "cut off a batch that was never acknowledged"
    );
    replace(&**disk, &path, &bytes).map_err(at(&path))
}
