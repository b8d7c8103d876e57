//! CSV (RFC 4180): as on disk, or for Excel, which reads every cell as if
//! somebody had typed it in.

use super::{CHUNK_BYTES, Chunks, moment, typed};
use crate::flatten::cell::{guarded, write_text};
use crate::flatten::{BOM, Kind};
use crate::read::ask::{Decimal, Delimiter};
use crate::read::rows::{Heading, Row, Rows, Table};
use chrono_tz::Tz;
use std::io;

/// How cells are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As on disk.
    Plain {
        /// Whether text that a spreadsheet would run gets a `'`.
        guard: bool,
        /// Whether there is a byte order mark.
        bom: bool,
    },
    /// For Excel.
    Excel {
        /// Whether text that a spreadsheet would run gets a `'`.
        guard: bool,
        /// Between two cells.
        delimiter: Delimiter,
        /// Between a number's whole part and its fraction.
        decimal: Decimal,
        /// The zone of dates.
        zone: Tz,
    },
}

/// A table as CSV.
pub struct Csv {
    table: Box<dyn Table>,
    style: Style,
    rows: Option<Box<dyn Rows>>,
    row: Row,
}

impl Csv {
    /// `table` as CSV.
    #[must_use]
    pub fn new(table: Box<dyn Table>, style: Style) -> Self {
        Self {
            table,
            style,
            rows: None,
            row: Row::default(),
        }
    }

    fn header(&self, out: &mut Vec<u8>) {
        if !matches!(self.style, Style::Plain { bom: false, .. }) {
            out.extend_from_slice(BOM);
        }
        for (nth, heading) in self.table.headings().iter().enumerate() {
            if nth > 0 {
                out.push(self.style.delimiter());
            }
            // A day that was made without the guard has names without it.
            write_text(heading.name.as_bytes(), self.style.guard(), out);
        }
        out.extend_from_slice(self.style.line_end());
    }
}

impl Chunks for Csv {
    fn next_bytes(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        if self.rows.is_none() {
            self.header(&mut out);
            self.rows = Some(self.table.rows()?);
        }
        let Some(rows) = &mut self.rows else {
            return Ok(None);
        };
        let headings = self.table.headings();
        let delimiter = self.style.delimiter();
        while out.len() < CHUNK_BYTES && rows.next(&mut self.row)? {
            let mut at = 0;
            for (column, kind, text) in self.row.cells() {
                out.resize(out.len() + column - at, delimiter);
                at = column;
                self.style.cell(&headings[column], kind, text, &mut out);
            }
            if headings.len() == 1 && self.row.is_empty() {
                // An empty line would be no row.
                out.extend_from_slice(b"\"\"");
            }
            out.resize(out.len() + headings.len().saturating_sub(at + 1), delimiter);
            out.extend_from_slice(self.style.line_end());
        }
        Ok((!out.is_empty()).then_some(out))
    }
}

impl Style {
    fn delimiter(self) -> u8 {
        match self {
            Self::Plain { .. } => b',',
            Self::Excel { delimiter, .. } => delimiter.byte(),
        }
    }

    fn guard(self) -> bool {
        match self {
            Self::Plain { guard, .. } | Self::Excel { guard, .. } => guard,
        }
    }

    fn line_end(self) -> &'static [u8] {
        match self {
            Self::Plain { .. } => b"\n",
            Self::Excel { .. } => b"\r\n",
        }
    }

    fn cell(self, heading: &Heading, kind: Kind, text: &[u8], out: &mut Vec<u8>) {
        match (self, kind) {
            (Self::Plain { guard, .. }, Kind::Text) => write_text(text, guard, out),
            (Self::Plain { .. }, _) => out.extend_from_slice(text),
            (Self::Excel { .. }, Kind::Boolean) => kept(text, out),
            (
                Self::Excel {
                    delimiter, decimal, ..
                },
                Kind::Number,
            ) => {
                if typed::changes_number(text, heading.is_id) {
                    kept(text, out);
                } else {
                    number(text, delimiter, decimal, out);
                }
            }
            (Self::Excel { guard, zone, .. }, Kind::Text) => {
                if let Some((local, _)) = moment::moment(text, zone) {
                    let shown = local.format("%Y-%m-%d %H:%M:%S").to_string();
                    out.extend_from_slice(shown.as_bytes());
                } else if !(guard && is_changed(text)) && typed::changes_text(text) {
                    kept(text, out);
                } else {
                    write_text(text, guard, out);
                }
            }
        }
    }
}

/// Whether the guard adds anything: what it keeps from running it keeps text, too.
fn is_changed(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| guarded(text) != text)
}

/// A cell that stays text: Excel takes what a tab stands before as it is, and does not show the tab.
fn kept(text: &[u8], out: &mut Vec<u8>) {
    let mut cell = Vec::with_capacity(text.len() + 1);
    cell.push(b'\t');
    cell.extend_from_slice(text);
    write_text(&cell, false, out);
}

fn number(text: &[u8], delimiter: Delimiter, decimal: Decimal, out: &mut Vec<u8>) {
    if decimal == Decimal::Point {
        return out.extend_from_slice(text);
    }
    let quoted = delimiter == Delimiter::Comma && text.contains(&b'.');
    if quoted {
        out.push(b'"');
    }
    out.extend(text.iter().map(|&b| if b == b'.' { b',' } else { b }));
    if quoted {
        out.push(b'"');
    }
}
