//! Which columns of a table go on which sheet, and how wide they are.

use super::Limits;
use super::cell::{Value, value_of};
use super::text::{places, text_of};
use crate::flatten::Kind;
use crate::read::rows::{Heading, Row, Table};
use chrono_tz::Tz;
use std::io;
use std::ops::Range;

/// Rows that are looked at for the widths of columns.
const ROWS_MEASURED: usize = 1_000;
/// Widths of columns, in characters.
const WIDTH_MIN: usize = 8;
const WIDTH_MAX: usize = 60;
/// Room beside the text, and for the arrow of a filter.
const EDGES: usize = 2;
const ARROW: usize = 2;
/// Characters of a date, and of one with thousandths.
const DATE: usize = 19;
const DATE_MILLIS: usize = 23;

/// How a table is laid out.
pub struct Plan {
    /// The columns of each sheet; rows are read once for each group.
    pub groups: Vec<Group>,
    /// The width of each column of the table.
    pub widths: Vec<u8>,
}

/// The columns of a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// A column that comes first, so that rows can be told on every sheet.
    pub key: Option<usize>,
    pub columns: Range<usize>,
}

impl Plan {
    /// Lays out `table`, of which the first rows are read.
    pub fn of(table: &dyn Table, zone: Tz, limits: &Limits) -> io::Result<Self> {
        Ok(Self {
            groups: groups(table.headings(), limits.columns),
            widths: widths(table, zone)?,
        })
    }
}

/// The columns sheet by sheet. From the second on `event_id`, or else the first column, stands before them.
fn groups(headings: &[Heading], columns_max: usize) -> Vec<Group> {
    let first = headings.len().min(columns_max);
    let mut groups = vec![Group {
        key: None,
        columns: 0..first,
    }];
    let key = headings
        .iter()
        .position(|heading| heading.name == "event_id");
    let (mut at, each) = (first, columns_max.saturating_sub(1).max(1));
    while at < headings.len() {
        let end = headings.len().min(at + each);
        groups.push(Group {
            key: Some(key.unwrap_or(0)),
            columns: at..end,
        });
        at = end;
    }
    groups
}

impl Group {
    /// How many columns the sheet has.
    pub fn width(&self) -> usize {
        self.columns.len() + usize::from(self.key.is_some())
    }

    /// The column of the table for each of the sheet's.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.key.into_iter().chain(self.columns.clone())
    }

    /// The cells of `row` on this sheet: column of the sheet, column of the table, and what it holds.
    pub fn cells<'a>(
        &'a self,
        row: &'a Row,
    ) -> impl Iterator<Item = (usize, usize, Kind, &'a [u8])> {
        let key = self.key.and_then(|column| {
            let (kind, text) = row.get(column)?;
            Some((0, column, kind, text))
        });
        let (start, shift) = (self.columns.start, usize::from(self.key.is_some()));
        let rest = row
            .cells()
            .filter(|(column, ..)| self.columns.contains(column))
            .map(move |(column, kind, text)| (column - start + shift, column, kind, text));
        key.into_iter().chain(rest)
    }
}

/// The width of each column, by its header and the first rows.
fn widths(table: &dyn Table, zone: Tz) -> io::Result<Vec<u8>> {
    let headings = table.headings();
    let title = |heading: &Heading| places(&heading.title, WIDTH_MAX) + ARROW;
    let mut widest: Vec<usize> = headings.iter().map(title).collect();
    let (mut rows, mut row) = (table.rows()?, Row::default());
    for _ in 0..ROWS_MEASURED {
        if !rows.next(&mut row)? {
            break;
        }
        for (column, kind, text) in row.cells() {
            let places = match value_of(kind, headings[column].is_id, text, zone) {
                Value::Date(_) => DATE,
                Value::DateMillis(_) => DATE_MILLIS,
                Value::Whole(digits) => digits.len(),
                Value::Number(digits) => digits.len(),
                // No more of a long text is looked at than a column can show, and a bit for what takes no place.
                Value::Text => places(&text_of(&text[..text.len().min(4_096)]), WIDTH_MAX),
            };
            widest[column] = widest[column].max(places);
        }
    }
    let width = |places: usize| (places + EDGES).clamp(WIDTH_MIN, WIDTH_MAX);
    Ok(widest
        .into_iter()
        .map(|places| u8::try_from(width(places)).unwrap_or(u8::MAX))
        .collect())
}
