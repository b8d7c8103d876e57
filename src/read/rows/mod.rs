//! Tables as rows of typed cells: what spreadsheets, views and JSON are made
//! of. A table can be read more than once, and is never held in memory.
//!
//! - [`records`]: the journal's events of one source and day
//! - [`journal`]: rows made of them again, typed as they were sent
//! - [`csv`]: rows as the files have them, where the journal cannot tell
//! - [`joined`]: several days under the union of their columns
//! - [`chosen`]: some columns, in another order

pub mod chosen;
pub mod csv;
pub mod joined;
pub mod journal;
pub mod records;

use crate::flatten::Kind;
use std::collections::HashMap;
use std::io;
use std::ops::Range;

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Its name as the CSV's header shows it, with what the guard added: unique, and what `columns=` names.
    pub name: String,
    /// Its name as the sender wrote it, without the guard. May be the same for two.
    pub title: String,
    /// Whether its cells tell one thing from another and are not counted with: text, also where they are digits.
    pub is_id: bool,
}

/// Rows under the same headings, as often as they are asked for.
pub trait Table: Send + Sync {
    /// The columns, in their order.
    fn headings(&self) -> &[Heading];

    /// The rows, from the first on.
    ///
    /// # Errors
    /// Whatever the disk answers.
    fn rows(&self) -> io::Result<Box<dyn Rows>>;
}

/// Rows one after the other.
pub trait Rows: Send {
    /// Puts the next row into `row`; false at the end, and then `row` is empty.
    ///
    /// # Errors
    /// Whatever the disk answers, and when what is read is not what was planned with: rows are never left out silently.
    fn next(&mut self, row: &mut Row) -> io::Result<bool>;
}

/// A row: its cells that hold something, by ascending column. Kept and reused from row to row.
#[derive(Debug, Clone, Default)]
pub struct Row {
    text: Vec<u8>,
    cells: Vec<(u32, Kind, Range<usize>)>,
}

impl Row {
    /// Makes it empty.
    pub fn clear(&mut self) {
        self.text.clear();
        self.cells.clear();
    }

    /// Whether no cell holds anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Adds a cell behind those that it has. An empty one is none.
    pub fn push(&mut self, column: usize, kind: Kind, text: &[u8]) {
        debug_assert!(
            self.cells
                .last()
                .is_none_or(|last| (last.0 as usize) < column)
        );
        if !text.is_empty() {
            let start = self.text.len();
            self.text.extend_from_slice(text);
            let column = u32::try_from(column).unwrap_or(u32::MAX);
            self.cells.push((column, kind, start..self.text.len()));
        }
    }

    /// Its cells, by ascending column. Text is UTF-8 unless somebody put other bytes into a file.
    pub fn cells(&self) -> impl Iterator<Item = (usize, Kind, &[u8])> {
        let cell = |(column, kind, range): &(u32, Kind, Range<usize>)| {
            (*column as usize, *kind, &self.text[range.clone()])
        };
        self.cells.iter().map(cell)
    }

    /// The cell of a column; nothing where it is empty.
    #[must_use]
    pub fn get(&self, column: usize) -> Option<(Kind, &[u8])> {
        let column = u32::try_from(column).ok()?;
        let at = self
            .cells
            .binary_search_by_key(&column, |cell| cell.0)
            .ok()?;
        let (_, kind, range) = &self.cells[at];
        Some((*kind, &self.text[range.clone()]))
    }

    /// Gives each cell the column that `places` has for its own; those without one go.
    pub fn place(&mut self, places: &[Option<u32>]) {
        self.cells
            .retain_mut(|cell| match places.get(cell.0 as usize) {
                Some(Some(place)) => {
                    cell.0 = *place;
                    true
                }
                _ => false,
            });
        if !self.cells.is_sorted_by_key(|cell| cell.0) {
            self.cells.sort_unstable_by_key(|cell| cell.0);
        }
    }
}

/// The columns of several tables by their names: the first one's in its order, then what each later one has besides.
#[derive(Debug, Default)]
pub struct Union {
    /// The names, in their order.
    pub names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Union {
    /// Adds the columns of one table; tells where each of them is.
    pub fn add<'a>(&mut self, own: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
        let mut place_of = |name: &str| {
            if let Some(&place) = self.places.get(name) {
                return place;
            }
            let place = self.names.len();
            self.names.push(name.to_owned());
            self.places.insert(name.to_owned(), place);
            place
        };
        own.into_iter().map(&mut place_of).collect()
    }
}
