//! One table under the follower's care, and what became of opening it.

use super::fill::Fill;
use super::remake::Remaking;
use crate::disk::Stat;
use crate::journal::Cursor;
use crate::journal::record::Record;
use crate::table::{Checkpoint, Table};
use std::time::Instant;

/// A table that is looked after.
pub(super) struct Tracked {
    /// The table; none while it cannot be written.
    pub table: Option<Table>,
    /// Where it has to go on by itself, when it does not have all that the follower has read.
    pub behind: Option<Cursor>,
    /// Not before this.
    pub due: Instant,
    /// No widening before this.
    pub widen_after: Instant,
    /// Why it cannot go on with its files, if it cannot.
    pub anew: Option<Remake>,
    /// Its files as we left them, while it is made anew.
    pub ours: Vec<Stat>,
    /// What it was when it was found that it has to be made anew, if it was open.
    pub was: Option<Box<Checkpoint>>,
    /// How far it is, while reading on takes more than a step.
    pub fill: Option<Fill>,
    /// What will take its place, while making it takes more than a step.
    pub remaking: Option<Box<Remaking>>,
}

/// What is remembered of changes by others to one table, so that one that is changed all the time neither takes all the time
/// nor fills the log.
pub(super) struct Edits {
    /// Not made anew before this.
    pub next: Instant,
    /// When it was told last.
    pub told: Option<Instant>,
    /// Changes since then that were not told.
    pub untold: u64,
}

/// Why a table is made anew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Remake {
    /// Its file is not what we left.
    Changed,
    /// The rules changed.
    Rules,
    /// Somebody asked for it.
    Asked,
    /// Its file could not be synced: what was written since may never have reached the disk, whatever reading it shows.
    Unsynced,
}

/// What became of opening a table.
pub(super) enum Reopened {
    /// It goes on, and reads from here.
    Table(Box<Table>, Cursor),
    /// It has to be made anew.
    Anew(Remake),
}

impl Tracked {
    pub fn failed(from: Cursor, due: Instant) -> Self {
        Self {
            table: None,
            behind: Some(from),
            due,
            widen_after: due,
            anew: None,
            ours: Vec::new(),
            was: None,
            fill: None,
            remaking: None,
        }
    }

    /// Whether it has to read on by itself, and may.
    pub fn lags(&self, clock: Instant) -> bool {
        self.behind.is_some() && self.due <= clock
    }

    /// Where it reads on, once it was begun to.
    pub fn reads_at(&self) -> Option<Cursor> {
        let remaking = self.remaking.as_ref().map(|remaking| remaking.fill.at);
        remaking
            .or(self.fill.as_ref().map(|fill| fill.at))
            .or(self.table.as_ref().and(self.behind))
    }

    pub fn is_current(&self) -> bool {
        self.table.is_some() && self.behind.is_none()
    }

    pub fn has_waiting(&self) -> bool {
        self.table.as_ref().is_some_and(Table::has_waiting)
    }

    /// Whether its files are what we left.
    pub fn is_unchanged(&self) -> bool {
        self.table
            .as_ref()
            .is_some_and(|table| table.check().is_ok())
    }

    /// Takes a record of a block that starts at `start`, unless the table reads by itself.
    pub fn push(&mut self, record: &Record<'_>, start: Cursor, clock: Instant) {
        let (Some(table), None) = (&mut self.table, self.behind) else {
            return;
        };
        // What fits goes out; what waits for a wider file, or for a file that cannot be written, is read again later.
        if table.is_full() && (table.append().is_err() || table.is_full()) {
            self.behind = Some(start);
            self.due = self.widen_after.max(clock);
            return;
        }
        table.push(record.seq, record.received_at, record.id, record.payload);
    }
}
