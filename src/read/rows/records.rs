//! The events of one source and day as the journal has them, up to one seq:
//! what comes later belongs to later answers.

use crate::disk::SharedDisk;
use crate::event::{Day, Seq, SourceName, is_test};
use crate::journal::record::{self, Record};
use crate::journal::{Cursor, Reader, Shared};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of the journal that are read at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// Which events.
#[derive(Clone)]
pub struct Records {
    /// The disk.
    pub disk: SharedDisk,
    /// Where the journal is.
    pub journal: Arc<Shared>,
    /// Whose.
    pub source: SourceName,
    /// Of which day.
    pub day: Day,
    /// None after this one.
    pub last: Seq,
    /// Whether test events are among them.
    pub tests: bool,
}

/// They, one after the other.
pub struct RecordReader {
    of: Records,
    reader: Reader,
    /// The segment at hand, how far it was read, and where it ends.
    at: Option<(Cursor, u64)>,
    lines: Vec<u8>,
    /// What of `lines` was not looked at yet.
    rest: Range<usize>,
}

impl Records {
    /// Whether the journal goes back to the first event of the day.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        let first = self.journal.at_or_after(0);
        let first = first.and_then(|number| self.journal.segment(number));
        first.is_some_and(|first| first.number == 1 || first.day < self.day)
    }

    /// Starts with the first of them.
    #[must_use]
    pub fn read(&self) -> RecordReader {
        let mut reader = RecordReader {
            of: self.clone(),
            reader: Reader::new(self.disk.clone(), self.journal.clone()),
            at: None,
            lines: Vec::new(),
            rest: 0..0,
        };
        reader.go_to(0);
        reader
    }
}

impl RecordReader {
    /// The next segment of the day from `number` on.
    fn go_to(&mut self, number: u64) {
        let journal = &self.of.journal;
        let segment = journal
            .next_of(self.of.day, number)
            .and_then(|number| journal.segment(number));
        self.at = segment.map(|segment| {
            let start = Cursor {
                segment: segment.number,
                offset: 0,
            };
            (start, segment.bytes)
        });
    }

    /// The next one; nothing at the end.
    ///
    /// # Errors
    /// Whatever the disk answers, and `InvalidData` for a line that is not as it was written.
    pub fn step(&mut self) -> io::Result<Option<Record<'_>>> {
        let source = self.of.source.clone();
        let line = loop {
            let Some(line) = self.line()? else {
                return Ok(None);
            };
            // A damaged line of nobody's: the table of whoever's it was lacks a row, and says so.
            let text = &self.lines[line.clone()];
            let is_wanted = || self.of.tests || !record::from_payload(text).is_some_and(is_test);
            if record::source(text) == Some(source.as_str().as_bytes()) && is_wanted() {
                break line;
            }
        };
        let record = record::parse(&self.lines[line]).map_err(|error| {
            let what = format!("the journal of {}: {error}", self.of.day);
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        if record.seq > self.of.last {
            self.at = None;
            self.rest = 0..0;
            return Ok(None);
        }
        Ok(Some(record))
    }

    /// Where in `lines` the next line is, without its end.
    fn line(&mut self) -> io::Result<Option<Range<usize>>> {
        while self.rest.is_empty() {
            let Some((mut cursor, bytes)) = self.at else {
                return Ok(None);
            };
            let until = Cursor {
                segment: cursor.segment,
                offset: bytes,
            };
            let block = self.reader.next(&mut cursor, until, BLOCK_BYTES)?;
            if let Some(block) = block {
                self.lines.clear();
                self.lines.extend_from_slice(block.lines);
                self.rest = 0..self.lines.len();
                self.at = Some((cursor, bytes));
            } else {
                self.go_to(until.segment + 1);
            }
        }
        let start = self.rest.start;
        let end = memchr::memchr(b'\n', &self.lines[self.rest.clone()]);
        let end = start + end.unwrap_or(self.rest.len());
        self.rest.start = (end + 1).min(self.rest.end);
        Ok(Some(start..end))
    }
}
