//! `matrix`: a row for each of something, such as a learner, and a column for
//! each of something else, such as a lesson.
//!
//! A row can be given when all its events were met. So first the rows of the
//! table are marked in which something is met for the first and for the last
//! time; then its lines are gathered, and given in the order of their first
//! event. Where there is no room for all lines at once, a pass gathers those
//! that come first, and the next pass those behind them.

use super::Memory;
use super::columns::{Columns, shown};
use super::key::{Hash, Key, column};
use super::lines::{Line, Lines};
use super::pass::{Marks, Pass, Source};
use super::rank::Rank;
use super::shares::{Shares, Turn};
use crate::event::{Matrix, Pick};
use crate::flatten::Kind;
use crate::read::rows::{Heading, Row, Rows, Table};
use std::io;
use std::sync::{Arc, OnceLock};

pub(super) struct MatrixTable {
    table: Arc<dyn Table>,
    matrix: Matrix,
    guard: bool,
    memory: Memory,
    columns: OnceLock<io::Result<Arc<Columns>>>,
}

impl MatrixTable {
    pub(super) fn new(table: Arc<dyn Table>, matrix: &Matrix, guard: bool, memory: Memory) -> Self {
        Self {
            table,
            matrix: matrix.clone(),
            guard,
            memory,
            columns: OnceLock::new(),
        }
    }

    fn columns(&self) -> &io::Result<Arc<Columns>> {
        self.columns.get_or_init(|| {
            let mut source = Source::new(Arc::clone(&self.table), None);
            let columns = Columns::read(&mut source, &self.matrix, self.guard, self.memory);
            columns.map(Arc::new)
        })
    }
}

impl Table for MatrixTable {
    fn headings(&self) -> &[Heading] {
        self.columns().as_ref().map_or(&[], |c| &c.headings)
    }

    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        let columns = match self.columns() {
            Ok(columns) => Arc::clone(columns),
            Err(error) => return Err(io::Error::new(error.kind(), error.to_string())),
        };
        let headings = self.table.headings();
        Ok(Box::new(MatrixRows {
            cells: Cells {
                show: shown(&self.matrix)
                    .map(|name| column(name, headings))
                    .collect(),
                column: Key::new(std::slice::from_ref(&self.matrix.column), headings),
                value: column(&self.matrix.value, headings),
                pick: self.matrix.pick,
            },
            key: Key::new(std::slice::from_ref(&self.matrix.row), headings),
            memory: self.memory,
            source: Source::new(Arc::clone(&self.table), columns.rows),
            columns,
            row: Row::default(),
            met: Met::default(),
            lines: Lines::default(),
            pass: None,
            from: Some(0),
            until: None,
        }))
    }
}

struct MatrixRows {
    cells: Cells,
    key: Key,
    columns: Arc<Columns>,
    memory: Memory,
    source: Source,
    row: Row,
    met: Met,
    lines: Lines,
    pass: Option<Pass>,
    /// The first row whose line is gathered in this pass, or in the next if none is under way; none: all were.
    from: Option<u64>,
    /// The first row whose line is left to the next pass.
    until: Option<u64>,
}

/// Rows with the first and with the last event of something.
#[derive(Default)]
struct Met {
    first: Marks,
    last: Marks,
}

/// Where the cells of a line come from.
struct Cells {
    show: Vec<Option<usize>>,
    column: Key,
    value: Option<usize>,
    pick: Pick,
}

impl Rows for MatrixRows {
    fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        loop {
            if let Some(line) = self.lines.take() {
                line.fill(row);
                if let Some(others) = self.columns.others
                    && line.others > 0
                {
                    row.push(others, Kind::Number, line.others.to_string().as_bytes());
                }
                return Ok(true);
            }
            if !self.step()? {
                row.clear();
                return Ok(false);
            }
        }
    }
}

impl MatrixRows {
    /// Reads a row, or begins a pass; false when there is nothing left to do.
    fn step(&mut self) -> io::Result<bool> {
        let Some(pass) = &mut self.pass else {
            let Some(from) = self.from else {
                return Ok(false);
            };
            if !self.met.first.covers(from) {
                self.met = self.meet(from)?;
            }
            self.pass = Some(self.source.pass()?);
            return Ok(true);
        };
        // What is left of a pass is of no use when all its lines were given.
        let is_done = self.until.is_some() && self.lines.len() == 0;
        match self.source.next(pass, &mut self.row)? {
            Some(number) if !is_done => self.gather(number)?,
            _ => {
                self.lines.finish();
                self.pass = None;
                self.from = self.until.take();
            }
        }
        Ok(true)
    }

    /// Takes note of a row.
    fn gather(&mut self, number: u64) -> io::Result<()> {
        let hash = self.key.of(&self.row);
        if !hash.is_some_and(|hash| self.lines.has(hash)) {
            if !self.begins(hash, number) {
                return Ok(());
            }
            self.lines.add(hash, number);
        }
        let is_last = hash.is_none() || self.met.last.has(number);
        let (cells, columns, row) = (&mut self.cells, &self.columns, &self.row);
        self.lines.change(hash, |line| {
            line.is_whole = is_last;
            cells.put(line, row, columns)
        })?;
        while self.lines.bytes() > self.memory.bytes && self.lines.len() > 1 {
            self.until = self.lines.shorten();
        }
        Ok(())
    }

    /// Whether the line of this row begins with it, and is gathered in this pass.
    fn begins(&mut self, hash: Option<Hash>, number: u64) -> bool {
        if self.until.is_some() || self.from.is_none_or(|from| number < from) {
            return false;
        }
        if !self.met.first.covers(number) {
            self.until = Some(number);
            return false;
        }
        hash.is_none() || self.met.first.has(number)
    }

    /// Marks where everything is met first and last, as far as there are marks, from `start` on.
    fn meet(&mut self, start: u64) -> io::Result<Met> {
        let mut met = Met {
            first: Marks::new(start, self.memory.rows),
            last: Marks::new(start, self.memory.rows),
        };
        let mut shares: Shares<(u64, u64)> = Shares::within(self.memory.bytes);
        loop {
            let mut pass = self.source.pass()?;
            while let Some(number) = self.source.next(&mut pass, &mut self.row)? {
                let Some(hash) = self.key.of(&self.row) else {
                    continue;
                };
                match shares.turn(hash, (number, number)) {
                    Turn::Now(span) => span.1 = number,
                    Turn::Alone => {
                        met.first.set(number);
                        met.last.set(number);
                    }
                    Turn::Other => {}
                }
            }
            for (first, last) in shares.values() {
                met.first.set(*first);
                met.last.set(*last);
            }
            if !shares.next() {
                return Ok(met);
            }
        }
    }
}

impl Cells {
    /// Puts what `row` says into its line.
    fn put(&mut self, line: &mut Line, row: &Row, columns: &Columns) -> io::Result<()> {
        for (place, column) in (0..).zip(&self.show) {
            let (kind, text) = cell(row, *column);
            line.set(place, kind, text)?;
        }
        let place = self.column.of(row).and_then(|hash| columns.place(hash));
        let Some(place) = place else {
            line.others += 1;
            return Ok(());
        };
        let (kind, text) = cell(row, self.value);
        let counts = match self.pick {
            Pick::Latest => true,
            Pick::Best => Rank::of(text) >= Rank::of(line.get(place)),
        };
        if counts {
            line.set(place, kind, text)?;
        }
        Ok(())
    }
}

/// The cell of a column; an empty one where there is none.
fn cell(row: &Row, column: Option<usize>) -> (Kind, &[u8]) {
    let found = column.and_then(|column| row.get(column));
    found.unwrap_or((Kind::Text, &[]))
}
