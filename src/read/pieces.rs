//! The bytes of an answer, piece by piece: copied from a file, or its rows
//! made to fit a wider header. Whatever the size, a few hundred KiB at a time.

use super::edited::Edited;
use super::write::Chunks;
use crate::disk::{Open, SharedDisk, SharedFile, read_range};
use crate::table::rows::{RowEnds, fields, widen};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How the rows of a file become rows of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// As they are.
    Copy,
    /// With this many empty cells more at the end.
    Pad(usize),
    /// Each cell in another column: for each column of the file its place, and how many columns the answer has.
    Place(Vec<usize>, usize),
}

/// A part of an answer.
#[derive(Clone)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes of a file, made to fit.
    File {
        /// The file's name.
        path: PathBuf,
        /// The file, where it is open already.
        file: Option<SharedFile>,
        /// Which of its bytes.
        range: Range<u64>,
        /// How they fit.
        fit: Fit,
        /// How many bytes that gives.
        bytes: u64,
        /// When the file changed last, as it was planned with: another one is another version.
        modified_ns: i64,
    },
    /// The rows of a file that somebody changed.
    Edited {
        /// The file's name.
        path: PathBuf,
        /// For each of its columns the place in the answer.
        places: Vec<usize>,
        /// How many columns the answer has.
        columns: usize,
        /// How many bytes that gives.
        bytes: u64,
        /// When the file changed last, as it was planned with.
        modified_ns: i64,
    },
}

impl Piece {
    /// Bytes that it gives.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { bytes, .. } | Self::Edited { bytes, .. } => *bytes,
        }
    }
}

/// Bytes read from a file at a time.
const CHUNK: u64 = 256 * 1024;
/// The same where they are only copied: that long others wait meanwhile, and so much a download holds, twice.
const COPIED_CHUNK: u64 = 64 * 1024;
/// The first bytes of a file that is only copied are read where it is opened, and the rest may go without being read at all.
const FIRST_COPIED: u64 = 4 * 1024;
/// So much of a file is sent at a time: others wait that long.
const PART: u64 = 512 * 1024;
/// Whether it is in memory is looked at once in so many bytes: files are read ahead and forgotten in larger pieces.
const LOOKED_AT: u64 = 32 * 1024;

/// Gives the bytes of a range of an answer in order.
pub struct Pieces {
    disk: SharedDisk,
    rest: std::vec::IntoIter<Piece>,
    /// Bytes to pass over, and bytes to give after them.
    skip: u64,
    left: u64,
    current: Option<Current>,
}

/// Where bytes come from at the moment.
enum Current {
    File(FileRows),
    Edited(Box<Edited>),
}

struct FileRows {
    path: PathBuf,
    file: SharedFile,
    at: u64,
    end: u64,
    fit: Fit,
    /// So much of it is read next.
    chunk: u64,
    ends: RowEnds,
    /// The beginning of a row whose end has not been read.
    carry: Vec<u8>,
}

impl Pieces {
    /// The bytes of `range` of what `pieces` give one after the other.
    #[must_use]
    pub fn new(disk: SharedDisk, pieces: Vec<Piece>, range: Range<u64>) -> Self {
        let left = range.end.saturating_sub(range.start);
        Self {
            disk,
            rest: pieces.into_iter(),
            skip: range.start,
            left,
            current: None,
        }
    }

    /// The file that is only copied at the moment, and how many bytes of it are to come.
    fn copied(&mut self) -> Option<(&mut FileRows, u64)> {
        match &mut self.current {
            Some(Current::File(rows)) if self.skip == 0 && rows.fit == Fit::Copy => {
                let bytes = self.left.min(rows.end - rows.at);
                Some((rows, bytes))
            }
            _ => None,
        }
    }

    fn more(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let bytes = match &mut self.current {
                None => None,
                Some(Current::File(rows)) => rows.read()?,
                Some(Current::Edited(edited)) => edited.next_rows()?,
            };
            if bytes.is_some() {
                return Ok(bytes);
            }
            self.current = None;
            match self.rest.next() {
                None => return Ok(None),
                Some(piece) if piece.bytes() <= self.skip => self.skip -= piece.bytes(),
                Some(Piece::Bytes(bytes)) => return Ok(Some(bytes)),
                Some(Piece::File {
                    path,
                    file,
                    mut range,
                    fit,
                    modified_ns,
                    ..
                }) => {
                    if fit == Fit::Copy {
                        range.start += self.skip;
                        self.skip = 0;
                    }
                    let file = if let Some(file) = file {
                        file
                    } else {
                        let file = self.disk.open(&path, Open::Read)?;
                        same(file.stat()?.modified_ns, modified_ns, &path)?;
                        file
                    };
                    let (at, end) = (range.start, range.end);
                    let chunk = match fit {
                        Fit::Copy => FIRST_COPIED,
                        Fit::Pad(_) | Fit::Place(..) => CHUNK,
                    };
                    let rows = FileRows {
                        path,
                        file,
                        at,
                        end,
                        fit,
                        chunk,
                        ends: RowEnds::default(),
                        carry: Vec::new(),
                    };
                    self.current = Some(Current::File(rows));
                }
                Some(Piece::Edited {
                    path,
                    places,
                    columns,
                    modified_ns,
                    ..
                }) => {
                    let edited = Edited::open(&self.disk, &path)?;
                    same(edited.modified_ns, modified_ns, &path)?;
                    self.current = Some(Current::Edited(Box::new(edited.placed(places, columns))));
                }
            }
        }
    }
}

impl Chunks for Pieces {
    /// Also an error when a file gives less than it should.
    fn next_bytes(&mut self) -> io::Result<Option<Vec<u8>>> {
        while self.left > 0 {
            let Some(mut bytes) = self.more()? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let skipped = self.skip.min(bytes.len() as u64);
            self.skip -= skipped;
            bytes.drain(..usize::try_from(skipped).unwrap_or(bytes.len()));
            bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= bytes.len() as u64;
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn ready_part(&mut self) -> Option<(SharedFile, Range<u64>)> {
        let (rows, bytes) = self.copied()?;
        let end = rows.at + bytes.min(PART);
        let is_ready = |at| matches!(rows.file.read_ready_at(&mut [0], at), Ok(1));
        let mut ready = rows.at;
        if ready < end && is_ready(ready) {
            while ready < end {
                let next = end.min((ready / LOOKED_AT + 1) * LOOKED_AT);
                if !is_ready(next - 1) {
                    break;
                }
                ready = next;
            }
        }
        (ready > rows.at).then(|| (rows.file.clone(), rows.at..ready))
    }

    fn sent(&mut self, bytes: u64) {
        if let Some(Current::File(rows)) = &mut self.current {
            rows.at += bytes;
            self.left -= bytes;
        }
    }

    fn ready_bytes(&mut self) -> Option<Vec<u8>> {
        let (rows, bytes) = self.copied()?;
        let bytes = bytes.min(COPIED_CHUNK);
        let mut chunk = vec![0; usize::try_from(bytes).unwrap_or(0)];
        let read = rows.file.read_ready_at(&mut chunk, rows.at).ok()?;
        chunk.truncate(read);
        rows.at += read as u64;
        self.left -= read as u64;
        (read > 0).then_some(chunk)
    }
}

impl FileRows {
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let until = self.end.min(self.at + self.chunk);
        let mut chunk = Vec::new();
        read_range(&*self.file, self.at..until, &mut chunk)?;
        if chunk.len() as u64 != until - self.at {
            let what = format!("{}: the file is shorter than it was", self.path.display());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        }
        self.at = until;
        match &self.fit {
            Fit::Copy => {
                self.chunk = COPIED_CHUNK;
                Ok(Some(chunk))
            }
            Fit::Pad(cells) => {
                let mut out = Vec::with_capacity(chunk.len() + chunk.len() / 8);
                widen(&chunk, &mut self.ends, *cells, &mut out);
                Ok(Some(out))
            }
            Fit::Place(places, columns) => Ok(Some(place_rows(
                &chunk,
                &mut self.ends,
                &mut self.carry,
                places,
                *columns,
            ))),
        }
    }
}

/// A file that changed since the answer was planned gives another answer.
pub(super) fn same(now: i64, planned: i64, path: &Path) -> io::Result<()> {
    if now == planned {
        return Ok(());
    }
    let what = format!("{}: the file was changed meanwhile", path.display());
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}

fn place_rows(
    chunk: &[u8],
    ends: &mut RowEnds,
    carry: &mut Vec<u8>,
    places: &[usize],
    columns: usize,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(chunk.len() * 2);
    let mut cells: Vec<Range<usize>> = vec![0..0; columns];
    let mut at = 0;
    while let Some(end) = ends.next(chunk, at) {
        let row = if carry.is_empty() {
            &chunk[at..end]
        } else {
            carry.extend_from_slice(&chunk[at..end]);
            carry.as_slice()
        };
        cells.fill(0..0);
        let start = row.as_ptr() as usize;
        for (field, &place) in fields(row).zip(places) {
            let from = field.as_ptr() as usize - start;
            cells[place] = from..from + field.len();
        }
        for (nth, cell) in cells.iter().enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&row[cell.clone()]);
        }
        out.push(b'\n');
        carry.clear();
        at = end;
    }
    carry.extend_from_slice(&chunk[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk as _, RealDisk};
    use crate::disk::{File, Stat};
    use std::sync::Arc;

    /// A file of which these pieces are in memory.
    struct Partly(&'static [Range<u64>]);

    impl File for Partly {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            for (byte, at) in buf.iter_mut().zip(offset..) {
                *byte = u8::try_from(at % 251).unwrap();
            }
            Ok(buf.len())
        }

        fn read_ready_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            let ready = self.0.iter().find(|range| range.contains(&offset));
            let ready = ready.ok_or(io::ErrorKind::WouldBlock)?;
            let bytes = usize::try_from(ready.end - offset).unwrap().min(buf.len());
            self.read_at(&mut buf[..bytes], offset)
        }

        fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn sync(&self) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn stat(&self) -> io::Result<Stat> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// Whoever sends them waits for no disk.
    #[test]
    fn parts_are_what_is_in_memory() {
        const READY: &[Range<u64>] = &[
            0..16_384,
            65_536..70_000,
            131_072..800_000,
            1_100_000..3_000_000,
        ];
        let bytes = 3_000_000;
        let piece = Piece::File {
            path: PathBuf::new(),
            file: Some(Arc::new(Partly(READY))),
            range: 0..bytes,
            fit: Fit::Copy,
            bytes,
            modified_ns: 0,
        };
        let mut all = Pieces::new(Arc::new(RealDisk), vec![piece], 0..bytes);
        let (mut at, mut sent) = (0, 0);
        loop {
            if let Some((_, part)) = all.ready_part() {
                let within =
                    |ready: &Range<u64>| ready.start <= part.start && part.end <= ready.end;
                assert!(READY.iter().any(within), "{part:?}");
                assert!(part.start == at && part.end > at, "{part:?} at {at}");
                all.sent(part.end - at);
                (at, sent) = (part.end, sent + part.end - part.start);
            } else if let Some(found) = all.next_bytes().unwrap() {
                let mut wanted = vec![0; found.len()];
                Partly(READY).read_at(&mut wanted, at).unwrap();
                assert_eq!(found, wanted, "at {at}");
                at += found.len() as u64;
            } else {
                break;
            }
        }
        assert_eq!(at, bytes);
        assert!(sent > 2_000_000, "{sent}");
    }

    /// What is read at once because it is in memory is what would be waited for, wherever an answer begins and ends.
    #[test]
    fn what_is_ready_is_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(&path, &text).unwrap();
        let file = RealDisk.open(&path, Open::Read).unwrap();
        let (begin, length) = (10, text.len() as u64 - 20);
        let pieces = vec![
            Piece::Bytes(b"head".to_vec()),
            Piece::File {
                path,
                modified_ns: file.stat().unwrap().modified_ns,
                file: Some(file),
                range: begin..begin + length,
                fit: Fit::Copy,
                bytes: length,
            },
        ];
        let whole = [b"head", &text[10..text.len() - 10]].concat();
        let end = whole.len() as u64;
        for range in [0..end, 0..2, 2..5, 4..4, 70_000..end, 3..end - 70_001] {
            let mut all = Pieces::new(Arc::new(RealDisk), pieces.clone(), range.clone());
            let (mut found, mut ready) = (Vec::new(), 0);
            loop {
                if let Some(bytes) = all.ready_bytes() {
                    ready += 1;
                    found.extend(bytes);
                } else if let Some(bytes) = all.next_bytes().unwrap() {
                    found.extend(bytes);
                } else {
                    break;
                }
            }
            let wanted = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            assert_eq!(found, whole[wanted.clone()], "{range:?}");
            assert_eq!(ready > 5, range.end - range.start > 100_000, "{range:?}");
            // As parts of the file, of each as much as the system takes.
            let mut all = Pieces::new(Arc::new(RealDisk), pieces.clone(), range.clone());
            let (mut found, mut parts) = (Vec::new(), 0);
            loop {
                if let Some((_, part)) = all.ready_part() {
                    parts += 1;
                    let taken = part.start..part.start + (part.end - part.start).div_ceil(2);
                    all.sent(taken.end - taken.start);
                    let place = |at| usize::try_from(at).unwrap();
                    found.extend_from_slice(&text[place(taken.start)..place(taken.end)]);
                } else if let Some(bytes) = all.next_bytes().unwrap() {
                    found.extend(bytes);
                } else {
                    break;
                }
            }
            assert_eq!(found, whole[wanted], "{range:?}");
            assert_eq!(parts > 1, range.end - range.start > 100_000, "{range:?}");
        }
    }
}
