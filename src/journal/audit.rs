//! The journal as an audit reads it: every line of a segment, proved like at a
//! start, but going on behind what is wrong. Only reads.

use super::record::{self, Record};
use super::recovery::RecoveryError;
use super::scan::{Found, Lines};
use super::segment::{Cursor, Segment};
use super::writer::Checkpoint;
use crate::disk::{File, Sealed, SharedDisk, get_sealed};
use crate::event::{Id, Seq, SourceName, Timestamp};
use crate::layout::Layout;
use std::io;

/// How far the journal was known to be whole when that was last remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The end of what was stored.
    pub end: Cursor,
    /// The last event that was stored.
    pub last_seq: Seq,
}

/// Reads what the journal remembers of itself.
///
/// # Errors
/// Whatever the disk answers.
pub fn stored(disk: &SharedDisk, layout: &Layout) -> io::Result<Sealed<Stored>> {
    let path = layout.journal_checkpoint();
    Ok(match get_sealed::<Checkpoint>(&**disk, &path)? {
        Sealed::Whole(Checkpoint { end, last_seq, .. }) => Sealed::Whole(Stored { end, last_seq }),
        Sealed::Broken(what) => Sealed::Broken(what),
        Sealed::Missing => Sealed::Missing,
    })
}

/// One line of a segment.
#[derive(Debug)]
pub struct Line<'a> {
    /// Its number in the file; the first line is 1.
    pub number: u64,
    /// Where it starts, in bytes.
    pub offset: u64,
    /// The seq that belongs there.
    pub expected: Seq,
    /// The line, without its end.
    pub text: &'a [u8],
    /// The record, or what is wrong.
    pub record: Result<Record<'a>, String>,
}

/// How a segment ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The last event of a whole batch; the one before the first when there is none.
    pub last: Seq,
    /// A last batch that is not whole: from this byte on nothing was acknowledged, as far as the segment tells.
    pub unfinished: Option<Unfinished>,
    /// What is wrong with the end as a whole, and where.
    pub fault: Option<(u64, String)>,
}

/// What a batch that was never finished left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    /// The line on which it starts.
    pub line: u64,
    /// Where it starts.
    pub offset: u64,
    /// Its first event.
    pub batch: Seq,
    /// How long it is.
    pub bytes: u64,
}

/// Reads the records of `segment` in `file` and hands each line to `each`; `next` is the first seq of the segment behind it, if
/// there is one.
///
/// # Errors
/// Whatever the disk answers.
pub fn read(
    segment: &Segment,
    file: &dyn File,
    next: Option<Seq>,
    each: &mut dyn FnMut(Line<'_>),
) -> io::Result<End> {
    let mut lines = Lines::new(file, 0..segment.bytes);
    lines.next()?;
    let mut place = Place::new(segment, lines.at);
    let mut number = 1;
    let mut unfinished = None;
    loop {
        let (offset, expected) = (lines.at, place.expected);
        number += 1;
        let Some((text, ended)) = lines.next()? else {
            break;
        };
        place.begin(number, offset);
        let record = if ended {
            record::parse(text).map_err(|error| error.to_string())
        } else {
            Err("the line has no end".to_owned())
        };
        let record = record.and_then(|record| match place.take(&record) {
            Some(what) => Err(what),
            None => Ok(record),
        });
        let failed = record.as_ref().err().cloned();
        if next.is_none()
            && let Some(what) = &failed
        {
            // Looking at what follows moves `lines`, which holds the text: it is read again.
            let behind = lines.at;
            match Found::nothing_follows(&mut lines, place.batch, &segment.path, offset, what) {
                Ok(()) => {
                    unfinished = Some(place.unfinished(segment.bytes));
                    break;
                }
                Err(RecoveryError::Damaged { .. } | RecoveryError::EndsEarly { .. }) => {}
                Err(RecoveryError::Io { error, .. }) => return Err(error),
            }
            lines.at = offset;
            lines.forget();
            if let Some((text, _)) = lines.next()? {
                each(Line {
                    number,
                    offset,
                    expected,
                    text,
                    record: Err(what.clone()),
                });
            }
            lines.at = behind;
        } else {
            each(Line {
                number,
                offset,
                expected,
                text,
                record,
            });
        }
        if failed.is_some() {
            place.pass_fault();
        }
    }
    Ok(place.end(next, unfinished, segment.bytes))
}

/// What the next line should be.
struct Place {
    expected: Seq,
    /// The first event of the batch at hand.
    batch: Seq,
    batch_line: u64,
    batch_offset: u64,
    /// How many events of the batch are to come; nothing between batches.
    left: Option<u64>,
    /// The last event of a whole batch.
    whole: Seq,
    /// Lines since the last good one that are none: each may have been an event.
    doubt: u64,
    /// What was found good last: most lines have the same.
    source: String,
    received_at: [u8; 24],
}

impl Place {
    fn new(segment: &Segment, offset: u64) -> Self {
        Self {
            expected: segment.first_seq,
            batch: segment.first_seq,
            batch_line: 2,
            batch_offset: offset,
            left: None,
            whole: Seq(segment.first_seq.0.saturating_sub(1)),
            doubt: 0,
            source: String::new(),
            received_at: [0; 24],
        }
    }

    /// Between batches the next line starts one.
    fn begin(&mut self, line: u64, offset: u64) {
        if self.left.is_none() {
            (self.batch_line, self.batch_offset) = (line, offset);
        }
    }

    /// Goes behind `record`, or tells what is wrong with it.
    fn take(&mut self, record: &Record<'_>) -> Option<String> {
        let Seq(expected) = self.expected;
        let Seq(seq) = record.seq;
        if seq > expected || seq + self.doubt < expected {
            let what = format!("seq {seq} stands where {expected} should");
            if seq > expected {
                // What is missing is told once.
                self.expected = Seq(seq);
                self.doubt = 1;
            }
            return Some(what);
        }
        if let Some(what) = self.misformed(record) {
            return Some(what);
        }
        let sure = self.doubt == 0;
        let starts = self.left.is_none();
        let batch = if starts { record.seq } else { self.batch };
        if sure && record.batch != batch {
            return Some(format!(
                "batch {} stands where {batch} should",
                record.batch
            ));
        }
        if let (true, Some(left)) = (sure, self.left)
            && record.left + 1 != left
        {
            let (found, expected) = (record.left, left.saturating_sub(1));
            return Some(format!("left {found} stands where {expected} should"));
        }
        self.batch = record.batch;
        self.doubt = 0;
        self.expected = record.seq.next();
        self.left = (record.left > 0).then_some(record.left);
        if record.left == 0 {
            self.whole = record.seq;
            self.batch = self.expected;
        }
        None
    }

    /// What no writer of ours writes, whatever its check says.
    fn misformed(&mut self, record: &Record<'_>) -> Option<String> {
        if record.source != self.source {
            if let Err(error) = SourceName::new(record.source) {
                return Some(error.to_string());
            }
            record.source.clone_into(&mut self.source);
        }
        if record.received_at != self.received_at {
            if Timestamp::parse(record.received_at).is_err() {
                return Some("received_at is no moment".to_owned());
            }
            self.received_at.copy_from_slice(record.received_at);
        }
        if Id::from_hex(record.id).is_none() {
            return Some("the id is not 32 hexadecimal digits".to_owned());
        }
        let is_object =
            record.payload.first() == Some(&b'{') && record.payload.last() == Some(&b'}');
        (!is_object).then(|| "the payload is no object".to_owned())
    }

    /// A faulty line was an event, most likely.
    fn pass_fault(&mut self) {
        self.expected = self.expected.next();
        self.doubt += 1;
    }

    fn unfinished(&self, end: u64) -> Unfinished {
        Unfinished {
            line: self.batch_line,
            offset: self.batch_offset,
            batch: self.batch,
            bytes: end - self.batch_offset,
        }
    }

    fn end(&self, next: Option<Seq>, unfinished: Option<Unfinished>, bytes: u64) -> End {
        let (mut unfinished, mut fault) = (unfinished, None);
        match next {
            None if self.left.is_some() && self.doubt == 0 => {
                unfinished = unfinished.or(Some(self.unfinished(bytes)));
            }
            Some(_) if self.left.is_some() && self.doubt == 0 => {
                let what = "the batch that starts here is not whole".to_owned();
                fault = Some((self.batch_offset, what));
            }
            Some(next) if next != self.expected && self.doubt == 0 => {
                let what = format!(
                    "the segment ends with event {}, and the next one starts with {next}",
                    self.whole
                );
                fault = Some((bytes, what));
            }
            _ => {}
        }
        End {
            last: self.whole,
            unfinished,
            fault,
        }
    }
}
