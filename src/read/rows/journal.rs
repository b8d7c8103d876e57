//! Rows of one day's table, made again from the journal: a cell knows whether
//! it was sent as a number or as text, which CSV cannot say.

use super::records::{RecordReader, Records};
use super::{Heading, Row, Rows, Table};
use crate::flatten::{Column, Columns, Flat, Rules};
use std::io;
use std::sync::Arc;

/// A day's table.
pub struct JournalTable {
    records: Records,
    rules: Rules,
    columns: Arc<[Column]>,
    headings: Vec<Heading>,
    rows: u64,
}

impl JournalTable {
    /// The table of `records` under these columns, which has so many `rows`.
    #[must_use]
    pub fn new(records: Records, rules: Rules, columns: Arc<[Column]>, rows: u64) -> Self {
        let headings = columns.iter().map(heading_of).collect();
        Self {
            records,
            rules,
            columns,
            headings,
            rows,
        }
    }
}

/// The heading of a column.
fn heading_of(column: &Column) -> Heading {
    Heading {
        name: column.name.clone(),
        title: column.title(),
        is_id: column.path.is_id(),
    }
}

impl Table for JournalTable {
    fn headings(&self) -> &[Heading] {
        &self.headings
    }

    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        Ok(Box::new(JournalRows {
            records: self.records.read(),
            columns: Columns::restore(self.rules.clone(), self.columns.to_vec()),
            flat: Flat::default(),
            width: self.columns.len(),
            left: self.rows,
        }))
    }
}

struct JournalRows {
    records: RecordReader,
    columns: Columns,
    flat: Flat,
    width: usize,
    /// Rows that are still to come.
    left: u64,
}

impl Rows for JournalRows {
    fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        row.clear();
        let Some(record) = self.records.step()? else {
            return match self.left {
                0 => Ok(false),
                left => Err(other(format!("the journal lacks {left} rows of the table"))),
            };
        };
        self.columns.place(record.payload, &mut self.flat);
        if self.columns.len() > self.width || self.left == 0 {
            return Err(other("the journal has rows that the table has not".into()));
        }
        self.left -= 1;
        let (received_at, id, payload) = (record.received_at, record.id, record.payload);
        self.columns.each_cell(
            received_at,
            id,
            payload,
            &self.flat,
            |column, kind, text| {
                row.push(column as usize, kind, text);
            },
        );
        Ok(true)
    }
}

/// What is read is not what was planned with.
fn other(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
