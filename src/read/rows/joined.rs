//! Several tables one after the other, under the union of their columns.

use super::{Heading, Row, Rows, Table, Union};
use std::io;
use std::sync::Arc;

/// Tables, as one.
pub struct Joined {
    tables: Arc<[Box<dyn Table>]>,
    headings: Vec<Heading>,
    /// For each table, for each of its columns the place in the whole.
    places: Arc<[Vec<Option<u32>>]>,
}

impl Joined {
    /// The rows of all `tables`, in their order.
    #[must_use]
    pub fn new(tables: Vec<Box<dyn Table>>) -> Self {
        let mut union = Union::default();
        let mut headings: Vec<Heading> = Vec::new();
        let mut places = Vec::with_capacity(tables.len());
        for table in &tables {
            let own = union.add(table.headings().iter().map(|h| h.name.as_str()));
            for (heading, place) in table.headings().iter().zip(&own) {
                if *place == headings.len() {
                    headings.push(heading.clone());
                }
            }
            places.push(own.into_iter().map(|p| u32::try_from(p).ok()).collect());
        }
        Self {
            tables: tables.into(),
            headings,
            places: places.into(),
        }
    }
}

impl Table for Joined {
    fn headings(&self) -> &[Heading] {
        &self.headings
    }

    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        Ok(Box::new(JoinedRows {
            tables: self.tables.clone(),
            places: self.places.clone(),
            next: 0,
            rows: None,
        }))
    }
}

struct JoinedRows {
    tables: Arc<[Box<dyn Table>]>,
    places: Arc<[Vec<Option<u32>>]>,
    /// The table after the one at hand.
    next: usize,
    rows: Option<Box<dyn Rows>>,
}

impl Rows for JoinedRows {
    fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        loop {
            if let Some(rows) = &mut self.rows {
                if rows.next(row)? {
                    row.place(&self.places[self.next - 1]);
                    return Ok(true);
                }
                self.rows = None;
            }
            let Some(table) = self.tables.get(self.next) else {
                row.clear();
                return Ok(false);
            };
            self.rows = Some(table.rows()?);
            self.next += 1;
        }
    }
}
