//! A table as an XLSX workbook (ECMA-376, ISO/IEC 29500), streamed: memory
//! does not grow with the rows, and nothing is put on a disk.
//!
//! - [`About`] and the sheet of that name; `plan`: which columns go on which sheet, and how wide
//! - `cell`, `date`, `text`: what a cell is, and how XML holds it
//! - `pen`: cells to the XML of a sheet; `parts`: what a workbook has beside; `zip`: the archive around all
//!
//! Numbers that a spreadsheet shows as they are are numbers, whole RFC 3339 date-times are dates by the clock of the
//! zone, and all else is text, as it was sent: never a formula, never a link. What a sheet cannot hold goes on in the
//! next one; what a cell cannot hold is cut, with a mark, and told in the sheet "About".
//!
//! The XML is written here because the crates that write XLSX want all rows before they write the first, in memory or in
//! temporary files; and the archive because the `zip` crate brings two versions of what the tree already has.

mod about;
mod cell;
mod date;
mod parts;
mod pen;
mod plan;
mod text;
mod zip;

#[cfg(test)]
mod tests;

pub use about::About;

use super::Chunks;
use crate::read::rows::{Row, Rows, Table};
use about::{Cuts, Shown};
use cell::{Value, value_of};
use parts::Style;
use pen::{Frame, Pen, column_name};
use plan::Plan;
use std::io;
use text::{length, start, text_of};

/// Bytes of the archive that are given at one stroke.
const PIECE: usize = 64 << 10;

/// What a sheet holds at most.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Rows, that of the header too.
    rows: u32,
    /// Columns.
    columns: usize,
    /// Characters of a cell.
    chars: usize,
    /// XML, so that an entry of the archive stays below 4 GiB; a sheet may exceed it by one row.
    bytes: u64,
    /// Cut cells that are listed one by one.
    cuts: usize,
}

const EXCEL: Limits = Limits {
    rows: 1_048_576,
    columns: 16_384,
    chars: 32_767,
    bytes: 3_500 << 20,
    cuts: 1_000,
};

/// A sheet with rows that is written.
#[derive(Debug)]
struct Written {
    name: String,
    /// Its first row within the table, from 1.
    first_row: u64,
    /// Its first column within the table, beside the one that all have.
    first_column: usize,
    /// How many columns it has.
    columns: usize,
    /// How many rows it has, with the header.
    rows: u32,
}

/// A workbook on its way out.
pub struct Xlsx {
    table: Box<dyn Table>,
    about: About,
    limits: Limits,
    plan: Plan,
    pen: Pen,
    sheets: Vec<Written>,
    cuts: Cuts,
    /// Rows of the table, known once they were read to the end.
    rows: u64,
    state: State,
}

enum State {
    Start,
    Rows(Reading),
    About,
    Done,
    /// It failed; nothing that follows would be right.
    Broken,
}

/// The rows of the table on their way into the sheets of a group of columns.
struct Reading {
    group: usize,
    rows: Box<dyn Rows>,
    row: Row,
    /// Rows read.
    count: u64,
    /// How many sheets of this group are full.
    stretch: usize,
}

impl Xlsx {
    /// Plans the workbook of `table`, of which the first rows are read, for the widths of its columns.
    ///
    /// # Errors
    /// Those of the table.
    pub fn new(table: Box<dyn Table>, about: About) -> io::Result<Self> {
        Self::within(table, about, EXCEL)
    }

    fn within(table: Box<dyn Table>, about: About, limits: Limits) -> io::Result<Self> {
        Ok(Self {
            plan: Plan::of(&*table, about.zone, &limits)?,
            table,
            about,
            limits,
            pen: Pen::new(),
            sheets: Vec::new(),
            cuts: Cuts::default(),
            rows: 0,
            state: State::Start,
        })
    }

    /// What needs no rows.
    fn start(&mut self) -> io::Result<State> {
        let zip = self.pen.zip();
        zip.add("_rels/.rels", parts::RELATIONS.as_bytes())?;
        zip.add("docProps/app.xml", parts::APP.as_bytes())?;
        zip.add("docProps/core.xml", parts::core(&self.about).as_bytes())?;
        zip.add("xl/styles.xml", parts::STYLES.as_bytes())?;
        self.read(0).map(State::Rows)
    }

    /// Begins to read the rows for the columns of a group.
    fn read(&mut self, group: usize) -> io::Result<Reading> {
        let reading = Reading {
            group,
            rows: self.table.rows()?,
            row: Row::default(),
            count: 0,
            stretch: 0,
        };
        self.begin_sheet(&reading)?;
        Ok(reading)
    }

    /// A sheet for the rows that follow, with its header.
    fn begin_sheet(&mut self, reading: &Reading) -> io::Result<()> {
        let group = &self.plan.groups[reading.group];
        self.sheets.push(Written {
            name: parts::sheet_name(&self.about.source, reading.group, reading.stretch),
            first_row: reading.count + 1,
            first_column: group.columns.start,
            columns: group.width(),
            rows: 0,
        });
        let places: Vec<usize> = group.places().collect();
        let widths: Vec<u8> = places.iter().map(|&c| self.plan.widths[c]).collect();
        let frame = Frame {
            widths: &widths,
            first: self.sheets.len() == 1,
            header: !widths.is_empty(),
        };
        self.pen.begin(self.sheets.len(), &frame);
        let row = self.begin_row();
        for (place, &column) in places.iter().enumerate() {
            let title = self.table.headings()[column].title.clone();
            let text = self.fit(&title, (row, place), column).0;
            self.pen.styled(place, &text, Style::Heading)?;
        }
        self.pen.end_row()
    }

    fn end_sheet(&mut self) -> io::Result<()> {
        let Some(sheet) = self.sheets.last() else {
            return Ok(());
        };
        let filled = (sheet.columns > 0)
            .then(|| format!("A1:{}{}", column_name(sheet.columns - 1), sheet.rows));
        self.pen.end(filled.as_deref(), true)
    }

    /// Begins the next row of the sheet, and gives its number.
    fn begin_row(&mut self) -> u32 {
        let mut number = 0;
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.rows += 1;
            number = sheet.rows;
        }
        self.pen.begin_row(number);
        number
    }

    /// Reads a row and writes it; what comes next.
    fn next_row(&mut self, mut reading: Reading) -> io::Result<State> {
        if !reading.rows.next(&mut reading.row)? {
            return self.end_rows(&reading);
        }
        let on_sheet = self.sheets.last().map_or(0, |sheet| sheet.rows);
        if on_sheet >= self.limits.rows || self.pen.bytes() >= self.limits.bytes {
            self.end_sheet()?;
            reading.stretch += 1;
            self.begin_sheet(&reading)?;
        }
        reading.count += 1;
        let number = self.begin_row();
        let group = self.plan.groups[reading.group].clone();
        for (place, column, kind, text) in group.cells(&reading.row) {
            let is_id = self.table.headings()[column].is_id;
            match value_of(kind, is_id, text, self.about.zone) {
                Value::Number(digits) => self.pen.number(place, &digits, Style::General)?,
                Value::Whole(digits) => self.pen.number(place, digits, Style::Whole)?,
                Value::Date(days) => self.pen.date(place, days, Style::Date)?,
                Value::DateMillis(days) => self.pen.date(place, days, Style::DateMillis)?,
                Value::Text => {
                    let text = text_of(text);
                    let (text, length) = self.fit(&text, (number, place), column);
                    self.pen.text(place, &text, length)?;
                }
            }
        }
        self.pen.end_row()?;
        Ok(State::Rows(reading))
    }

    /// Ends the sheet of the last row; goes on with the next group of columns.
    fn end_rows(&mut self, reading: &Reading) -> io::Result<State> {
        self.end_sheet()?;
        if reading.group == 0 {
            self.rows = reading.count;
        } else if reading.count != self.rows {
            let what = format!("{} rows were read, then {}", self.rows, reading.count);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        if reading.group + 1 < self.plan.groups.len() {
            return self.read(reading.group + 1).map(State::Rows);
        }
        Ok(State::About)
    }

    /// `text` as a cell can hold it, and its length then. What is cut says so, and is noted down.
    fn fit<'a>(
        &mut self,
        text: &'a str,
        (row, place): (u32, usize),
        column: usize,
    ) -> (std::borrow::Cow<'a, str>, usize) {
        // A character has at least one byte.
        if text.len() <= self.limits.chars {
            return (text.into(), text.len());
        }
        let whole = length(text);
        if whole <= self.limits.chars {
            return (text.into(), whole);
        }
        let sheet = self.sheets.len().saturating_sub(1);
        self.cuts
            .add(&self.limits, (sheet, row, place), column, whole);
        let mark = format!("… [cut, {whole} characters in all; the CSV has the whole]");
        let kept = start(text, self.limits.chars.saturating_sub(length(&mark)));
        ((kept.to_owned() + &mark).into(), self.limits.chars)
    }

    /// The sheet "About", and all that tells which sheets there are.
    fn finish(&mut self) -> io::Result<State> {
        let headings = self.table.headings().iter();
        let shown = Shown {
            about: &self.about,
            sheets: &self.sheets,
            cuts: &self.cuts,
            titles: headings.map(|heading| heading.title.as_str()).collect(),
            rows: self.rows,
            limits: &self.limits,
        };
        shown.write(&mut self.pen)?;
        let sheets = self.sheets.len() + 1;
        let zip = self.pen.zip();
        let relations = parts::workbook_relations(sheets);
        zip.add("xl/_rels/workbook.xml.rels", relations.as_bytes())?;
        zip.add("xl/workbook.xml", parts::workbook(&self.sheets).as_bytes())?;
        zip.add(
            "[Content_Types].xml",
            parts::content_types(sheets).as_bytes(),
        )?;
        zip.finish();
        Ok(State::Done)
    }
}

impl Chunks for Xlsx {
    fn next_bytes(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let at_start = matches!(self.state, State::Start);
            self.state = match std::mem::replace(&mut self.state, State::Broken) {
                State::Start => self.start()?,
                State::Rows(reading) => self.next_row(reading)?,
                State::About => self.finish()?,
                State::Done => State::Done,
                State::Broken => return Err(io::Error::other("the workbook broke off before")),
            };
            let done = matches!(self.state, State::Done);
            let waiting = self.pen.zip().waiting();
            if waiting >= PIECE || waiting > 0 && (done || at_start) {
                return Ok(Some(self.pen.zip().take()));
            }
            if done {
                return Ok(None);
            }
        }
    }
}
