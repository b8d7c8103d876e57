//! What a start makes of the journal that it finds.
//!
//! Batches are written one after the other, each synced before the next, so
//! only the last one can be incomplete. It is kept if it is whole, and cut off
//! and set aside otherwise: it was never acknowledged. Anything else that is
//! not as it was written is acknowledged data lost, and stops the start.

use super::chain::{Chain, Fault};
use super::gone::Gone;
use super::scan::{Found, LastBatch, WINDOW};
use super::segment::{Cursor, Previous, Segment};
use super::shared::Shared;
use super::writer::{Checkpoint, Journal, OpenSegment, Options, Tail};
use crate::disk::{File, Open, Sealed, SharedDisk, SharedFile, get_sealed, read_range, replace};
use crate::event::Seq;
use crate::layout::Layout;
use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The disk failed.
    #[error("{path}: {error}{hint}", path = path.display(), hint = hint(error))]
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
    /// Acknowledged events are not there at all: it ends before them.
    #[error(
        "{path}: at byte {offset}: {what}; acknowledged events may be lost. rowhook does not start over a damaged journal: \
         keep a copy of the whole output directory, then put this file back from a backup; if there is no better one, \
         move {known} out of the output directory and start again: it goes on without those events, or names what else knows of them",
        path = path.display(), known = list(known)
    )]
    EndsEarly {
        /// The file, or the folder when no file is left.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// How that is known.
        what: String,
        /// The files that know more than there is.
        known: Vec<PathBuf>,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    names.join(", ")
}

/// A file that was written when the journal was durable up to an event: that much was stored, whatever is found of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The event.
    pub seq: Seq,
    /// The file.
    pub path: PathBuf,
}

/// What to do about an error, where that can be said.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; the user that runs rowhook must be able to write there"
        }
        _ => "",
    }
}

/// What a start found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opened {
    /// Events that were read, those behind the last checkpoint.
    pub checked: u64,
    /// Bytes of a batch that was never acknowledged, now in `state/cut`.
    pub cut_bytes: u64,
}

/// Opens the journal of `layout` for writing, with the last batch durable. It must have all that is `known`.
///
/// # Errors
/// When the disk fails or acknowledged data is damaged.
pub fn open(
    disk: SharedDisk,
    layout: Layout,
    options: Options,
    known: &[Known],
) -> Result<(Journal, Opened), RecoveryError> {
    let dir = layout.journal_dir();
    disk.create_dir(&dir).map_err(at(&dir))?;
    let mut segments = find_segments(&disk, &dir)?;
    let checkpoint = read_checkpoint(&disk, &layout, &segments)?;
    // What a checkpoint says was stored was stored, whether it is of use or not.
    let own = checkpoint.as_ref().map(|c| Known {
        seq: c.last_seq,
        path: layout.journal_checkpoint(),
    });
    let ends = |last, path: &Path, offset| ends_early(known.iter().chain(&own), last, path, offset);
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
        ends(found.last_seq, &last.path, batch.end)?;
        found.opened.cut_bytes = batch.file_end - batch.end;
        cut_and_rewrite(&disk, &layout, last, &file, &batch)?;
        last.bytes = batch.end;
        tail = Tail::Open(OpenSegment {
            number: last.number,
            day: last.day,
            file,
            bytes: last.bytes,
        });
    } else {
        ends(Seq(0), &dir, 0)?;
    }
    disk.sync_dir(&dir).map_err(at(&dir))?;
    let window = found.window();
    let Found {
        seen,
        ids,
        last_seq,
        last_received_at,
        opened,
        ..
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
        window,
        buffer: Vec::new(),
        batch_ids: HashSet::new(),
        checkpointed: checkpoint.map(|c| c.end),
        left_early: false,
        failed_bytes: 0,
        unsure: None,
        gone: Gone::default(),
    };
    Ok((journal, opened))
}

pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> RecoveryError + '_ {
    |error| RecoveryError::Io {
        path: path.to_owned(),
        error,
    }
}

pub(super) fn damaged(path: &Path, offset: u64, what: impl Into<String>) -> RecoveryError {
    RecoveryError::Damaged {
        path: path.to_owned(),
        offset,
        what: what.into(),
    }
}

/// An error when anything is known that stands behind the end of the journal.
fn ends_early<'a>(
    known: impl Iterator<Item = &'a Known>,
    last: Seq,
    path: &Path,
    offset: u64,
) -> Result<(), RecoveryError> {
    let more: Vec<&Known> = known.filter(|known| known.seq > last).collect();
    let Some(most) = more.iter().max_by_key(|known| known.seq) else {
        return Ok(());
    };
    Err(RecoveryError::EndsEarly {
        path: path.to_owned(),
        offset,
        what: format!(
            "the journal ends with event {last} here, but {} knows event {}",
            most.path.display(),
            most.seq
        ),
        known: more.iter().map(|known| known.path.clone()).collect(),
    })
}

/// All segments in the order of their chain. What was never finished is removed, once all else is found to be as it should be.
fn find_segments(disk: &SharedDisk, dir: &Path) -> Result<Vec<Segment>, RecoveryError> {
    let chain =
        Chain::read(disk, dir).map_err(|(path, error)| RecoveryError::Io { path, error })?;
    if let Some(Fault { path, offset, what }) = chain.faults.into_iter().next() {
        return Err(RecoveryError::Damaged { path, offset, what });
    }
    for path in chain.leftovers {
        tracing::warn!(path = %path.display(), "removed a file whose making was cut off; it held no event");
        disk.remove(&path).map_err(at(&path))?;
    }
    Ok(chain.segments)
}

fn read_checkpoint(
    disk: &SharedDisk,
    layout: &Layout,
    segments: &[Segment],
) -> Result<Option<Checkpoint>, RecoveryError> {
    let path = layout.journal_checkpoint();
    let checkpoint = match get_sealed::<Checkpoint>(&**disk, &path).map_err(at(&path))? {
        Sealed::Whole(checkpoint) => checkpoint,
        Sealed::Missing => return Ok(None),
        Sealed::Broken(what) => {
            tracing::warn!(path = %path.display(), what, "ignored a checkpoint that cannot be read; reading the whole journal");
            return Ok(None);
        }
    };
    let Cursor { segment, offset } = checkpoint.end;
    let early = |at: &Path, offset, what| RecoveryError::EndsEarly {
        path: at.to_owned(),
        offset,
        what,
        known: vec![path.clone()],
    };
    let Some(found) = segments.iter().find(|s| s.number == segment) else {
        let what =
            format!("segment {segment} was stored up to byte {offset}, but its file is not there");
        return Err(early(&layout.journal_dir(), 0, what));
    };
    if found.bytes < offset {
        let what = format!("the file ends here, but {offset} bytes of it were stored");
        return Err(if segments.last() == Some(found) {
            early(&found.path, found.bytes, what)
        } else {
            damaged(&found.path, found.bytes, what)
        });
    }
    Ok(Some(checkpoint))
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
    }
    if file.stat().map_err(&in_file)?.bytes > end {
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
