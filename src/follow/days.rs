//! Midnight: the tables of the days before are closed, those of today begun.

use super::catalog::Summary;
use super::follower::{Follower, Key};
use crate::event::{Day, Seq, SourceName, Timestamp};
use crate::table::Checkpoint;
use std::time::Instant;

/// How long after midnight a day's table is closed: a batch that was stamped before may still come.
const CLOSE_AFTER_MS: i64 = 2_000;

impl Follower {
    /// At midnight: closes the tables of the days before, and begins those of today. Returns whether a day began.
    pub(super) fn turn_day(&mut self, now: Timestamp, clock: Instant) -> bool {
        let today = now.day(self.options.zone);
        let begins = self.today != Some(today);
        if begins {
            self.today = Some(today);
            self.begin_day(today, clock);
        }
        let over: Vec<Key> = self
            .tables
            .iter()
            .filter(|(key, t)| t.is_current() && key.1 < today && self.has_left(key.1))
            .map(|(k, _)| k.clone())
            .collect();
        for key in over {
            let end = Timestamp::start_of(key.1.plus(1), self.options.zone);
            if now.millis() >= end.millis() + CLOSE_AFTER_MS {
                self.close(&key, clock);
            }
        }
        begins
    }

    /// Whether nothing of `day` is still to be read, as far as the journal goes on in order.
    fn has_left(&self, day: Day) -> bool {
        let later = |segment: crate::journal::segment::Segment| segment.day > day;
        self.at >= self.shared.end().0 || self.shared.segment(self.at.segment).is_some_and(later)
    }

    /// Sources that have tables get one for today too, so that the file of the day is there every morning.
    fn begin_day(&mut self, today: Day, clock: Instant) {
        let sources: Vec<SourceName> = self.options.sources.keys().cloned().collect();
        for source in sources {
            let known = self.catalog.knows(source.as_str())
                || self.tables.keys().any(|key| key.0 == source);
            if known && !self.tables.contains_key(&(source.clone(), today)) {
                self.track((source, today), self.at, clock);
            }
        }
    }

    fn close(&mut self, key: &Key, clock: Instant) {
        self.flush(key, clock, true);
        let Some(tracked) = self.tables.get_mut(key) else {
            return;
        };
        let Some(table) = &mut tracked.table else {
            return;
        };
        if table.has_waiting() {
            return;
        }
        let closed = table.check().and_then(|()| table.checkpoint(true));
        match closed {
            Ok(()) => {
                let figures = table.figures();
                self.catalog.set(
                    &key.0,
                    key.1,
                    Summary {
                        figures,
                        open: false,
                    },
                );
                self.tables.remove(key);
                self.forget_troubles(key);
                tracing::info!(source = %key.0, day = %key.1, "closed the day");
            }
            Err(error) => self.trouble(key, &error, clock),
        }
    }

    /// Whether a day that was closed has the record already: it is read again only because a checkpoint is older, and a
    /// closed day is left as it is.
    pub(super) fn has_closed(&mut self, key: &Key, seq: Seq) -> bool {
        if !self.catalog.is_closed(&key.0, key.1) {
            return false;
        }
        let through = if let Some(through) = self.closed.get(key) {
            *through
        } else {
            // One that cannot be read is looked after like any other, and told of there.
            let state = Checkpoint::load(&self.disk, &self.layout, &key.0, key.1)
                .ok()
                .flatten();
            let through = state.map_or(Seq(0), |state| state.seq);
            self.closed.insert(key.clone(), through);
            through
        };
        seq <= through
    }
}
