//! Rows of a file that somebody changed: read by a CSV parser, because nothing
//! that rowhook remembers of it holds any more, and put under the header of an
//! answer by the names of its own.

use crate::disk::{Open, SharedDisk, SharedFile};
use crate::flatten::cell::write_text;
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::collections::HashSet;
use std::io;
use std::path::Path;

/// A file from its first byte on, as a parser wants it.
struct Sequential {
    file: SharedFile,
    at: u64,
    end: u64,
}

impl io::Read for Sequential {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let wanted = left.min(buf.len());
        let read = self.file.read_at(&mut buf[..wanted], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The rows of a changed file.
pub(super) struct Edited {
    reader: Reader<Sequential>,
    record: ByteRecord,
    /// Column names, each once: one that comes again gets a number.
    pub names: Vec<String>,
    /// When the file changed last.
    pub modified_ns: i64,
    /// For each of its columns the place in the answer.
    places: Vec<usize>,
    columns: usize,
}

const CHUNK: usize = 256 * 1024;

impl Edited {
    /// Opens the file and reads its header.
    pub fn open(disk: &SharedDisk, path: &Path) -> io::Result<Self> {
        Self::of(disk.open(path, Open::Read)?, u64::MAX)
    }

    /// Reads the header of `file`, and of its rows those within its first bytes, as many as `end`.
    pub fn of(file: SharedFile, end: u64) -> io::Result<Self> {
        let modified_ns = file.stat()?.modified_ns;
        let mut reader =
            ReaderBuilder::new()
                .flexible(true)
                .from_reader(Sequential { file, at: 0, end });
        let mut taken = HashSet::new();
        let mut names = Vec::new();
        for name in reader.byte_headers()? {
            let name = String::from_utf8_lossy(name).into_owned();
            let numbered = (2..).map(|n| format!("{name} ({n})"));
            let free = std::iter::once(name.clone())
                .chain(numbered)
                .find(|n| taken.insert(n.clone()));
            names.push(free.unwrap_or(name));
        }
        Ok(Self {
            reader,
            record: ByteRecord::new(),
            names,
            modified_ns,
            places: Vec::new(),
            columns: 0,
        })
    }

    /// Puts its rows under an answer of `columns` columns, each cell at the place that its column has there.
    pub fn placed(self, places: Vec<usize>, columns: usize) -> Self {
        Self {
            places,
            columns,
            ..self
        }
    }

    /// The next rows; nothing at the end. A cell beyond the file's own header has no column and is left out.
    pub fn next_rows(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        let mut cells = vec![0..0; self.columns];
        while out.len() < CHUNK && self.reader.read_byte_record(&mut self.record)? {
            cells.fill(0..0);
            for (nth, &place) in self.places.iter().enumerate() {
                cells[place] = self.record.range(nth).unwrap_or(0..0);
            }
            for (nth, cell) in cells.iter().enumerate() {
                if nth > 0 {
                    out.push(b',');
                }
                write_text(&self.record.as_slice()[cell.clone()], false, &mut out);
            }
            out.push(b'\n');
        }
        Ok((!out.is_empty()).then_some(out))
    }

    /// Goes to the next row; false at the end.
    pub fn step(&mut self) -> io::Result<bool> {
        Ok(self.reader.read_byte_record(&mut self.record)?)
    }

    /// A cell of the row at hand.
    pub fn cell(&self, nth: usize) -> &[u8] {
        self.record.get(nth).unwrap_or_default()
    }

    /// How many bytes its rows give.
    pub fn count(mut self) -> io::Result<u64> {
        let mut bytes = 0;
        while let Some(rows) = self.next_rows()? {
            bytes += rows.len() as u64;
        }
        Ok(bytes)
    }
}
