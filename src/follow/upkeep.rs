//! Tables that lag or cannot go on: caught up, opened again, made anew. All of
//! it reads the journal again; nothing is remembered in a queue.

use super::follower::{BLOCK_BYTES, Follower, Key, RETRY};
use super::tracked::{Edits, Remake, Reopened, Tracked};
use crate::disk::Stat;
use crate::event::{Day, Seq, SourceName, Timestamp};
use crate::flatten::{Column, Rules};
use crate::journal::Cursor;
use crate::journal::record::{self, Record};
use crate::table::{Checkpoint, Table, TableError, TableOptions};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Widening may take a tenth of the time: after one that took t the next waits 9 t, unless a download waits for it.
const WIDEN_PAUSE: u32 = 9;

/// A table that is changed again and again is made anew once in this time at most.
const EDIT_PAUSE_MIN: Duration = Duration::from_secs(1);
/// The log tells of a table's changes and of its troubles once in this time.
pub(super) const TELL_EVERY: Duration = Duration::from_secs(60);

impl Follower {
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
    fn carried(&self, source: &SourceName, day: Day) -> io::Result<Vec<Column>> {
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
    fn fill(&mut self, table: &mut Table, key: &Key, from: Cursor) -> Result<(), TableError> {
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

    /// Makes a table anew from the journal, beside what is there, and puts it in its place. Should that fail it is told in the
    /// log, and tried again by itself.
    ///
    /// # Errors
    /// Why it failed.
    pub(super) fn remake(
        &mut self,
        key: &Key,
        why: Remake,
        clock: Instant,
    ) -> Result<(), TableError> {
        let before = self.tables.remove(key);
        let kept = before.as_ref().map_or_else(Vec::new, |t| t.ours.clone());
        let state = before.and_then(|t| t.table).map(|table| table.state(None));
        // Files that are what we left may go, but not when they were found to be somebody else's.
        let mut ours = match &state {
            Some(state) if why != Remake::Changed => {
                state.parts.iter().map(|part| part.stat).collect()
            }
            _ => kept,
        };
        let started = Instant::now();
        let mut replacing = false;
        let outcome = self.try_remake(key, why, state, &mut ours, clock, &mut replacing);
        if let Some(edits) = self.edits.get_mut(key) {
            edits.next = clock + (started.elapsed() * WIDEN_PAUSE).max(EDIT_PAUSE_MIN);
        }
        match outcome {
            Ok(table) => {
                let tracked = Tracked {
                    table: Some(table),
                    behind: None,
                    anew: None,
                    ..Tracked::failed(self.at, clock)
                };
                self.tables.insert(key.clone(), tracked);
                self.list(key);
                Ok(())
            }
            Err(error) if why == Remake::Asked && !replacing => {
                // What stood there stands there still, and whoever asked is told.
                if !self.catalog.is_closed(&key.0, key.1) {
                    self.track(key.clone(), Cursor::default(), clock);
                }
                Err(error)
            }
            Err(error) => {
                if self.may_complain(key, clock) {
                    tracing::error!(source = %key.0, day = %key.1, %error, "a table cannot be made anew; it is tried again");
                }
                // A large table that cannot be finished must not take all the time.
                let pause = (started.elapsed() * WIDEN_PAUSE).max(RETRY);
                let again = Tracked {
                    anew: Some(why),
                    ours,
                    ..Tracked::failed(Cursor::default(), clock + pause)
                };
                self.tables.insert(key.clone(), again);
                Err(error)
            }
        }
    }

    /// Says that somebody changed a table: at once, then once a minute.
    fn tell_edit(&mut self, key: &Key, table: &Table, aside: &[PathBuf], clock: Instant) {
        let (source, day) = key;
        let edits = self.edits.entry(key.clone()).or_insert(Edits {
            next: clock,
            told: None,
            untold: 0,
        });
        if edits.told.is_some_and(|told| clock < told + TELL_EVERY) {
            edits.untold += 1;
            return;
        }
        edits.told = Some(clock);
        let earlier_changes = std::mem::take(&mut edits.untold);
        let rows = table.rows();
        if aside.is_empty() {
            tracing::warn!(%source, %day, rows, earlier_changes, "a table's file was gone or unfinished; made it anew");
        } else {
            tracing::warn!(
                %source, %day, rows, earlier_changes, kept = ?aside,
                "somebody changed a table's file; their version is kept, and the table made anew"
            );
        }
    }

    /// `state` is what the table was, unless it was not open; `ours` are its files then, as we left them, and those that a
    /// try put in their place before it failed.
    fn try_remake(
        &mut self,
        key: &Key,
        why: Remake,
        state: Option<Checkpoint>,
        ours: &mut Vec<Stat>,
        clock: Instant,
        replacing: &mut bool,
    ) -> Result<Table, TableError> {
        let (source, day) = key;
        let state = match state {
            Some(state) => Some(state),
            None => Checkpoint::load(&self.disk, &self.layout, source, *day)?,
        };
        let options = self.options_of(source, state.as_ref());
        let known = state.as_ref().map_or_else(Vec::new, |s| s.parts.clone());
        let start = match state {
            Some(state) => {
                if why != Remake::Changed && ours.is_empty() {
                    ours.extend(state.parts.iter().map(|part| part.stat));
                }
                ours.extend(state.old);
                state.start
            }
            None => self.carried(source, *day)?,
        };
        let layout = self.layout.clone();
        let mut table = Table::create(
            self.disk.clone(),
            layout,
            source.clone(),
            *day,
            options,
            &start,
            true,
        )?;
        let now = Timestamp::now()
            .utc()
            .with_timezone(&self.options.zone)
            .format("%H%M%S")
            .to_string();
        let outcome = self
            .fill(&mut table, key, Cursor::default())
            .and_then(|()| {
                table.pass(self.seq, (self.at.segment, self.at.offset));
                let had = known.iter().map(|part| part.rows).sum();
                if table.rows() < had {
                    let has = table.rows();
                    if why == Remake::Asked {
                        return Err(TableError::Missing { had, has });
                    }
                    tracing::error!(%source, %day, had, has, "the journal has less events of this day than its table; the table as it was is kept beside it");
                    ours.clear();
                }
                *replacing = true;
                table.replace_old(&now, ours, &known)
            });
        let aside = match outcome {
            Ok(aside) => aside,
            Err(error) => {
                if *replacing {
                    ours.extend(table.stats());
                }
                table.discard();
                return Err(error);
            }
        };
        match (why, aside.as_slice()) {
            (Remake::Rules, _) => {
                tracing::info!(%source, %day, rows = table.rows(), "made a table anew under other rules");
            }
            (Remake::Asked, aside) => {
                tracing::info!(%source, %day, rows = table.rows(), kept = ?aside, "made a table anew, as asked");
            }
            (Remake::Unsynced, _) => {
                tracing::info!(%source, %day, rows = table.rows(), "made a table anew after a failed sync");
            }
            (Remake::Changed, aside) => self.tell_edit(key, &table, aside, clock),
        }
        Ok(table)
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
