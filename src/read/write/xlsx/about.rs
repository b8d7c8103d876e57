//! The sheet "About": where the rows come from, and what of them a sheet
//! could not hold.

use super::parts::Style;
use super::pen::{Frame, Pen, column_name};
use super::text::{length, start};
use super::{Limits, Written, date};
use crate::event::Timestamp;
use chrono_tz::Tz;
use std::io;

/// What is told about the rows of a workbook.
#[derive(Debug, Clone)]
pub struct About {
    /// What the workbook is.
    pub title: String,
    /// Whose rows they are. The first sheet is named after it.
    pub source: String,
    /// Which days they are of, for people.
    pub days: String,
    /// Whose clock the dates go by.
    pub zone: Tz,
    /// When the rows were asked for.
    pub made_at: Timestamp,
    /// What was asked for beyond that: pairs such as `View` and `latest`.
    pub chosen: Vec<(String, String)>,
    /// What else a reader should know, a line each.
    pub notes: Vec<String>,
}

/// Cells that hold more than a sheet's cell can.
#[derive(Debug, Default)]
pub struct Cuts {
    listed: Vec<Cut>,
    others: u64,
}

#[derive(Debug)]
struct Cut {
    sheet: usize,
    row: u32,
    column: usize,
    heading: usize,
    length: usize,
}

impl Cuts {
    /// Takes note of a cell of so many characters, in the last of `sheets`, by its place there and its column in the table.
    pub fn add(&mut self, limits: &Limits, at: (usize, u32, usize), heading: usize, length: usize) {
        if self.listed.len() >= limits.cuts {
            self.others += 1;
            return;
        }
        let (sheet, row, column) = at;
        self.listed.push(Cut {
            sheet,
            row,
            column,
            heading,
            length,
        });
    }
}

/// What the sheet shows.
pub struct Shown<'a> {
    pub about: &'a About,
    pub sheets: &'a [Written],
    pub cuts: &'a Cuts,
    /// The titles of the table's columns.
    pub titles: Vec<&'a str>,
    pub rows: u64,
    pub limits: &'a Limits,
}

impl Shown<'_> {
    /// Writes the sheet.
    pub fn write(&self, pen: &mut Pen) -> io::Result<()> {
        let frame = Frame {
            widths: &[16, 48, 16, 48, 16],
            first: false,
            header: false,
        };
        pen.begin(self.sheets.len() + 1, &frame);
        let mut lines = Lines {
            pen,
            limits: self.limits,
            row: 0,
        };
        self.origin(&mut lines)?;
        self.stretches(&mut lines)?;
        self.cut_cells(&mut lines)?;
        let filled = format!("A1:E{}", lines.row);
        pen.end(Some(&filled), false)
    }

    fn origin(&self, lines: &mut Lines) -> io::Result<()> {
        let about = self.about;
        lines.add(&[Cell::Heading(&about.title)])?;
        lines.fact("Source", Cell::Text(&about.source))?;
        lines.fact("Days", Cell::Text(&about.days))?;
        lines.fact("Zone of all dates", Cell::Text(about.zone.name()))?;
        lines.fact("Made at", Cell::Moment(about.made_at, about.zone))?;
        lines.fact("Rows", Cell::Count(self.rows))?;
        lines.fact("Columns", Cell::Count(self.titles.len() as u64))?;
        for (name, value) in &about.chosen {
            lines.fact(name, Cell::Text(value))?;
        }
        for note in &about.notes {
            lines.fact("Note", Cell::Text(note))?;
        }
        Ok(())
    }

    /// Which rows and columns are on which sheet, where there is more than one.
    fn stretches(&self, lines: &mut Lines) -> io::Result<()> {
        if self.sheets.len() < 2 {
            return Ok(());
        }
        lines.add(&[])?;
        lines.add(&["Sheet", "Name", "First row", "First column", "Rows"].map(Cell::Heading))?;
        for (number, sheet) in (1..).zip(self.sheets) {
            let first = self.titles.get(sheet.first_column).copied();
            lines.add(&[
                Cell::Count(number),
                Cell::Text(&sheet.name),
                Cell::Count(sheet.first_row),
                Cell::Text(first.unwrap_or_default()),
                Cell::Count(u64::from(sheet.rows.saturating_sub(1))),
            ])?;
        }
        Ok(())
    }

    fn cut_cells(&self, lines: &mut Lines) -> io::Result<()> {
        if self.cuts.listed.is_empty() {
            return Ok(());
        }
        lines.add(&[])?;
        let what = format!(
            "A cell holds {} characters. These hold more in the CSV and were cut:",
            self.limits.chars
        );
        lines.add(&[Cell::Text(&what)])?;
        lines.add(&["Cell", "Sheet", "Row", "Column", "Characters"].map(Cell::Heading))?;
        for cut in &self.cuts.listed {
            let cell = format!("{}{}", column_name(cut.column), cut.row);
            let sheet = self.sheets.get(cut.sheet).map(|sheet| sheet.name.as_str());
            let title = self.titles.get(cut.heading).copied();
            lines.add(&[
                Cell::Text(&cell),
                Cell::Text(sheet.unwrap_or_default()),
                Cell::Count(u64::from(cut.row)),
                Cell::Text(title.unwrap_or_default()),
                Cell::Count(cut.length as u64),
            ])?;
        }
        if self.cuts.others > 0 {
            let others = format!("… and {} more", self.cuts.others);
            lines.add(&[Cell::Text(&others)])?;
        }
        Ok(())
    }
}

enum Cell<'a> {
    Heading(&'a str),
    Text(&'a str),
    Count(u64),
    Moment(Timestamp, Tz),
}

/// The lines of the sheet, from the first down.
struct Lines<'a> {
    pen: &'a mut Pen,
    limits: &'a Limits,
    row: u32,
}

impl Lines<'_> {
    fn fact(&mut self, name: &str, value: Cell) -> io::Result<()> {
        self.add(&[Cell::Heading(name), value])
    }

    fn add(&mut self, cells: &[Cell]) -> io::Result<()> {
        self.row += 1;
        self.pen.begin_row(self.row);
        for (column, cell) in cells.iter().enumerate() {
            match *cell {
                Cell::Heading(text) => {
                    let text = start(text, self.limits.chars);
                    self.pen.styled(column, text, Style::Heading)?;
                }
                Cell::Text(text) => {
                    let text = start(text, self.limits.chars);
                    self.pen.text(column, text, length(text))?;
                }
                Cell::Count(count) => {
                    let digits = count.to_string();
                    self.pen.number(column, &digits, Style::Whole)?;
                }
                Cell::Moment(moment, zone) => {
                    let text = moment.to_string();
                    match date::serial(text.as_bytes(), zone) {
                        Some(serial) => self.pen.date(column, serial.days, Style::Date)?,
                        None => self.pen.text(column, &text, text.len())?,
                    }
                }
            }
        }
        self.pen.end_row()
    }
}
