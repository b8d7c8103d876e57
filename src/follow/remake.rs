//! Making a table anew from the journal: beside what stands there, which is
//! exchanged for it once it is whole and synced, or stays.

use super::follower::{Follower, Key, RETRY};
use super::tracked::{Remake, Tracked};
use super::upkeep::WIDEN_PAUSE;
use crate::disk::Stat;
use crate::event::Timestamp;
use crate::journal::Cursor;
use crate::table::{Checkpoint, Table, TableError};
use std::time::{Duration, Instant};

/// A table that is changed again and again is made anew once in this time at most.
const EDIT_PAUSE_MIN: Duration = Duration::from_secs(1);

impl Follower {
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
