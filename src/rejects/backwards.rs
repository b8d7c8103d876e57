//! The lines of a file, the last one first, read a piece at a time. What stands
//! behind the last line end is torn and is none.

use crate::disk::{File, read_range};
use std::io;

/// Read at first; more for lines that are longer.
const PIECE_BYTES: u64 = 64 << 10;
const PIECE_BYTES_MAX: u64 = 4 << 20;
/// A longer line is passed over: it would be held whole.
pub(super) const LINE_BYTES_MAX: usize = 32 << 20;

/// A line and where it begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Line(u64, Vec<u8>),
    /// One that is longer than a line may be.
    TooLong(u64),
}

/// Where a file is read.
pub(super) struct Backwards<'f> {
    file: &'f dyn File,
    /// Where `held` begins in the file.
    start: u64,
    held: Vec<u8>,
    /// So many bytes at the start of `held` may have a line end.
    unsearched: usize,
    piece_bytes: u64,
    /// The line at hand is not held.
    passing: Passing,
    /// Bytes that were read.
    pub read: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Passing {
    No,
    TooLong,
    Torn,
}

impl<'f> Backwards<'f> {
    /// The lines of `file` that begin before `end`.
    ///
    /// # Errors
    /// Whatever the system answers.
    pub fn new(file: &'f dyn File, end: u64) -> io::Result<Self> {
        let end = end.min(file.stat()?.bytes);
        let mut lines = Self {
            file,
            start: end,
            held: Vec::new(),
            unsearched: 0,
            piece_bytes: PIECE_BYTES,
            passing: Passing::Torn,
            read: 0,
        };
        if end > 0 {
            lines.fill()?;
            if lines.held.last() == Some(&b'\n') {
                lines.passing = Passing::No;
                lines.unsearched -= 1;
            }
        }
        Ok(lines)
    }

    /// The line before the last one that was given.
    ///
    /// # Errors
    /// Whatever the system answers.
    pub fn next(&mut self) -> io::Result<Option<Found>> {
        loop {
            let found = memchr::memrchr(b'\n', &self.held[..self.unsearched]);
            let cut = match found {
                Some(at) => at + 1,
                None if self.start == 0 => 0,
                None => {
                    self.fill()?;
                    continue;
                }
            };
            let line = self.held.split_off(cut);
            self.unsearched = cut.saturating_sub(1);
            self.piece_bytes = PIECE_BYTES;
            let at = self.start + cut as u64;
            match std::mem::replace(&mut self.passing, Passing::No) {
                Passing::No if line.is_empty() => return Ok(None),
                Passing::No => return Ok(Some(Found::Line(at, line))),
                Passing::TooLong => return Ok(Some(Found::TooLong(at))),
                Passing::Torn => {}
            }
        }
    }

    /// Reads what stands before.
    fn fill(&mut self) -> io::Result<()> {
        if self.passing == Passing::No && self.held.len() > LINE_BYTES_MAX {
            self.passing = Passing::TooLong;
        }
        if self.passing != Passing::No {
            self.held = Vec::new();
        }
        let from = self.start.saturating_sub(self.piece_bytes);
        let mut piece = Vec::new();
        read_range(self.file, from..self.start, &mut piece)?;
        if piece.len() as u64 != self.start - from {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read += piece.len() as u64;
        self.unsearched = piece.len();
        piece.append(&mut self.held);
        self.held = piece;
        self.start = from;
        self.piece_bytes = (self.piece_bytes * 2).min(PIECE_BYTES_MAX);
        Ok(())
    }
}

/// The line that begins at `at`, with its end; nothing when there is none, it is torn or too long.
///
/// # Errors
/// Whatever the system answers.
pub(super) fn line_at(file: &dyn File, at: u64) -> io::Result<Option<Vec<u8>>> {
    let (mut line, mut piece) = (Vec::new(), Vec::new());
    let mut bytes = PIECE_BYTES;
    while line.len() <= LINE_BYTES_MAX {
        let from = at.saturating_add(line.len() as u64);
        read_range(file, from..from.saturating_add(bytes), &mut piece)?;
        if let Some(end) = memchr::memchr(b'\n', &piece) {
            line.extend_from_slice(&piece[..=end]);
            return Ok(Some(line));
        }
        if piece.is_empty() {
            break;
        }
        line.extend_from_slice(&piece);
        bytes = (bytes * 2).min(PIECE_BYTES_MAX);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk as _, Open, RealDisk};

    fn lines(text: &[u8], end: u64) -> Vec<(u64, String)> {
        let dir = tempfile::tempdir().unwrap();
        let file = RealDisk.open(&dir.path().join("x"), Open::New).unwrap();
        file.write_at(text, 0).unwrap();
        let mut lines = Backwards::new(&*file, end).unwrap();
        let mut all = Vec::new();
        while let Some(Found::Line(at, line)) = lines.next().unwrap() {
            assert_eq!(line_at(&*file, at).unwrap().as_ref(), Some(&line));
            all.push((at, String::from_utf8(line).unwrap()));
        }
        all
    }

    #[test]
    fn the_last_line_first_and_nothing_torn() {
        let all = |list: &[(u64, &str)]| -> Vec<(u64, String)> {
            list.iter()
                .map(|(at, line)| (*at, (*line).into()))
                .collect()
        };
        assert_eq!(lines(b"", 9), []);
        assert_eq!(lines(b"torn", 9), []);
        assert_eq!(lines(b"a\n", 9), all(&[(0, "a\n")]));
        assert_eq!(lines(b"a\nbc\ntorn", 99), all(&[(2, "bc\n"), (0, "a\n")]));
        assert_eq!(
            lines(b"a\n\nbc\n", 99),
            all(&[(3, "bc\n"), (2, "\n"), (0, "a\n")])
        );
        for end in 2..5 {
            assert_eq!(lines(b"a\nbc\nd\n", end), all(&[(0, "a\n")]), "{end}");
        }
        assert_eq!(lines(b"a\nbc\nd\n", 0), []);
    }

    #[test]
    fn lines_that_are_longer_than_a_piece() {
        let long = |letter: &str, bytes: usize| letter.repeat(bytes) + "\n";
        for bytes in [1, 65_534, 65_535, 65_536, 65_537, 300_000] {
            let text = long("x", bytes) + &long("y", 3) + &long("z", bytes);
            let got = lines(text.as_bytes(), u64::MAX);
            let lengths: Vec<_> = got.iter().map(|(at, line)| (*at, line.len())).collect();
            let n = bytes as u64;
            assert_eq!(lengths, [(n + 5, bytes + 1), (n + 1, 4), (0, bytes + 1)]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = RealDisk.open(&dir.path().join("x"), Open::New).unwrap();
        file.write_at(b"first\n", 0).unwrap();
        let end = 6 + LINE_BYTES_MAX as u64 + (9 << 20);
        file.write_at(b"\nlast\n", end).unwrap();
        let mut lines = Backwards::new(&*file, u64::MAX).unwrap();
        assert_eq!(
            lines.next().unwrap(),
            Some(Found::Line(end + 1, b"last\n".to_vec()))
        );
        assert_eq!(lines.next().unwrap(), Some(Found::TooLong(6)));
        assert!(lines.held.len() <= 16 << 20);
        assert_eq!(
            lines.next().unwrap(),
            Some(Found::Line(0, b"first\n".to_vec()))
        );
        assert_eq!(lines.next().unwrap(), None);
        assert_eq!(line_at(&*file, 6).unwrap(), None);
    }
}
