//! Reading on for one table, a piece at a time: a day of millions of rows must
//! not keep the others waiting. Where a piece ends does not show in the bytes.

use super::follower::{BLOCK_BYTES, Follower, Key};
use super::upkeep::{parse, write_out_now};
use crate::event::{Day, Seq};
use crate::journal::Cursor;
use crate::journal::record::Record;
use crate::table::{Table, TableError};

/// How far the reading for one table is.
pub(super) struct Fill {
    /// All before this was pushed.
    pub at: Cursor,
    pass: Pass,
}

/// The rows of one file are read twice: the columns of all of them are learned first, so that it is widened once.
enum Pass {
    /// So many rows were found up to here.
    Learn { ahead: Cursor, found: u64 },
    /// So many of those found are yet to be pushed.
    Push { left: u64 },
}

/// Why a walk over the journal ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    /// There is no more, up to where the follower is.
    End,
    /// Enough was found.
    Found,
    /// The step has done its part: it goes on in the next one.
    Paused,
}

impl Fill {
    /// From `at` on.
    pub fn new(at: Cursor) -> Self {
        let pass = Pass::Learn {
            ahead: at,
            found: 0,
        };
        Self { at, pass }
    }
}

impl Follower {
    /// Pushes to `table` what the journal has for it up to where the follower is, and writes it, as much as is left to do in
    /// this step. Returns whether the table has all.
    pub(super) fn fill(
        &mut self,
        table: &mut Table,
        key: &Key,
        fill: &mut Fill,
    ) -> Result<bool, TableError> {
        let rules = table.rules().clone();
        loop {
            let of = (key, table.pushed());
            match &mut fill.pass {
                Pass::Learn { ahead, found } => {
                    let room = table.room() - *found;
                    // What the file holds already was written without what comes later, and is compared as it is.
                    let learn = !table.is_comparing();
                    let (count, walk) = self.each(of, ahead, room, |record| {
                        if rules.take(record.payload) {
                            if learn {
                                table.learn(record.payload);
                            }
                            return Ok(1);
                        }
                        Ok(0)
                    })?;
                    *found += count;
                    if walk == Walk::Paused {
                        return Ok(false);
                    }
                    if *found == 0 {
                        return Ok(true);
                    }
                    fill.pass = Pass::Push { left: *found };
                }
                Pass::Push { left } => {
                    let (count, walk) = self.each(of, &mut fill.at, *left, |record| {
                        table.push(record.seq, record.received_at, record.id, record.payload);
                        if table.is_full() {
                            write_out_now(table)?;
                        }
                        Ok(u64::from(rules.take(record.payload)))
                    })?;
                    *left -= count;
                    write_out_now(table)?;
                    if walk == Walk::Paused {
                        return Ok(false);
                    }
                    *fill = Fill::new(fill.at);
                }
            }
        }
    }

    /// Hands records of a table, behind one of them, to `then`, until they make `limit` rows: it says how many each makes. The
    /// cursor stays behind the last one.
    fn each(
        &mut self,
        (key, after): (&Key, Seq),
        cursor: &mut Cursor,
        limit: u64,
        mut then: impl FnMut(&Record<'_>) -> Result<u64, TableError>,
    ) -> Result<(u64, Walk), TableError> {
        let mut count = 0;
        let walk = self.walk(key.1, cursor, |record| {
            if record.source == key.0.as_str() && record.seq > after {
                count += then(record)?;
            }
            Ok(count < limit)
        })?;
        Ok((count, walk))
    }

    /// Hands the records of `day` to `then` until that has enough, as many as are left to read in this step.
    pub(super) fn walk(
        &mut self,
        day: Day,
        cursor: &mut Cursor,
        mut then: impl FnMut(&Record<'_>) -> Result<bool, TableError>,
    ) -> Result<Walk, TableError> {
        // Segments of other days are passed over, not read.
        while let Some(number) = self.shared.next_of(day, cursor.segment) {
            if number > cursor.segment {
                *cursor = Cursor {
                    segment: number,
                    offset: 0,
                };
            }
            let until = self.at.min(Cursor {
                segment: number,
                offset: u64::MAX,
            });
            let Some(reader) = &mut self.reader else {
                break;
            };
            if self.slice_left == 0 && *cursor < until {
                return Ok(Walk::Paused);
            }
            let mut next = *cursor;
            let Some(block) = reader.next(&mut next, until, BLOCK_BYTES)? else {
                if number >= self.at.segment {
                    break;
                }
                *cursor = Cursor {
                    segment: number + 1,
                    offset: 0,
                };
                continue;
            };
            let mut offset = 0;
            for line in block.lines.split_inclusive(|&b| b == b'\n') {
                let record = parse(line, block.start, offset)?;
                let goes_on = then(&record)?;
                offset += line.len();
                *cursor = Cursor {
                    offset: block.start.offset + offset as u64,
                    ..block.start
                };
                self.slice_left = self.slice_left.saturating_sub(line.len());
                if !goes_on {
                    return Ok(Walk::Found);
                }
                if self.slice_left == 0 {
                    return Ok(Walk::Paused);
                }
            }
            *cursor = next;
        }
        Ok(Walk::End)
    }
}
