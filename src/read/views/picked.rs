//! `latest` and `best`: of each key one row, whole, in the order of the table.

use super::Memory;
use super::key::{Key, column};
use super::pass::{Marks, Pass, Source};
use super::rank::Rank;
use super::shares::{Shares, Turn};
use crate::event::Choice;
use crate::read::rows::{Heading, Row, Rows, Table};
use std::io;
use std::sync::Arc;

pub(super) struct PickedTable {
    table: Arc<dyn Table>,
    key: Vec<Choice>,
    /// The column with the value; none: the newest row is the one.
    of: Option<String>,
    memory: Memory,
}

impl PickedTable {
    pub(super) fn new(
        table: Arc<dyn Table>,
        key: &[Choice],
        of: Option<&String>,
        memory: Memory,
    ) -> Self {
        Self {
            table,
            key: key.to_vec(),
            of: of.cloned(),
            memory,
        }
    }
}

impl Table for PickedTable {
    fn headings(&self) -> &[Heading] {
        self.table.headings()
    }

    fn rows(&self) -> io::Result<Box<dyn Rows>> {
        let headings = self.table.headings();
        let of = self.of.as_ref().and_then(|of| column(of, headings));
        Ok(Box::new(PickedRows {
            key: Key::new(&self.key, headings),
            of,
            memory: self.memory,
            source: Source::new(Arc::clone(&self.table), None),
            pass: None,
            picked: Marks::default(),
        }))
    }
}

struct PickedRows {
    key: Key,
    of: Option<usize>,
    memory: Memory,
    source: Source,
    /// The pass that gives rows; others find out which.
    pass: Option<Pass>,
    picked: Marks,
}

impl Rows for PickedRows {
    fn next(&mut self, row: &mut Row) -> io::Result<bool> {
        if self.pass.is_none() {
            // Before the pass that gives rows, so that this one can tell whether there are as many.
            self.picked = self.pick(0)?;
            self.pass = Some(self.source.pass()?);
        }
        loop {
            let Some(pass) = &mut self.pass else {
                return Ok(false);
            };
            let Some(number) = self.source.next(pass, row)? else {
                return Ok(false);
            };
            if !self.picked.covers(number) {
                self.picked = self.pick(number)?;
            }
            if self.picked.has(number) {
                return Ok(true);
            }
        }
    }
}

impl PickedRows {
    /// Finds the rows to give, as far as they can be marked at a time, from `start` on.
    fn pick(&mut self, start: u64) -> io::Result<Marks> {
        match self.of {
            None => self.pick_by(start, |_| ()),
            Some(column) => self.pick_by(start, |row| {
                Rank::of(row.get(column).map_or(&[][..], |(_, text)| text))
            }),
        }
    }

    fn pick_by<R: Ord + Copy>(
        &mut self,
        start: u64,
        rank: impl Fn(&Row) -> R,
    ) -> io::Result<Marks> {
        let mut marks = Marks::new(start, self.memory.rows);
        let mut shares: Shares<(R, u64)> = Shares::within(self.memory.bytes);
        let mut row = Row::default();
        loop {
            let mut pass = self.source.pass()?;
            while let Some(number) = self.source.next(&mut pass, &mut row)? {
                let Some(hash) = self.key.of(&row) else {
                    // Nothing says what it belongs to: it stays.
                    marks.set(number);
                    continue;
                };
                let here = (rank(&row), number);
                match shares.turn(hash, here) {
                    Turn::Now(best) if here.0 >= best.0 => *best = here,
                    Turn::Alone => marks.set(number),
                    Turn::Now(_) | Turn::Other => {}
                }
            }
            for (_, number) in shares.values() {
                marks.set(*number);
            }
            if !shares.next() {
                return Ok(marks);
            }
        }
    }
}
