//! Rows as the bytes of a file of some format, piece by piece, in bounded
//! memory whatever the size.

use std::io;

/// The bytes of an answer, in order.
pub trait Chunks: Send {
    /// The next bytes, never empty; nothing at the end.
    ///
    /// # Errors
    /// Whatever the disk answers: an answer is never short without an error.
    fn next_bytes(&mut self) -> io::Result<Option<Vec<u8>>>;
}
