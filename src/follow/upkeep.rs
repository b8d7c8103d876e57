//! Tables that lag or cannot go on: caught up, opened again, made anew. All of
//! it reads the journal again; nothing is remembered in a queue.

use super::follower::{BLOCK_BYTES, Follower, Key};
use super::tracked::Remake;
use super::tracked::Reopened;
use crate::event::{Day, Seq, SourceName};
use crate::flatten::{Column, Rules};
use crate::journal::Cursor;
use crate::journal::record::{self, Record};
use crate::table::{Checkpoint, Table, TableError, TableOptions};
use std::io;
use std::time::Instant;

/// Widening may take a tenth of the time: after one that took t the next waits 9 t, unless a download waits for it.
pub(super) const WIDEN_PAUSE: u32 = 9;

/// Tables that are caught up in one step: each has a file open until its day is closed.
const LOOK_AFTER_MAX: usize = 16;

impl Follower {
    /// Brings tables that lag up to date when they are due, and those at once that a reader waits for. With `look` it sees to it
    /// that the files of all of them are what they were.
    pub(super) fn look_after(&mut self, clock: Instant, look: bool) {
        let wanted = |key: &Key| {
            self.waiting
                .iter()
                .any(|r| r.source == key.0 && r.days.contains(&key.1))
        };
        let mut keys: Vec<(Key, bool)> = Vec::new();
        let mut changed = Vec::new();
        for (key, tracked) in &self.tables {
            let waits = tracked.has_waiting();
            let forced = wanted(key) && (waits || tracked.behind.is_some());
            let failed = tracked.table.is_none();
            let due = (tracked.behind.is_some() && tracked.due <= clock)
                || (waits && tracked.widen_after <= clock);
            if due || (forced && !failed) {
                keys.push((key.clone(), forced));
            } else if let Some(table) = &tracked.table
                && (look || wanted(key))
                && let Err(error) = table.check()
            {
                // Nobody is given what somebody else made of a table that is still written to.
                changed.push((key.clone(), error));
            }
        }
        keys.sort();
        keys.truncate(LOOK_AFTER_MAX);
        for (key, forced) in keys {
            if self.tables.get(&key).is_some_and(|t| t.behind.is_some()) {
                self.catch_up(&key, clock);
            } else {
                self.flush(&key, clock, forced);
            }
        }
        for (key, error) in changed {
            self.trouble(&key, &error, clock);
        }
    }

    /// Reads on for one table, up to where the follower is.
    pub(super) fn catch_up(&mut self, key: &Key, clock: Instant) {
        let Some(mut tracked) = self.tables.remove(key) else {
            return;
        };
        let opened = match (tracked.table.take(), tracked.anew) {
            (_, Some(why)) => Ok(Reopened::Anew(why)),
            (Some(table), None) => Ok(Reopened::Table(
                Box::new(table),
                tracked.behind.unwrap_or_default(),
            )),
            (None, None) => self.reopen(key, tracked.behind.unwrap_or_default()),
        };
        let outcome = opened.and_then(|opened| match opened {
            Reopened::Table(mut table, from) => {
                let filled = self
                    .fill(&mut table, key, from)
                    .and_then(|()| table.settle());
                if filled.is_ok() {
                    table.pass(self.seq, (self.at.segment, self.at.offset));
                    tracked.behind = None;
                }
                tracked.table = Some(*table);
                filled.map(|()| None)
            }
            Reopened::Anew(why) => Ok(Some(why)),
        });
        self.tables.insert(key.clone(), tracked);
        match outcome {
            Ok(None) => self.list(key),
            Ok(Some(why)) => {
                let _ = self.remake(key, why, clock);
            }
            Err(error) => self.trouble(key, &error, clock),
        }
    }

    /// How a source's payloads become rows. One that is not configured any more goes on as it was.
    pub(super) fn options_of(
        &self,
        source: &SourceName,
        state: Option<&Checkpoint>,
    ) -> TableOptions {
        let as_it_was = || {
            let preset = state.and_then(|state| Rules::preset_of(&state.rules));
            Rules {
                preset: preset.unwrap_or_default(),
                ..self.options.others
            }
        };
        let rules = self
            .options
            .sources
            .get(source)
            .copied()
            .unwrap_or_else(as_it_was);
        TableOptions {
            rules,
            part_rows: self.options.part_rows,
        }
    }

    /// Opens a table that is not open: as its checkpoint says, or new.
    fn reopen(&self, key: &Key, from: Cursor) -> Result<Reopened, TableError> {
        let (source, day) = key;
        let (disk, layout) = (self.disk.clone(), self.layout.clone());
        let state = Checkpoint::load(&self.disk, &self.layout, source, *day)?;
        let options = self.options_of(source, state.as_ref());
        let Some(state) = state else {
            if self.disk.stat(&self.layout.csv(source, *day, 1))?.is_some() {
                // Nobody remembers this file: a crash came before its first checkpoint, or it is a stranger's.
                return Ok(Reopened::Anew(Remake::Changed));
            }
            let carried = self.carried(source, *day)?;
            let table =
                Table::create(disk, layout, source.clone(), *day, options, &carried, false)?;
            return Ok(Reopened::Table(Box::new(table), from));
        };
        if state.rules != options.rules.fingerprint() {
            return Ok(Reopened::Anew(Remake::Rules));
        }
        // When the position of all tables was saved, this one was whole: nothing before it is missing.
        let hint = cursor_of(state.hint).max(self.saved);
        Table::resume(disk, layout, options, state)
            .map(|table| Reopened::Table(Box::new(table), hint))
    }

    /// The columns of the newest earlier day with rows.
    pub(super) fn carried(&self, source: &SourceName, day: Day) -> io::Result<Vec<Column>> {
        let Some(earlier) = self.catalog.newest_with_rows(source.as_str(), Some(day)) else {
            return Ok(Vec::new());
        };
        if let Some(table) = self
            .tables
            .get(&(source.clone(), earlier))
            .and_then(|t| t.table.as_ref())
        {
            return Ok(table.columns().to_vec());
        }
        let state = Checkpoint::load(&self.disk, &self.layout, source, earlier)?;
        Ok(state.map_or_else(Vec::new, |s| s.columns))
    }

    /// Pushes to `table` what the journal has for it from `from` up to where the follower is, and writes it. The columns of
    /// all rows that go into one file are learned first, so that the file is widened once.
    pub(super) fn fill(
        &mut self,
        table: &mut Table,
        key: &Key,
        from: Cursor,
    ) -> Result<(), TableError> {
        let mut cursor = from;
        loop {
            let (room, pushed) = (table.room(), table.pushed());
            let mut ahead = cursor;
            // What the file holds already was written without what comes later, and is compared as it is.
            let learn = !table.is_comparing();
            let found = self.each(key, pushed, &mut ahead, room, |record| {
                if learn {
                    table.learn(record.payload);
                }
                Ok(())
            })?;
            if found == 0 {
                return Ok(());
            }
            self.each(key, pushed, &mut cursor, found, |record| {
                table.push(record.seq, record.received_at, record.id, record.payload);
                if table.is_full() {
                    write_out_now(table)
                } else {
                    Ok(())
                }
            })?;
            write_out_now(table)?;
        }
    }

    /// Hands `limit` records of `key` behind `after` to `then`. The cursor stays before the block of the last one when more
    /// of it may be wanted.
    pub(super) fn each(
        &mut self,
        key: &Key,
        after: Seq,
        cursor: &mut Cursor,
        limit: u64,
        mut then: impl FnMut(&Record<'_>) -> Result<(), TableError>,
    ) -> Result<u64, TableError> {
        let mut count = 0;
        let mut next = *cursor;
        // Segments of other days are passed over, not read.
        while let Some(number) = self.shared.next_of(key.1, next.segment) {
            if number > next.segment {
                next = Cursor {
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
            let Some(block) = reader.next(&mut next, until, BLOCK_BYTES)? else {
                if number >= self.at.segment {
                    break;
                }
                next = Cursor {
                    segment: number + 1,
                    offset: 0,
                };
                continue;
            };
            let mut offset = 0;
            for line in block.lines.split_inclusive(|&b| b == b'\n') {
                let record = parse(line, block.start, offset)?;
                offset += line.len();
                if record.source == key.0.as_str() && record.seq > after {
                    then(&record)?;
                    count += 1;
                    if count == limit {
                        return Ok(count);
                    }
                }
            }
            *cursor = next;
        }
        Ok(count)
    }
}

pub(super) fn parse(line: &[u8], start: Cursor, offset: usize) -> io::Result<Record<'_>> {
    record::parse(line.strip_suffix(b"\n").unwrap_or(line)).map_err(|error| {
        let at = start.offset + offset as u64;
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("segment {}, byte {at}: {error}", start.segment),
        )
    })
}

pub(super) fn cursor_of((segment, offset): (u64, u64)) -> Cursor {
    Cursor { segment, offset }
}

/// Appends what fits and widens as often as it takes.
fn write_out_now(table: &mut Table) -> Result<(), TableError> {
    table.append()?;
    while table.needs_widening() {
        table.widen()?;
        table.append()?;
    }
    Ok(())
}

/// Appends what fits; widens at once when `force`, else when the last widening is long enough ago.
pub(super) fn write_out(
    table: &mut Table,
    widen_after: &mut Instant,
    clock: Instant,
    force: bool,
) -> Result<(), TableError> {
    table.append()?;
    while table.needs_widening() {
        if !force && *widen_after > clock {
            return Ok(());
        }
        let started = Instant::now();
        table.widen()?;
        *widen_after = Instant::now() + started.elapsed() * WIDEN_PAUSE;
        table.append()?;
    }
    Ok(())
}
