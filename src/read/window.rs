//! Some rows of a day, as they stand in its files: the newest first, from any
//! place backwards, or the one at a place. Nothing of a day is held but what
//! is shown, and what lies before it is not read: outside of quotes a row can be
//! found backwards as well as forwards.

use crate::disk::{Open, SharedDisk, SharedFile, read_range};
use crate::table::rows::{RowEnds, fields};
use memchr::memmem::Finder;
use serde::{Serialize, Serializer};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

/// Bytes that are read at a time.
const CHUNK: u64 = 256 * 1024;
/// So much is looked through for one answer; whoever wants more asks for the rest.
const LOOKED_THROUGH_MAX: u64 = 256 << 20;
/// So much an answer holds, and one row more.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// A row's place in its day: the number of the file, and where in it the row begins. Written `2-12345`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, from 1.
    pub part: u32,
    /// Bytes before it.
    pub at: u64,
}

/// A file of the day.
#[derive(Clone)]
pub struct DayFile {
    /// Its name.
    pub path: PathBuf,
    /// The file, where it is open already, and how much of it is meant.
    pub open: Option<(SharedFile, u64)>,
}

/// Which rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Those before this place; the newest without one.
    pub before: Option<Place>,
    /// None before this one.
    pub after: Option<Place>,
    /// So many at most.
    pub limit: usize,
    /// A text that any of their cells holds, large and small letters of ASCII being the same.
    pub text: String,
    /// Texts that the cells of certain columns hold.
    pub cells: Vec<(String, String)>,
}

/// Rows that were found.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The columns of the newest file.
    pub columns: Vec<String>,
    /// The rows, with the cells of these columns.
    pub rows: Vec<FoundRow>,
    /// Where to go on with those before; nothing where there are none.
    pub earlier: Option<Place>,
    /// Where the day ends: what comes later stands there and behind it.
    pub end: Option<Place>,
}

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub struct FoundRow {
    /// Where it stands.
    pub place: Place,
    /// Its cells; a file may have fewer columns than the newest.
    pub cells: Vec<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.part, self.at)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place of a row, which is written like 1-12345")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (part, at) = text.split_once('-').ok_or(NoPlace)?;
        let place = Self {
            part: part.parse().map_err(|_| NoPlace)?,
            at: at.parse().map_err(|_| NoPlace)?,
        };
        if place.part == 0 || place.to_string() != text {
            return Err(NoPlace);
        }
        Ok(place)
    }
}

/// A file that is open, and its header.
struct Opened {
    file: SharedFile,
    end: u64,
    columns: Vec<String>,
    /// Where the first row begins.
    first: u64,
}

impl Opened {
    fn of(disk: &SharedDisk, file: &DayFile) -> io::Result<Self> {
        let (file, end) = if let Some((file, bytes)) = &file.open {
            (file.clone(), *bytes)
        } else {
            let file = disk.open(&file.path, Open::Read)?;
            let bytes = file.stat()?.bytes;
            (file, bytes)
        };
        let (mut header, mut piece, mut ends) = (Vec::new(), Vec::new(), RowEnds::default());
        let first = loop {
            let from = header.len() as u64;
            read_range(&*file, from..end.min(from + CHUNK), &mut piece)?;
            if piece.is_empty() {
                break from;
            }
            if let Some(found) = ends.next(&piece, 0) {
                header.extend_from_slice(&piece[..found]);
                break from + found as u64;
            }
            header.extend_from_slice(&piece);
        };
        let header = header
            .strip_prefix("\u{feff}".as_bytes())
            .unwrap_or(&header);
        let columns = cells_of(header).collect();
        Ok(Self {
            file,
            end,
            columns,
            first,
        })
    }
}

/// The rows of `files` that are wanted, the newest first.
///
/// # Errors
/// Whatever the disk answers.
pub fn newest(disk: &SharedDisk, files: &[DayFile], wanted: &Wanted) -> io::Result<Found> {
    let mut found = Found {
        columns: Vec::new(),
        rows: Vec::new(),
        earlier: None,
        end: None,
    };
    let mut looked = 0;
    let mut bytes = 0;
    let numbered: Vec<(u32, &DayFile)> = (1..).zip(files).collect();
    for (part, file) in numbered.into_iter().rev() {
        let opened = Opened::of(disk, file)?;
        if found.end.is_none() {
            found.columns.clone_from(&opened.columns);
            let at = opened.end;
            found.end = Some(Place { part, at });
        }
        let end = match wanted.before {
            Some(before) if part > before.part => continue,
            Some(before) if part == before.part => before.at.min(opened.end),
            _ => opened.end,
        };
        let filter = Filter::of(wanted, &opened.columns);
        let mut rows = Backwards::new(&opened, end);
        while let Some((at, row)) = rows.step()? {
            if wanted.after > Some(Place { part, at }) {
                return Ok(found);
            }
            looked += row.len() as u64;
            if filter.as_ref().is_some_and(|filter| filter.takes(row)) {
                bytes += row.len();
                let place = Place { part, at };
                let cells = cells_of(row).collect();
                found.rows.push(FoundRow { place, cells });
            }
            let enough = found.rows.len() >= wanted.limit || bytes >= ANSWER_BYTES_MAX;
            if enough || looked >= LOOKED_THROUGH_MAX {
                let is_first = part == 1 && at <= opened.first;
                found.earlier = (!is_first).then_some(Place { part, at });
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// The one row that begins at `place`, its columns, and its number in the file, the first below the header being 1. Nothing
/// where no row begins there.
///
/// # Errors
/// Whatever the disk answers.
pub fn one(
    disk: &SharedDisk,
    files: &[DayFile],
    place: Place,
) -> io::Result<Option<(Vec<String>, FoundRow, u64)>> {
    let Some(file) = files.get(usize::try_from(place.part - 1).unwrap_or(usize::MAX)) else {
        return Ok(None);
    };
    let opened = Opened::of(disk, file)?;
    let (mut ends, mut piece, mut at, mut number) =
        (RowEnds::default(), Vec::new(), opened.first, 1);
    while at < place.at {
        read_range(&*opened.file, at..place.at.min(at + CHUNK), &mut piece)?;
        let mut from = 0;
        while let Some(end) = ends.next(&piece, from) {
            number += 1;
            from = end;
        }
        at += piece.len() as u64;
        if piece.is_empty() {
            return Ok(None);
        }
    }
    // A place in the middle of a row is none.
    if ends != RowEnds::default() || place.at < opened.first || place.at >= opened.end {
        return Ok(None);
    }
    read_range(&*opened.file, place.at - 1..place.at, &mut piece)?;
    if piece != b"\n" {
        return Ok(None);
    }
    let mut row = Vec::new();
    loop {
        let from = place.at + row.len() as u64;
        read_range(
            &*opened.file,
            from..opened.end.min(from + CHUNK),
            &mut piece,
        )?;
        let end = ends.next(&piece, 0);
        row.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
        if end.is_some() || piece.is_empty() {
            break;
        }
    }
    let cells = cells_of(&row).collect();
    Ok(Some((opened.columns, FoundRow { place, cells }, number)))
}

/// Rows from a place backwards. What stands behind the header up to there ends with a row.
struct Backwards<'a> {
    of: &'a Opened,
    /// Bytes of the file from `start` on.
    buffer: Vec<u8>,
    start: u64,
    /// In `buffer`: the end of the next row.
    end: usize,
}

impl<'a> Backwards<'a> {
    fn new(of: &'a Opened, end: u64) -> Self {
        Self {
            of,
            buffer: Vec::new(),
            start: end.max(of.first),
            end: 0,
        }
    }

    /// The row before, and where it begins.
    fn step(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        if self.end == 0 && !self.load()? {
            return Ok(None);
        }
        // The row's own end is passed over; a file that somebody changed may lack it.
        let mut looked = self.end - usize::from(self.buffer[self.end - 1] == b'\n');
        let mut quoted = false;
        let begin = loop {
            if let Some(found) = memchr::memrchr2(b'"', b'\n', &self.buffer[..looked]) {
                looked = found;
                if self.buffer[found] == b'"' {
                    quoted = !quoted;
                } else if !quoted {
                    break found + 1;
                }
                continue;
            }
            let before = self.end;
            if !self.load()? {
                break 0;
            }
            // What was read now stands before what was looked at.
            looked = self.end - before;
        };
        let row = begin..self.end;
        self.end = begin;
        Ok(Some((self.start + begin as u64, &self.buffer[row])))
    }

    /// Reads what stands before; false where the rows begin.
    fn load(&mut self) -> io::Result<bool> {
        let from = self.start.saturating_sub(CHUNK).max(self.of.first);
        if from == self.start {
            return Ok(false);
        }
        let mut piece = Vec::new();
        read_range(&*self.of.file, from..self.start, &mut piece)?;
        if piece.len() as u64 != self.start - from {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        piece.extend_from_slice(&self.buffer[..self.end]);
        self.end = piece.len();
        (self.buffer, self.start) = (piece, from);
        Ok(true)
    }
}

/// What rows must hold.
struct Filter<'a> {
    /// In small letters, with quotes as a file has them: a row without them is not the one.
    raw: Vec<Finder<'static>>,
    text: &'a str,
    cells: Vec<(usize, &'a str)>,
}

impl<'a> Filter<'a> {
    /// Nothing where a column is asked for that the file does not have: no row of it has that.
    fn of(wanted: &'a Wanted, columns: &[String]) -> Option<Self> {
        let place = |name: &str| columns.iter().position(|column| column == name);
        let cells = wanted.cells.iter();
        let cells: Option<Vec<_>> = cells
            .map(|(name, text)| Some((place(name)?, text.as_str())))
            .collect();
        let cells = cells?;
        let texts = cells
            .iter()
            .map(|(_, text)| *text)
            .chain([wanted.text.as_str()]);
        let raw =
            |text: &str| Finder::new(&text.replace('"', "\"\"").to_ascii_lowercase()).into_owned();
        Some(Self {
            raw: texts.filter(|text| !text.is_empty()).map(raw).collect(),
            text: &wanted.text,
            cells,
        })
    }

    fn takes(&self, row: &[u8]) -> bool {
        if self.raw.is_empty() {
            return true;
        }
        let small = row.to_ascii_lowercase();
        if !self.raw.iter().all(|finder| finder.find(&small).is_some()) {
            return false;
        }
        // The text may stand across two cells: each is looked at by itself.
        let cells: Vec<String> = cells_of(&small).collect();
        let holds = |cell: &str, text: &str| cell.contains(&text.to_ascii_lowercase());
        let in_any = self.text.is_empty() || cells.iter().any(|cell| holds(cell, self.text));
        let in_each =
            |(nth, text): &(usize, &str)| cells.get(*nth).is_some_and(|cell| holds(cell, text));
        in_any && self.cells.iter().all(in_each)
    }
}

/// The cells of a row, without their quotes.
fn cells_of(row: &[u8]) -> impl Iterator<Item = String> {
    let row = row.strip_suffix(b"\n").unwrap_or(row);
    let row = row.strip_suffix(b"\r").unwrap_or(row);
    fields(row).map(|field| {
        let inner = field
            .strip_prefix(b"\"")
            .and_then(|f| f.strip_suffix(b"\""));
        let text = String::from_utf8_lossy(inner.unwrap_or(field));
        match inner {
            Some(_) => text.replace("\"\"", "\""),
            None => text.into_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use std::sync::Arc;

    const PARTS: [&str; 2] = [
        "a,b\n1,x\n2,\"y\n\"\"z\"\"\"\n3,\n",
        "a,b,\"c,\"\n4,Anna,\"l\n\nm\"\n5,bob,\n6,\"q,ANN\",\"\"\n",
    ];

    fn disk() -> SharedDisk {
        Arc::new(RealDisk)
    }

    fn files(dir: &std::path::Path, parts: &[&str]) -> Vec<DayFile> {
        let file = |(nth, text): (usize, &&str)| {
            let path = dir.join(nth.to_string());
            std::fs::write(&path, text).unwrap();
            DayFile { path, open: None }
        };
        parts.iter().enumerate().map(file).collect()
    }

    fn firsts(found: &Found) -> Vec<&str> {
        found.rows.iter().map(|row| row.cells[0].as_str()).collect()
    }

    fn wanted(limit: usize) -> Wanted {
        Wanted {
            limit,
            ..Wanted::default()
        }
    }

    #[test]
    fn the_newest_first_page_by_page() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path(), &PARTS);
        for limit in 1..=7 {
            let (mut all, mut before) = (Vec::new(), None);
            loop {
                let wanted = Wanted {
                    before,
                    ..wanted(limit)
                };
                let found = newest(&disk(), &files, &wanted).unwrap();
                assert_eq!(found.columns, ["a", "b", "c,"]);
                assert!(found.rows.len() <= limit);
                for row in &found.rows {
                    let (_, same, number) = one(&disk(), &files, row.place).unwrap().unwrap();
                    assert_eq!(&same, row);
                    let of_day = number + if row.place.part == 2 { 3 } else { 0 };
                    assert_eq!(of_day.to_string(), row.cells[0]);
                }
                all.extend(found.rows);
                before = found.earlier;
                if before.is_none() {
                    break;
                }
            }
            let cells: Vec<_> = all.iter().map(|row| row.cells.join("|")).collect();
            assert_eq!(
                cells,
                [
                    "6|q,ANN|",
                    "5|bob|",
                    "4|Anna|l\n\nm",
                    "3|",
                    "2|y\n\"z\"",
                    "1|x"
                ],
                "{limit}"
            );
        }
    }

    #[test]
    fn what_is_wanted_is_found_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path(), &PARTS);
        let find = |text: &str, cells: &[(&str, &str)]| {
            let cells = cells
                .iter()
                .map(|(n, t)| ((*n).to_owned(), (*t).to_owned()));
            let wanted = Wanted {
                text: text.to_owned(),
                cells: cells.collect(),
                ..wanted(10)
            };
            let found = newest(&disk(), &files, &wanted).unwrap();
            firsts(&found).join(" ")
        };
        assert_eq!(find("ann", &[]), "6 4");
        assert_eq!(find("\"Z\"", &[]), "2");
        assert_eq!(find("", &[("b", "ANN")]), "6 4");
        assert_eq!(find("q", &[("b", "ann"), ("a", "6")]), "6");
        // Across two cells there is no text, and in a column that a file does not have there is nothing.
        assert_eq!(find("5,bob", &[]), "");
        assert_eq!(find("", &[("c,", "m")]), "4");
        assert_eq!(find("", &[("none", "")]), "");
    }

    #[test]
    fn where_no_row_begins_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path(), &PARTS);
        let mut found = 0;
        for part in 1..=3 {
            for at in 0..60 {
                let place = Place { part, at };
                found += usize::from(one(&disk(), &files, place).unwrap().is_some());
            }
        }
        assert_eq!(found, 6);
    }

    /// Whatever part of a row stands where what is read at a time begins.
    #[test]
    fn many_rows_over_many_reads() {
        let dir = tempfile::tempdir().unwrap();
        let mut text = String::from("n,text\n");
        for n in 0..6_000 {
            let long = "\"\"\n, ".repeat(n % 97);
            text.extend([n.to_string().as_str(), ",\"", &long, "\"\n"]);
        }
        assert!(text.len() as u64 > 5 * CHUNK);
        let files = files(dir.path(), &[&text]);
        let found = newest(&disk(), &files, &wanted(6_000)).unwrap();
        for (row, n) in found.rows.iter().zip((0..6_000).rev()) {
            assert_eq!(row.cells, [n.to_string(), "\"\n, ".repeat(n % 97)]);
        }
        assert_eq!((found.rows.len(), found.earlier), (6_000, None));
        // No row before a place, whether it is one of a row or in the middle of one.
        let place = found.rows[10].place;
        for (at, count) in [(place.at, 11), (place.at + 1, 10), (place.at - 1, 11)] {
            let after = Some(Place { at, ..place });
            let wanted = |limit| Wanted {
                after,
                ..wanted(limit)
            };
            let some = newest(&disk(), &files, &wanted(100)).unwrap();
            assert_eq!((some.rows.len(), some.earlier), (count, None));
            let less = newest(&disk(), &files, &wanted(10)).unwrap();
            assert_eq!(less.rows.len(), 10);
            assert_eq!(less.earlier, Some(found.rows[9].place));
        }
    }

    /// Rows longer than what is read at a time, and files that somebody changed.
    #[test]
    fn long_rows_and_strange_files() {
        let dir = tempfile::tempdir().unwrap();
        let long = "x\"\"\n".repeat(200_000);
        let text = format!("\u{feff}a,b\r\n1,\"{long}\"\r\n2,end");
        let files = files(dir.path(), &[&text]);
        let found = newest(&disk(), &files, &wanted(9)).unwrap();
        assert_eq!(found.columns, ["a", "b"]);
        assert_eq!(firsts(&found), ["2", "1"]);
        assert_eq!(found.rows[1].cells[1], long.replace("\"\"", "\""));
        for (text, rows) in [
            ("", 0),
            ("a,b", 0),
            ("a\n", 0),
            ("a\n\n", 1),
            ("\"a\n", 0),
            ("a\n\"b", 1),
        ] {
            std::fs::write(&files[0].path, text).unwrap();
            let found = newest(&disk(), &files, &wanted(9)).unwrap();
            assert_eq!(found.rows.len(), rows, "{text:?}");
        }
        assert_eq!(newest(&disk(), &[], &wanted(9)).unwrap().end, None);
    }

    #[test]
    fn places() {
        for text in ["1-0", "12-345"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "1",
            "0-1",
            "1-",
            "-1",
            "01-1",
            "1-+1",
            "1-1-1",
            "4294967296-1",
        ] {
            assert_eq!(text.parse::<Place>(), Err(NoPlace), "{text}");
        }
    }
}
