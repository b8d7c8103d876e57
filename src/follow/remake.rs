//! Making a table anew from the journal: beside what stands there, which
//! is exchanged for it once it is whole and synced, or stays. It takes as many
//! steps as it needs; nobody reads the table meanwhile.

use super::fill::Fill;
use super::follower::{Follower, Key, RETRY};
use super::tracked::{Remake, Tracked};
use super::upkeep::WIDEN_PAUSE;
use crate::disk::Stat;
use crate::event::Timestamp;
use crate::flatten::Rules;
use crate::journal::Cursor;
use crate::table::{Checkpoint, PartState, Table, TableError, TableOptions};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A table that is changed again and again is made anew once in this time at most.
const EDIT_PAUSE_MIN: Duration = Duration::from_secs(1);
/// A new file is synced each time that so much was written to it, so that the last sync is as short as the others.
const SYNC_BYTES: u64 = 4 << 20;

/// A table that is being made anew.
pub(super) struct Remaking {
    /// The new one, beside what stands there.
    pub table: Table,
    /// How far it is.
    pub fill: Fill,
    /// What it is made by.
    pub options: TableOptions,
    /// What the files that stand there were when they were remembered.
    known: Vec<PartState>,
    /// How many of their rows are tests, where the rules make others of those than before.
    other_tests: Option<u64>,
    /// Of what it had written this much is synced.
    synced: u64,
    /// The time that it took so far.
    spent: Duration,
}

impl Follower {
    /// Sets about making a table anew: it is begun when it is its turn. Should it fail that is told in the log, and tried
    /// again by itself.
    pub(super) fn remake(&mut self, key: &Key, why: Remake, clock: Instant) {
        let before = self.tables.remove(key);
        let before = before.unwrap_or_else(|| Tracked::failed(Cursor::default(), clock));
        if let Some(remaking) = before.remaking {
            remaking.table.discard();
        }
        // Files that are what we left may go, but not those that may have been found to be somebody else's.
        let ours = match &before.table {
            Some(table) if why == Remake::Changed => table.certainly_ours(),
            Some(table) => table.stats(),
            None => before.ours,
        };
        let was = before.table.map(|table| Box::new(table.state(None)));
        let tracked = Tracked {
            anew: Some(why),
            ours,
            was,
            ..Tracked::failed(Cursor::default(), clock)
        };
        self.tables.insert(key.clone(), tracked);
    }

    /// Makes as much of a table anew as is left to do in this step.
    pub(super) fn go_on_remaking(
        &mut self,
        key: &Key,
        why: Remake,
        mut tracked: Tracked,
        clock: Instant,
    ) {
        let started = Instant::now();
        let begun = match tracked.remaking.take() {
            Some(remaking) => Ok(remaking),
            None => self.begin_remaking(key, why, &mut tracked),
        };
        let mut remaking = match begun {
            Ok(remaking) => remaking,
            Err(error) => {
                let failed = (error, started.elapsed());
                return self.remake_failed(key, why, tracked.ours, failed, false, clock);
            }
        };
        let filled = self
            .fill(&mut remaking.table, key, &mut remaking.fill)
            .and_then(|all| remaking.sync_some().map(|()| all));
        remaking.spent += started.elapsed();
        match filled {
            Ok(false) => {
                tracked.due = clock;
                tracked.remaking = Some(remaking);
                self.tables.insert(key.clone(), tracked);
            }
            Ok(true) => self.exchange(key, why, *remaking, tracked.ours, clock),
            Err(error) => {
                remaking.table.discard();
                let failed = (error, remaking.spent);
                self.remake_failed(key, why, tracked.ours, failed, false, clock);
            }
        }
    }

    /// `tracked.was` is what the table was, unless it was not open; `tracked.ours` are its files then, as we left them, and
    /// those that a try put in their place before it failed.
    fn begin_remaking(
        &mut self,
        key: &Key,
        why: Remake,
        tracked: &mut Tracked,
    ) -> Result<Box<Remaking>, TableError> {
        let (source, day) = key;
        let state: Option<Checkpoint> = match tracked.was.take() {
            Some(state) => Some(*state),
            None => Checkpoint::load(&self.disk, &self.layout, source, *day)?,
        };
        let options = match why {
            Remake::Asked => self.options_of(source, state.as_ref()),
            _ => self.options_for(key, state.as_ref()),
        };
        let known = state.as_ref().map_or_else(Vec::new, |s| s.parts.clone());
        let took_tests = |state: &Checkpoint| Some(Rules::parse(&state.rules)?.take_tests());
        let before = state
            .as_ref()
            .and_then(|state| Some((took_tests(state)?, state.tests.rows)));
        let other_tests = before
            .filter(|before| before.0 != options.rules.take_tests())
            .map(|before| before.1);
        let ours = &mut tracked.ours;
        let start = match state {
            Some(state) => {
                let whole = match state.parts.split_last() {
                    // A full part is synced before the next one is begun: what is as it was then is ours.
                    Some((_, full)) if why == Remake::Changed => full,
                    _ if ours.is_empty() => &state.parts,
                    _ => &[],
                };
                ours.extend(whole.iter().map(|part| part.stat));
                ours.extend(state.old);
                state.start
            }
            None => self.carried(source, *day)?,
        };
        let table = Table::create(
            self.disk.clone(),
            self.layout.clone(),
            source.clone(),
            *day,
            options.clone(),
            &start,
            true,
        )?;
        Ok(Box::new(Remaking {
            table,
            fill: Fill::new(Cursor::default()),
            options,
            known,
            other_tests,
            synced: 0,
            spent: Duration::ZERO,
        }))
    }

    /// The new table has every row: it takes the place of the old one.
    fn exchange(
        &mut self,
        key: &Key,
        why: Remake,
        mut remaking: Remaking,
        mut ours: Vec<Stat>,
        clock: Instant,
    ) {
        let started = Instant::now();
        let mut replacing = false;
        let outcome = self.put_in_place(key, why, &mut remaking, &mut ours, &mut replacing);
        let spent = remaking.spent + started.elapsed();
        let table = remaking.table;
        let aside = match outcome {
            Ok(aside) => aside,
            Err(error) => {
                if replacing {
                    ours.extend(table.stats());
                }
                table.discard();
                return self.remake_failed(key, why, ours, (error, spent), replacing, clock);
            }
        };
        let (source, day, rows) = (&key.0, &key.1, table.rows());
        match why {
            Remake::Rules => {
                tracing::info!(%source, %day, rows, "made a table anew under other rules");
            }
            Remake::Asked => {
                tracing::info!(%source, %day, rows, kept = ?aside, "made a table anew, as asked");
            }
            Remake::Unsynced => {
                tracing::info!(%source, %day, rows, "made a table anew after a failed sync");
            }
            Remake::Changed => self.tell_edit(key, &table, &aside, clock),
        }
        self.put_off_edits(key, spent, clock);
        let tracked = Tracked {
            table: Some(table),
            behind: None,
            ..Tracked::failed(self.at, clock)
        };
        self.tables.insert(key.clone(), tracked);
        self.list(key);
        if why == Remake::Asked {
            self.tell_rebuilt(key, Ok(()));
        }
    }

    fn put_in_place(
        &self,
        key: &Key,
        why: Remake,
        remaking: &mut Remaking,
        ours: &mut Vec<Stat>,
        replacing: &mut bool,
    ) -> Result<Vec<PathBuf>, TableError> {
        let Remaking {
            table,
            known,
            other_tests,
            ..
        } = remaking;
        table.pass(self.seq, (self.at.segment, self.at.offset));
        let had: u64 = known.iter().map(|part| part.rows).sum();
        // Tests that only one of both has are not missing.
        let [had, has] = match *other_tests {
            None => [had, table.rows()],
            Some(tests) => [had - tests.min(had), table.rows() - table.tests()],
        };
        if has < had {
            if why == Remake::Asked {
                return Err(TableError::Missing { had, has });
            }
            let (source, day) = key;
            tracing::error!(%source, %day, had, has, "the journal has less events of this day than its table; the table as it was is kept beside it");
            ours.clear();
        }
        *replacing = true;
        let now = Timestamp::now()
            .utc()
            .with_timezone(&self.options.zone)
            .format("%H%M%S")
            .to_string();
        table.replace_old(&now, ours, known)
    }

    /// A table could not be made anew, for a reason, after some time.
    fn remake_failed(
        &mut self,
        key: &Key,
        why: Remake,
        ours: Vec<Stat>,
        (error, spent): (TableError, Duration),
        replacing: bool,
        clock: Instant,
    ) {
        self.put_off_edits(key, spent, clock);
        if why == Remake::Asked && !replacing {
            // What stood there stands there still, and whoever asked is told.
            if !self.catalog.is_closed(&key.0, key.1) {
                self.track(key.clone(), Cursor::default(), clock);
            }
        } else {
            if self.may_complain(key, clock) {
                tracing::error!(source = %key.0, day = %key.1, %error, "a table cannot be made anew; it is tried again");
            }
            // A large table that cannot be finished must not take all the time.
            let pause = (spent * WIDEN_PAUSE).max(RETRY);
            let again = Tracked {
                anew: Some(why),
                ours,
                ..Tracked::failed(Cursor::default(), clock + pause)
            };
            self.tables.insert(key.clone(), again);
        }
        if why == Remake::Asked {
            self.tell_rebuilt(key, Err(error));
        }
    }

    /// The next time that somebody changes the table it is not made anew at once.
    fn put_off_edits(&mut self, key: &Key, spent: Duration, clock: Instant) {
        if let Some(edits) = self.edits.get_mut(key) {
            edits.next = clock + (spent * WIDEN_PAUSE).max(EDIT_PAUSE_MIN);
        }
    }
}

impl Remaking {
    /// Makes durable what was written, when it is much.
    fn sync_some(&mut self) -> Result<(), TableError> {
        let written = self.table.dirty().unwrap_or_default();
        if written >= self.synced + SYNC_BYTES {
            self.table.sync()?;
            self.synced = written;
        }
        Ok(())
    }
}
