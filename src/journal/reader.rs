//! Reading on from a position, whole lines at a time, never past what is
//! synced.

use super::segment::Cursor;
use super::shared::Shared;
use crate::disk::{Open, SharedDisk, SharedFile, read_range};
use crate::event::Day;
use std::io;
use std::sync::Arc;

/// A cursor over the journal's lines.
pub struct Reader {
    disk: SharedDisk,
    shared: Arc<Shared>,
    open: Option<(u64, SharedFile)>,
    buffer: Vec<u8>,
}

/// Lines that lie one after the other in one segment.
#[derive(Debug)]
pub struct Block<'a> {
    /// The segment's day.
    pub day: Day,
    /// The place of the first line.
    pub start: Cursor,
    /// Whole lines, the last one with its line end.
    pub lines: &'a [u8],
}

impl Reader {
    /// A reader of the journal that `shared` describes.
    #[must_use]
    pub fn new(disk: SharedDisk, shared: Arc<Shared>) -> Self {
        Self {
            disk,
            shared,
            open: None,
            buffer: Vec::new(),
        }
    }

    /// The next lines after `cursor`, which is moved behind them: about `bytes_max` bytes, or one line if that is longer.
    /// Nothing when `until` or the end of what is synced is reached.
    ///
    /// # Errors
    /// Whatever the disk answers; `InvalidData` where a segment is shorter than it was or lines do not end.
    pub fn next(
        &mut self,
        cursor: &mut Cursor,
        until: Cursor,
        bytes_max: usize,
    ) -> io::Result<Option<Block<'_>>> {
        loop {
            let Some(number) = self.shared.at_or_after(cursor.segment) else {
                return Ok(None);
            };
            if number != cursor.segment {
                *cursor = Cursor {
                    segment: number,
                    offset: 0,
                };
            }
            let Some(segment) = self.shared.segment(number) else {
                return Ok(None);
            };
            let end = if until.segment == number {
                until.offset.min(segment.bytes)
            } else {
                segment.bytes
            };
            if number > until.segment {
                return Ok(None);
            }
            self.open_segment(number, &segment.path)?;
            if cursor.offset == 0 && end > 0 {
                let first = self.read_lines(number, 0..end, 1)?;
                cursor.offset = first as u64;
            }
            if cursor.offset >= end {
                if number >= until.segment || self.shared.at_or_after(number + 1).is_none() {
                    return Ok(None);
                }
                *cursor = Cursor {
                    segment: number + 1,
                    offset: 0,
                };
                continue;
            }
            let start = *cursor;
            let length = self.read_lines(number, start.offset..end, bytes_max)?;
            cursor.offset += length as u64;
            return Ok(Some(Block {
                day: segment.day,
                start,
                lines: &self.buffer[..length],
            }));
        }
    }

    fn open_segment(&mut self, number: u64, path: &std::path::Path) -> io::Result<()> {
        if self.open.as_ref().is_none_or(|open| open.0 != number) {
            self.open = Some((number, self.disk.open(path, Open::Read)?));
        }
        Ok(())
    }

    /// Fills the buffer from the start of `range` and tells how much of it is whole lines. With `bytes_max` 1 that is one line.
    fn read_lines(
        &mut self,
        number: u64,
        range: std::ops::Range<u64>,
        bytes_max: usize,
    ) -> io::Result<usize> {
        let Some((_, file)) = &self.open else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let damaged = |what| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("segment {number}: {what}"),
            )
        };
        let one = bytes_max == 1;
        let mut wanted = bytes_max.max(4096) as u64;
        loop {
            let until = range.end.min(range.start + wanted);
            read_range(&**file, range.start..until, &mut self.buffer)?;
            if (self.buffer.len() as u64) < until - range.start {
                return Err(damaged("the file is shorter than it was"));
            }
            let end = if one {
                memchr::memchr(b'\n', &self.buffer)
            } else {
                memchr::memrchr(b'\n', &self.buffer)
            };
            match end {
                Some(end) => return Ok(end + 1),
                None if until == range.end => return Err(damaged("its last line has no end")),
                None => wanted *= 4,
            }
        }
    }

    /// Gives back what a long line made the reader hold.
    pub fn shrink(&mut self, bytes: usize) {
        self.buffer.truncate(bytes);
        self.buffer.shrink_to(bytes);
    }
}
