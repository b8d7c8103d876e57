//! A CSV file read once from front to back, never more than a window of it at
//! a time, and no further than it went when it was opened.

use crate::disk::{SharedFile, read_range};
use crate::table::rows::RowEnds;
use std::io;

const WINDOW: usize = 128 * 1024;
/// A row that ends nowhere within this is taken for none: somebody's quote may swallow the rest of the file.
pub const ROW_BYTES_MAX: usize = 256 * 1024;
/// The longest header: a thousand columns with the longest names take less.
const HEADER_BYTES_MAX: usize = 64 << 20;

/// A file and where in it we are.
pub struct Text {
    file: SharedFile,
    /// Where it ends.
    pub end: u64,
    /// Where we are.
    pub at: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl Text {
    /// The first `end` bytes of `file`.
    pub fn new(file: SharedFile, end: u64) -> Self {
        Self {
            file,
            end,
            at: 0,
            buffer: Vec::new(),
            used: 0,
        }
    }

    /// The next `wanted` bytes, without going behind them; fewer where the file ends.
    pub fn ahead(&mut self, wanted: usize) -> io::Result<&[u8]> {
        let rest = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let wanted = wanted.min(rest);
        if self.buffer.len() - self.used < wanted {
            let until = self.end.min(self.at + wanted.max(WINDOW) as u64);
            read_range(&*self.file, self.at..until, &mut self.buffer)?;
            self.used = 0;
            if (self.buffer.len() as u64) < until - self.at {
                // Somebody cut it meanwhile.
                self.end = self.at + self.buffer.len() as u64;
            }
            self.buffer.shrink_to(4 * WINDOW);
        }
        let held = &self.buffer[self.used..];
        Ok(&held[..wanted.min(held.len())])
    }

    /// Goes behind `bytes` that were looked at.
    pub fn pass(&mut self, bytes: usize) {
        self.used += bytes;
        self.at += bytes as u64;
    }

    /// Whether nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    /// The header line with its end; nothing where no line ends.
    pub fn header(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut wanted = 4096;
        loop {
            let look = self.ahead(wanted)?;
            if let Some(end) = RowEnds::default().next(look, 0) {
                let header = look[..end].to_vec();
                self.pass(end);
                return Ok(Some(header));
            }
            if look.len() < wanted || wanted > HEADER_BYTES_MAX {
                return Ok(None);
            }
            wanted *= 4;
        }
    }

    /// The length of the next row with its end: up to the next line end, if quotes do not close; what is left, if there is
    /// none either.
    pub fn row_bytes(&mut self, expected: usize) -> io::Result<usize> {
        let look = self.ahead((2 * expected).max(ROW_BYTES_MAX))?;
        let end = RowEnds::default().next(look, 0);
        let line = || memchr::memchr(b'\n', look).map(|at| at + 1);
        Ok(end.or_else(line).unwrap_or(look.len()))
    }
}
