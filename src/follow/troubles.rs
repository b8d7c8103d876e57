//! Tables that cannot go on as they are: whose file somebody changed, or whose
//! disk fails. Each is made anew or opened again, with a pause, so that it takes
//! neither all the time nor all the log; the others do not notice.

use super::follower::{Follower, Key, RETRY};
use super::tracked::{Edits, Remake, Tracked};
use super::upkeep::cursor_of;
use crate::journal::Cursor;
use crate::table::{Table, TableError};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The log tells of a table's changes and of its troubles once in this time.
const TELL_EVERY: Duration = Duration::from_secs(60);

impl Follower {
    /// A table could not be written: somebody changed it, and it is made anew; or the disk failed, and it is opened again
    /// in a while.
    pub(super) fn trouble(&mut self, key: &Key, error: &TableError, clock: Instant) {
        match error {
            TableError::Changed => self.changed(key, clock),
            TableError::Unsynced(_) | TableError::Torn => {
                if self.may_complain(key, clock) {
                    tracing::error!(source = %key.0, day = %key.1, %error, "a table's file cannot be trusted; it is made anew");
                }
                self.remake(key, Remake::Unsynced, clock);
            }
            TableError::Io(_) | TableError::Missing { .. } => {
                if self.may_complain(key, clock) {
                    tracing::error!(source = %key.0, day = %key.1, %error, "a table cannot be written; it is caught up when it can");
                }
                if let Some(tracked) = self.tables.get_mut(key) {
                    let hint = tracked.table.as_ref().map(|table| cursor_of(table.hint()));
                    let from = hint.or(tracked.behind).unwrap_or_default();
                    *tracked = Tracked::failed(from, clock + RETRY);
                }
            }
        }
    }

    /// Whether the log may tell of a trouble with the table: a disk that is full for a day must not fill it further.
    pub(super) fn may_complain(&mut self, key: &Key, clock: Instant) -> bool {
        let told = self.complained.get(key);
        let may = told.is_none_or(|told| clock >= *told + TELL_EVERY);
        if may {
            self.complained.insert(key.clone(), clock);
        }
        may
    }

    /// The same of a journal that cannot be read: each batch that is stored makes the follower try again.
    pub(super) fn may_complain_of_journal(&mut self, clock: Instant) -> bool {
        let told = self.journal_complained;
        let may = told.is_none_or(|told| clock >= told + TELL_EVERY);
        if may {
            self.journal_complained = Some(clock);
        }
        may
    }

    /// The day is over.
    pub(super) fn forget_troubles(&mut self, key: &Key) {
        self.edits.remove(key);
        self.complained.remove(key);
    }

    /// Somebody changed a table's file: it is made anew, but not without a pause when that happens again and again.
    fn changed(&mut self, key: &Key, clock: Instant) {
        let due = self.edits.get(key).map_or(clock, |edits| edits.next);
        if due <= clock {
            self.remake(key, Remake::Changed, clock);
        } else {
            let later = Tracked {
                anew: Some(Remake::Changed),
                ..Tracked::failed(Cursor::default(), due)
            };
            self.tables.insert(key.clone(), later);
        }
    }

    /// Says that somebody changed a table: at once, then once a minute.
    pub(super) fn tell_edit(
        &mut self,
        key: &Key,
        table: &Table,
        aside: &[PathBuf],
        clock: Instant,
    ) {
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
}
