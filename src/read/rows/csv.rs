//! Rows as the files have them: where somebody changed a day that is over, it
//! is shown as it is, and where the journal does not go back so far there is
//! nothing else. CSV does not say what was a number: what looks like one is.

use super::joined::Part;
use super::{Heading, Row, Rows};
use crate::disk::{SharedDisk, SharedFile};
use crate::flatten::{Kind, cell};
use crate::read::edited::Edited;
use std::io;
use std::path::PathBuf;

/// A file of a table.
#[derive(Clone)]
pub struct CsvFile {
    /// Its name.
    pub path: PathBuf,
    /// The file, where it is open already, and how much of it is meant.
    pub open: Option<(SharedFile, u64)>,
}

/// The files of one day.
pub struct CsvDay {
    disk: SharedDisk,
    files: Vec<Known>,
    guard: bool,
}

/// A file as it was when the table was planned.
#[derive(Clone)]
struct Known {
    file: CsvFile,
    /// For each of its columns the place in the table.
    places: Vec<usize>,
    modified_ns: i64,
}

impl CsvFile {
    fn read(&self, disk: &SharedDisk) -> io::Result<Edited> {
        match &self.open {
            Some((file, bytes)) => Edited::of(file.clone(), *bytes),
            None => Edited::open(disk, &self.path),
        }
    }
}

impl CsvDay {
    /// The rows that `files` hold, one after the other, and their columns. With `guard`, the `'` that it added is left out.
    ///
    /// # Errors
    /// Whatever the disk answers.
    pub fn open(
        disk: SharedDisk,
        files: Vec<CsvFile>,
        guard: bool,
    ) -> io::Result<(Self, Vec<Heading>)> {
        let mut union = super::Union::default();
        let mut known = Vec::with_capacity(files.len());
        for file in files {
            let read = file.read(&disk)?;
            known.push(Known {
                places: union.add(read.names.iter().map(String::as_str)),
                modified_ns: read.modified_ns,
                file,
            });
        }
        let heading = |name: String| {
            let title = if guard {
                cell::unguarded(&name)
            } else {
                name.clone()
            };
            let is_id = crate::flatten::is_id(&title);
            Heading { name, title, is_id }
        };
        let day = Self {
            disk,
            files: known,
            guard,
        };
        Ok((day, union.names.into_iter().map(heading).collect()))
    }
}

impl Part for CsvDay {
    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        Ok(Box::new(CsvRows {
            disk: self.disk.clone(),
            files: self.files.clone().into_iter(),
            current: None,
            cells: Vec::new(),
            guard: self.guard,
        }))
    }
}

struct CsvRows {
    disk: SharedDisk,
    files: std::vec::IntoIter<Known>,
    current: Option<Edited>,
    /// Place in the table and in the record, by place.
    cells: Vec<(usize, usize)>,
    guard: bool,
}

impl CsvRows {
    /// The next record is at hand in `current`; false at the end.
    fn step(&mut self) -> io::Result<bool> {
        loop {
            if let Some(file) = &mut self.current {
                if file.step()? {
                    return Ok(true);
                }
                self.current = None;
            }
            let Some(known) = self.files.next() else {
                return Ok(false);
            };
            let file = known.file.read(&self.disk)?;
            if known.file.open.is_none() && file.modified_ns != known.modified_ns {
                let path = known.file.path.display();
                let what = format!("{path}: the file was changed meanwhile");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            self.cells = known.places.iter().copied().zip(0..).collect();
            self.cells.sort_unstable();
            self.current = Some(file);
        }
    }
}

impl Rows for CsvRows {
    fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        row.clear();
        if !self.step()? {
            return Ok(false);
        }
        let Some(file) = &self.current else {
            return Ok(false);
        };
        for &(place, nth) in &self.cells {
            let text = file.cell(nth);
            if self.guard && text.contains(&b'\'') {
                let text = cell::unguarded(&String::from_utf8_lossy(text));
                row.push(place, Kind::Text, text.as_bytes());
            } else if is_json_number(text) {
                row.push(place, Kind::Number, text);
            } else {
                row.push(place, Kind::Text, text);
            }
        }
        Ok(true)
    }
}

/// Whether `text` is a number as JSON writes one (RFC 8259, 6).
fn is_json_number(text: &[u8]) -> bool {
    let starts = matches!(text.first(), Some(b'-' | b'0'..=b'9'));
    let ends = matches!(text.last(), Some(b'0'..=b'9'));
    starts && ends && std::str::from_utf8(text).is_ok_and(|text| crate::json::scan(text).is_ok())
}
