//! Tables made of tables: the newest or best row of each key, or a matrix.
//!
//! Nothing is spilled to a disk: a table can be read as often as wanted, so
//! what does not fit into memory is put off to the next pass over it.
//!
//! - `key`: which rows belong together; `rank`: which value is higher
//! - `pass`: one reading of all rows, which must be the same every time
//! - `shares`: all keys, as many at a time as there is room for
//! - `picked`: rows as they are, those that were picked
//! - `matrix`: rows made of many; `columns` its columns, `lines` its rows under way
//!
//! Promises: the memory of `MEMORY` and no more, however many rows and keys
//! there are; what does not fit costs time and is never left out.

mod columns;
mod key;
mod lines;
mod matrix;
mod pass;
mod picked;
mod rank;
mod shares;
#[cfg(test)]
mod tests;

pub use crate::event::View;
use crate::read::rows::Table;
use matrix::MatrixTable;
use picked::PickedTable;
use std::sync::Arc;

/// How much memory a view takes, whatever the table.
#[derive(Debug, Clone, Copy)]
struct Memory {
    /// For the keys of a pass, and two thirds more to count them; or after those for the lines of a matrix.
    bytes: usize,
    /// For the headings of a matrix.
    headings: usize,
    /// The most rows that are marked at a time, two bits each.
    rows: u64,
}

/// 3 MiB of keys and 2 MiB to count them, or 3 MiB of lines; 1 MiB of marks; for a matrix 4 MiB of headings.
const MEMORY: Memory = Memory {
    bytes: 3 << 20,
    headings: 4 << 20,
    rows: 4 << 20,
};

impl View {
    /// The table that this view makes of `table`. A column that `table` does not have is one that is empty in every row.
    /// With `guard`, headings that are made of cells get what keeps a spreadsheet from running them.
    ///
    /// Nothing is read yet. The headings of a matrix are those of `table`'s rows: the first who asks for them waits for a pass over
    /// all rows. If that fails there are none, and `rows` tells why.
    #[must_use]
    pub fn of(&self, table: Arc<dyn Table>, guard: bool) -> Box<dyn Table> {
        self.within(MEMORY, table, guard)
    }

    fn within(&self, memory: Memory, table: Arc<dyn Table>, guard: bool) -> Box<dyn Table> {
        match self {
            Self::Latest { key } => Box::new(PickedTable::new(table, key, None, memory)),
            Self::Best { key, of } => Box::new(PickedTable::new(table, key, Some(of), memory)),
            Self::Matrix(matrix) => Box::new(MatrixTable::new(table, matrix, guard, memory)),
        }
    }
}
