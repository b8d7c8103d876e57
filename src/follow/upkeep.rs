//! Tables that lag or cannot go on: caught up, opened again, made anew. All of
//! it reads the journal again, a piece in each step; nothing is remembered in a
//! queue.

use super::fill::Fill;
use super::follower::{Follower, Key};
use super::tracked::{Remake, Reopened, Tracked};
use crate::event::{Day, SourceName};
use crate::flatten::{Column, Rules};
use crate::journal::Cursor;
use crate::journal::record::{self, Record};
use crate::table::{Checkpoint, Table, TableError, TableOptions};
use std::cmp::Reverse;
use std::io;
use std::time::{Duration, Instant};

/// Widening may take a tenth of the time: after one that took t the next waits 9 t, unless a download waits for it.
pub(super) const WIDEN_PAUSE: u32 = 9;

/// Tables that are looked after in one step, and that are read on for at a time: each has a file open until its day is closed.
const LOOK_AFTER_MAX: usize = 16;

/// Which table's turn it is, of those that have something to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// Its rows wait to be written.
    Write,
    /// It is yet to be opened, and shows then how far it is.
    Begin,
    /// It reads on: the one that is nearest to the end first, so that it gets there.
    ReadOn(Reverse<Cursor>),
}

impl Follower {
    /// Brings tables that lag up to date when they are due, and those at once that a reader waits for. With `look` it sees to it
    /// that the files of all of them are what they were.
    pub(super) fn look_after(&mut self, clock: Instant, look: bool) {
        let wanted = |key: &Key| {
            self.waiting
                .iter()
                .any(|r| r.source == key.0 && r.days.contains(&key.1))
        };
        let mut due = Vec::new();
        let mut changed = Vec::new();
        let mut begun = 0;
        for (key, tracked) in &self.tables {
            let waits = tracked.has_waiting();
            let forced = wanted(key) && (waits || tracked.behind.is_some());
            let failed = tracked.table.is_none();
            let reads_at = tracked.reads_at();
            begun += usize::from(reads_at.is_some());
            if tracked.lags(clock) || (waits && tracked.widen_after <= clock) || (forced && !failed)
            {
                let turn = match (tracked.behind, reads_at) {
                    (None, _) => Turn::Write,
                    (Some(_), None) => Turn::Begin,
                    (Some(_), Some(at)) => Turn::ReadOn(Reverse(at)),
                };
                if turn != Turn::Begin || !self.waits_for_earlier(key, clock) {
                    due.push((turn, key.clone(), forced));
                }
            } else if let Some(table) = &tracked.table
                && (look || wanted(key))
                && let Err(error) = table.check()
            {
                // Nobody is given what somebody else made of a table that is still written to.
                changed.push((key.clone(), error));
            }
        }
        due.sort();
        let may_begin = LOOK_AFTER_MAX.saturating_sub(begun);
        let begins = due.iter().filter(|due| due.0 == Turn::Begin).count();
        let mut not_yet = begins.saturating_sub(may_begin);
        due.retain(|due| {
            let stays = due.0 != Turn::Begin || not_yet == 0;
            not_yet -= usize::from(!stays);
            stays
        });
        for (turn, key, forced) in due.into_iter().take(LOOK_AFTER_MAX) {
            if turn == Turn::Write {
                self.flush(&key, clock, forced);
            } else if self.slice_left > 0 {
                self.catch_up(&key, clock);
            }
        }
        for (key, error) in changed {
            self.trouble(&key, &error, clock);
        }
    }

    /// Whether a table that is yet to be made waits for one of an earlier day: it starts with the columns of that one.
    fn waits_for_earlier(&self, key: &Key, clock: Instant) -> bool {
        let mut earlier = self.tables.range(..key).rev();
        self.catalog.get(&key.0, key.1).is_none()
            && earlier
                .by_ref()
                .take_while(|(other, _)| other.0 == key.0)
                .any(|(other, t)| t.lags(clock) && !self.catalog.is_closed(&other.0, other.1))
    }

    /// Reads on for one table, towards where the follower is, as much as is left to do in this step.
    fn catch_up(&mut self, key: &Key, clock: Instant) {
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
        let outcome = match opened {
            Ok(Reopened::Table(table, from)) => {
                self.read_on(key, &mut tracked, *table, from, clock)
            }
            Ok(Reopened::Anew(why)) => {
                // It takes several steps, and is decided once.
                tracked.anew = Some(why);
                self.go_on_remaking(key, why, tracked, clock);
                return;
            }
            Err(error) => Err(error),
        };
        self.tables.insert(key.clone(), tracked);
        match outcome {
            // What was written behind its checkpoint is known to be ours now.
            Ok(true) if !self.follows_rules(key) => self.remake(key, Remake::Rules, clock),
            Ok(true) => self.list(key),
            Ok(false) => {}
            Err(error) => self.trouble(key, &error, clock),
        }
    }

    /// Returns whether the table has all now.
    fn read_on(
        &mut self,
        key: &Key,
        tracked: &mut Tracked,
        mut table: Table,
        from: Cursor,
        clock: Instant,
    ) -> Result<bool, TableError> {
        let mut fill = tracked.fill.take().unwrap_or_else(|| Fill::new(from));
        let filled = self.fill(&mut table, key, &mut fill).and_then(|all| {
            if all {
                table.settle()?;
                table.pass(self.seq, (self.at.segment, self.at.offset));
            }
            Ok(all)
        });
        match filled {
            Ok(true) => tracked.behind = None,
            Ok(false) => {
                tracked.behind = Some(fill.at);
                tracked.due = clock;
                tracked.fill = Some(fill);
            }
            Err(_) => {}
        }
        tracked.table = Some(table);
        filled
    }

    /// Whether a table that is open is made under the rules that it is to have.
    fn follows_rules(&self, key: &Key) -> bool {
        let table = self.tables.get(key).and_then(|t| t.table.as_ref());
        table.is_none_or(|table| {
            let state = table.state(None);
            self.options_for(key, Some(&state)).rules == *table.rules()
        })
    }

    /// How a source's payloads become rows, whose table was made under `recorded`. One that is not configured any more goes on
    /// as it was.
    fn rules_of(&self, source: &SourceName, recorded: Option<&str>) -> Rules {
        let configured = self.options.sources.get(source).cloned();
        configured.unwrap_or_else(|| self.options.others.as_it_was(recorded))
    }

    /// The same, with what else decides a table.
    pub(super) fn options_of(
        &self,
        source: &SourceName,
        state: Option<&Checkpoint>,
    ) -> TableOptions {
        TableOptions {
            rules: self.rules_of(source, state.map(|state| state.rules.as_str())),
            part_rows: self.options.part_rows,
        }
    }

    /// The same for a table that goes on: one of a day that is over, to which an import added something, keeps the rules that
    /// it was made by, where this release knows them.
    pub(super) fn options_for(&self, key: &Key, state: Option<&Checkpoint>) -> TableOptions {
        let now = self.options_of(&key.0, state);
        let is_over = self.date.is_some_and(|date| key.1 < date);
        let recorded = state
            .filter(|_| is_over)
            .and_then(|state| Rules::parse(&state.rules));
        TableOptions {
            rules: recorded.unwrap_or(now.rules),
            ..now
        }
    }

    /// Opens a table that is not open: as its checkpoint says, or new.
    fn reopen(&self, key: &Key, from: Cursor) -> Result<Reopened, TableError> {
        let (source, day) = key;
        let (disk, layout) = (self.disk.clone(), self.layout.clone());
        let state = Checkpoint::load(&self.disk, &self.layout, source, *day)?;
        let options = self.options_for(key, state.as_ref());
        let Some(state) = state else {
            if self.disk.stat(&self.layout.csv(source, *day, 1))?.is_some() {
                // Nobody remembers this file: a crash came before its first checkpoint, or it is a stranger's.
                return Ok(Reopened::Anew(Remake::Changed));
            }
            let carried = self.carried(source, *day)?;
            let table =
                Table::create(disk, layout, source.clone(), *day, options, &carried, false)?;
            return Ok(Reopened::Table(Box::new(table), self.begins(*day, from)));
        };
        let mut options = options;
        if state.rules != options.rules.fingerprint() {
            // What was written behind the checkpoint is known to be ours when it is held against the rules that made it.
            let Some(before) = Rules::parse(&state.rules) else {
                return Ok(Reopened::Anew(Remake::Rules));
            };
            options.rules = before;
        }
        // When the position of all tables was saved, this one was whole: nothing before it is missing.
        let hint = cursor_of(state.hint).max(self.saved);
        Table::resume(disk, layout, options, state)
            .map(|table| Reopened::Table(Box::new(table), hint))
    }

    /// From where a table of which nothing is there is read, when a record for it was found at `from`: what an earlier run read
    /// of its day may have been in the files that are gone.
    fn begins(&self, day: Day, from: Cursor) -> Cursor {
        let first = self.shared.next_of(day, 0);
        let read_before = first.is_some_and(|segment| Cursor { segment, offset: 0 } < self.began);
        if read_before { Cursor::default() } else { from }
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
pub(super) fn write_out_now(table: &mut Table) -> Result<(), TableError> {
    table.append()?;
    while table.needs_widening() {
        table.widen(&mut || {})?;
        table.append()?;
    }
    Ok(())
}

/// Appends what fits; widens at once when `force`, else when the last widening is long enough ago, and then `rest`s as long as it
/// worked after each piece, so that the disk is for others too.
pub(super) fn write_out(
    table: &mut Table,
    widen_after: &mut Instant,
    clock: Instant,
    force: bool,
    rest: impl Fn(Duration),
) -> Result<(), TableError> {
    table.append()?;
    while table.needs_widening() {
        if !force && *widen_after > clock {
            return Ok(());
        }
        let (mut began, mut worked) = (Instant::now(), Duration::ZERO);
        table.widen(&mut || {
            let piece = began.elapsed();
            if !force {
                rest(piece);
            }
            worked += piece;
            began = Instant::now();
        })?;
        worked += began.elapsed();
        *widen_after = Instant::now() + worked * WIDEN_PAUSE;
        table.append()?;
    }
    Ok(())
}
