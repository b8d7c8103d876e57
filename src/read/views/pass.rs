//! One reading of all rows, and marks on rows that outlast it.

use crate::read::rows::{Row, Rows, Table};
use std::io;
use std::sync::Arc;

/// A table that is read several times, and must be the same each time.
pub(super) struct Source {
    table: Arc<dyn Table>,
    /// Known once it was read to its end.
    count: Option<u64>,
}

/// One reading of it.
pub(super) struct Pass {
    rows: Box<dyn Rows>,
    next: u64,
}

impl Source {
    /// Of a table that has this many rows, if that is known.
    pub(super) fn new(table: Arc<dyn Table>, count: Option<u64>) -> Self {
        Self { table, count }
    }

    pub(super) fn table(&self) -> &Arc<dyn Table> {
        &self.table
    }

    /// How many rows it has, if it was read.
    pub(super) fn count(&self) -> Option<u64> {
        self.count
    }

    pub(super) fn pass(&self) -> io::Result<Pass> {
        let rows = self.table.rows()?;
        Ok(Pass { rows, next: 0 })
    }

    /// Puts the next row of `pass` into `row` and gives its number, from 0 on; nothing at the end.
    pub(super) fn next(&mut self, pass: &mut Pass, row: &mut Row) -> io::Result<Option<u64>> {
        let number = pass.next;
        let more = pass.rows.next(row)?;
        match self.count {
            Some(count) if more != (number < count) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the rows changed while they were read: there were {count}"),
            )),
            _ if more => {
                pass.next += 1;
                Ok(Some(number))
            }
            _ => {
                self.count = Some(number);
                Ok(None)
            }
        }
    }
}

/// Marks on rows, one bit each, on no more than a stretch of all rows.
#[derive(Default)]
pub(super) struct Marks {
    start: u64,
    end: u64,
    words: Vec<u64>,
}

impl Marks {
    /// For `rows` rows from `start` on.
    pub(super) fn new(start: u64, rows: u64) -> Self {
        Self {
            start,
            end: start.saturating_add(rows),
            words: Vec::new(),
        }
    }

    /// Whether marks of this row are kept.
    pub(super) fn covers(&self, row: u64) -> bool {
        (self.start..self.end).contains(&row)
    }

    /// Marks `row`, if it is covered.
    pub(super) fn set(&mut self, row: u64) {
        if let Some((word, bit)) = self.place(row) {
            if word >= self.words.len() {
                self.words.resize(word + 1, 0);
            }
            self.words[word] |= bit;
        }
    }

    /// Whether `row` is covered and marked.
    pub(super) fn has(&self, row: u64) -> bool {
        let place = self.place(row);
        place.is_some_and(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
    }

    fn place(&self, row: u64) -> Option<(usize, u64)> {
        let at = self.covers(row).then(|| row - self.start)?;
        Some((usize::try_from(at / 64).ok()?, 1 << (at % 64)))
    }
}
