//! How far all tables are, remembered over restarts: never further than what
//! their own checkpoints hold.

use super::follower::Follower;
use super::tracked::Tracked;
use crate::disk::{Sealed, SharedDisk, get_sealed, put_sealed};
use crate::event::Seq;
use crate::journal::{Cursor, Shared};
use crate::layout::Layout;
use crate::table::TableError;
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Instant;

/// How far all tables are, over restarts.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    pub seq: Seq,
    pub at: Cursor,
}

impl Follower {
    /// The saved position, if the journal still has it.
    pub(super) fn load(disk: &SharedDisk, layout: &Layout, shared: &Shared) -> io::Result<Saved> {
        let start = Saved {
            seq: Seq(0),
            at: Cursor::default(),
        };
        let path = layout.follow_checkpoint();
        let Sealed::Whole(saved) = get_sealed::<Saved>(&**disk, &path)? else {
            return Ok(start);
        };
        let known = shared
            .segment(saved.at.segment)
            .is_some_and(|s| s.bytes >= saved.at.offset);
        Ok(if known { saved } else { start })
    }

    pub(super) fn dirty_bytes(&self) -> u64 {
        self.tables
            .values()
            .filter_map(|t| {
                t.table
                    .as_ref()
                    .filter(|table| !table.is_comparing())?
                    .dirty()
            })
            .sum()
    }

    /// The last step: rows that wait for a wider file do not wait any longer, and all is remembered.
    pub fn finish(&mut self, clock: Instant) {
        if self.may_look_after() {
            self.flush_all(clock, true);
        }
        for tracked in self.tables.values_mut() {
            // The next start makes it anew from its beginning.
            if let Some(remaking) = tracked.remaking.take() {
                remaking.table.discard();
            }
        }
        self.checkpoint(clock);
    }

    /// Makes all tables durable and remembers how far they are.
    pub fn checkpoint(&mut self, clock: Instant) {
        self.saved_at = clock;
        let mut failed = Vec::new();
        for (key, tracked) in &mut self.tables {
            // What is not known to be ours yet is not remembered as that.
            if let Some(table) = &mut tracked.table
                && table.dirty().is_some()
                && !table.is_comparing()
                && let Err(error) = table.checkpoint(false)
            {
                failed.push((key.clone(), error));
            }
        }
        self.checkpoint_failed = !failed.is_empty();
        for (key, error) in failed {
            if let TableError::Io(error) = error {
                // The table itself is as it was; only a start would read more.
                tracing::warn!(source = %key.0, day = %key.1, %error, "a table's checkpoint could not be written");
            } else {
                self.trouble(&key, &error, clock);
            }
        }
        // What a table does not have, or does not remember, must be read again after a restart.
        let at = self.at;
        let whole = |t: &Tracked| {
            t.is_current()
                && !t.has_waiting()
                && t.table
                    .as_ref()
                    .is_some_and(|table| table.dirty().is_none())
        };
        if at == self.saved || !self.tables.values().all(whole) {
            return;
        }
        let saved = Saved { seq: self.seq, at };
        match put_sealed(&*self.disk, &self.layout.follow_checkpoint(), &saved) {
            Ok(()) => self.saved = at,
            Err(error) => {
                tracing::warn!(%error, "how far the tables are could not be remembered; a start will read more");
            }
        }
    }
}
