//! Rows as the bytes of a file of some format, piece by piece, in bounded
//! memory whatever the size.
//!
//! - [`csv`]: CSV, also for Excel; `typed`: what that makes of a cell
//! - [`jsonl`]: events and rows as JSON Lines
//! - [`xlsx`]: a workbook
//! - [`gzip`]: any of these, gzipped
//! - [`moment`], `number`: date-times and numbers as spreadsheets want them

pub mod csv;
pub mod gzip;
pub mod jsonl;
pub mod moment;
mod number;
mod typed;
pub mod xlsx;

pub use xlsx::Xlsx;

use crate::disk::SharedFile;
use std::io;
use std::ops::Range;

/// Bytes that are worth handing on.
const CHUNK_BYTES: usize = 64 * 1024;

/// The bytes of an answer, in order.
pub trait Chunks: Send {
    /// The next bytes, never empty; nothing at the end.
    ///
    /// # Errors
    /// Whatever the disk answers: an answer is never short without an error.
    fn next_bytes(&mut self) -> io::Result<Option<Vec<u8>>>;

    /// The next bytes, if they are in memory and need nothing but to be copied. Nothing else is told by it: whoever gets
    /// nothing asks for the next bytes.
    fn ready_bytes(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// The next bytes as part of a file, if they are in memory; told of nothing else either. They count as given once
    /// [`Chunks::sent`] says so.
    fn ready_part(&mut self) -> Option<(SharedFile, Range<u64>)> {
        None
    }

    /// So many bytes of the last part need not be given any more.
    fn sent(&mut self, _bytes: u64) {}
}
