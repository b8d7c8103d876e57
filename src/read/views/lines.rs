//! Rows of a matrix while their cells are gathered: those that came first stay,
//! and when there is no room the last ones make place.

use super::key::Hash;
use crate::flatten::Kind;
use crate::read::rows::Row;
use std::collections::{HashMap, VecDeque};
use std::io;

/// What a line takes besides its cells and their text, and what the allocator adds.
const LINE_BYTES: usize = 240;

/// Replaced text that is not worth to be cleared away.
const WASTE_MIN: usize = 256;

/// Lines in the order in which they came.
#[derive(Default)]
pub(super) struct Lines {
    list: VecDeque<Line>,
    /// The place of each among all that ever came.
    places: HashMap<Hash, u64>,
    /// How many were taken out at the front.
    taken: u64,
    bytes: usize,
}

/// A row of a matrix that is not yet whole.
pub(super) struct Line {
    hash: Option<Hash>,
    /// The row that it came with.
    first: u64,
    /// Whether all its rows were met.
    pub(super) is_whole: bool,
    /// How many of its events have no column.
    pub(super) others: u64,
    cells: Vec<Cell>,
    text: Vec<u8>,
    /// Bytes of `text` that no cell has any more.
    waste: usize,
}

struct Cell {
    column: u16,
    kind: Kind,
    start: u32,
    length: u32,
}

impl Lines {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds a line that came with the row `first`. One without a key is of this row alone.
    pub(super) fn add(&mut self, hash: Option<Hash>, first: u64) {
        if let Some(hash) = hash {
            let place = self.taken + self.list.len() as u64;
            self.places.insert(hash, place);
        }
        self.list.push_back(Line {
            hash,
            first,
            is_whole: hash.is_none(),
            others: 0,
            cells: Vec::new(),
            text: Vec::new(),
            waste: 0,
        });
        self.bytes += LINE_BYTES;
    }

    /// Whether the line of this key is here.
    pub(super) fn has(&self, hash: Hash) -> bool {
        self.places.contains_key(&hash)
    }

    /// Changes the line of this key, or without one the last line.
    pub(super) fn change(
        &mut self,
        hash: Option<Hash>,
        change: impl FnOnce(&mut Line) -> io::Result<()>,
    ) -> io::Result<()> {
        let place = match hash {
            Some(hash) => self.places.get(&hash).map(|place| place - self.taken),
            None => (self.list.len() as u64).checked_sub(1),
        };
        let place = place.and_then(|place| usize::try_from(place).ok());
        let Some(line) = place.and_then(|place| self.list.get_mut(place)) else {
            return Ok(());
        };
        let before = line.bytes();
        change(line)?;
        self.bytes = self.bytes - before + line.bytes();
        Ok(())
    }

    /// Takes the first line out if it is whole.
    pub(super) fn take(&mut self) -> Option<Line> {
        self.list.front().filter(|line| line.is_whole)?;
        let line = self.list.pop_front()?;
        self.taken += 1;
        self.forget(&line);
        Some(line)
    }

    /// Throws away the last quarter of the lines, one or more; gives the row that the first of them came with.
    pub(super) fn shorten(&mut self) -> Option<u64> {
        let gone = (self.list.len() / 4).max(1);
        let mut first = None;
        for _ in 0..gone {
            let line = self.list.pop_back()?;
            self.forget(&line);
            first = Some(line.first);
        }
        first
    }

    /// No more rows come: all lines are whole.
    pub(super) fn finish(&mut self) {
        for line in &mut self.list {
            line.is_whole = true;
        }
    }

    fn forget(&mut self, line: &Line) {
        self.bytes -= LINE_BYTES + line.bytes();
        if let Some(hash) = line.hash {
            self.places.remove(&hash);
        }
    }
}

impl Line {
    /// The text of the cell of a column; empty where there is none.
    pub(super) fn get(&self, column: u16) -> &[u8] {
        let at = self.cells.binary_search_by_key(&column, |cell| cell.column);
        at.map_or(&[], |at| &self.text[self.cells[at].range()])
    }

    /// Puts `text` into the cell of a column, in place of what is there.
    pub(super) fn set(&mut self, column: u16, kind: Kind, text: &[u8]) -> io::Result<()> {
        match self.cells.binary_search_by_key(&column, |cell| cell.column) {
            Err(_) if text.is_empty() => {}
            Ok(at) if self.cells[at].length as usize >= text.len() => {
                let length = length(text.len())?;
                let cell = &mut self.cells[at];
                let start = cell.start as usize;
                self.text[start..start + text.len()].copy_from_slice(text);
                self.waste += (cell.length - length) as usize;
                (cell.kind, cell.length) = (kind, length);
                if text.is_empty() {
                    self.cells.remove(at);
                }
            }
            found => {
                let cell = Cell {
                    column,
                    kind,
                    start: length(self.text.len())?,
                    length: length(text.len())?,
                };
                grow(&mut self.text, text.len());
                self.text.extend_from_slice(text);
                match found {
                    Ok(at) => {
                        self.waste += self.cells[at].length as usize;
                        self.cells[at] = cell;
                    }
                    Err(at) => {
                        grow(&mut self.cells, 1);
                        self.cells.insert(at, cell);
                    }
                }
            }
        }
        self.tidy();
        Ok(())
    }

    /// Its cells as those of `row`.
    pub(super) fn fill(&self, row: &mut Row) {
        row.clear();
        for cell in &self.cells {
            row.push(cell.column.into(), cell.kind, &self.text[cell.range()]);
        }
    }

    fn bytes(&self) -> usize {
        self.text.capacity() + self.cells.capacity() * size_of::<Cell>()
    }

    /// Clears replaced text away once it is most of all.
    fn tidy(&mut self) {
        if self.waste < WASTE_MIN.max(self.text.len() / 2) {
            return;
        }
        let mut text = Vec::with_capacity(self.text.len() - self.waste);
        for cell in &mut self.cells {
            let range = cell.range();
            // It is no longer than the text before.
            cell.start = u32::try_from(text.len()).unwrap_or(u32::MAX);
            text.extend_from_slice(&self.text[range]);
        }
        self.text = text;
        self.waste = 0;
    }
}

impl Cell {
    fn range(&self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + self.length as usize
    }
}

fn length(bytes: usize) -> io::Result<u32> {
    u32::try_from(bytes).map_err(|_| io::Error::other("a row of the matrix is larger than 4 GiB"))
}

/// Makes room for `more`, and a quarter besides: doubling would waste half of the bound.
fn grow<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more.max(list.len() / 4).max(4));
    }
}
