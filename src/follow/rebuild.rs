//! Tables that somebody wishes to have made anew, also those of days that are
//! over: one in a step, so that all others are looked after meanwhile.

use super::follower::{Follower, Key};
use super::handle::{Rebuild, Rebuilt};
use super::tracked::Remake;
use crate::event::{Seq, SourceName};
use crate::journal::Cursor;
use crate::table::TableError;
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;

/// Tables that are to be made anew for one who asked.
pub(super) struct Wish {
    keys: VecDeque<Key>,
    reply: UnboundedSender<Option<Rebuilt>>,
}

impl Follower {
    pub(super) fn wish(&self, rebuild: Rebuild) -> Wish {
        let Rebuild {
            source,
            days,
            reply,
        } = rebuild;
        let is_meant = |key: &Key| {
            source.as_ref().is_none_or(|source| key.0 == *source) && days.contains(&key.1)
        };
        let all = self.catalog.all().into_iter();
        let known = all.map(|(source, day, _)| (source, day));
        // A table of which nothing is remembered any more may be in the journal all the same.
        let sources: BTreeSet<SourceName> = known
            .clone()
            .map(|key| key.0)
            .chain(self.options.sources.keys().cloned())
            .collect();
        let days = self.shared.days();
        let perhaps = sources
            .iter()
            .flat_map(|source| days.iter().map(|day| (source.clone(), *day)));
        let mut keys: Vec<Key> = known.chain(perhaps).filter(is_meant).collect();
        keys.sort();
        keys.dedup();
        Wish {
            keys: keys.into(),
            reply,
        }
    }

    /// Makes the next table anew that somebody wished for. Returns whether there are more.
    pub(super) fn rebuild_next(&mut self, clock: Instant) -> bool {
        let Some(wish) = self.wishes.front_mut() else {
            return false;
        };
        let key = wish.keys.pop_front().filter(|_| !wish.reply.is_closed());
        let (left, reply) = (wish.keys.len(), wish.reply.clone());
        let Some(key) = key else {
            self.wishes.pop_front();
            let _ = reply.send(None);
            return !self.wishes.is_empty();
        };
        let figures = |follower: &Self| {
            let summary = follower.catalog.get(&key.0, key.1);
            summary.map_or((0, 0), |s| (s.figures.rows(), s.figures.columns()))
        };
        let before = figures(self);
        let is_known = self.catalog.get(&key.0, key.1).is_some();
        let outcome = match self.has_events(&key) {
            Ok(false) if !is_known => return true,
            Ok(_) => self.remake(&key, Remake::Asked, clock),
            Err(error) => Err(error),
        };
        let after = match outcome {
            Ok(()) => Ok(figures(self)),
            Err(error) => Err(error.to_string()),
        };
        // Whoever asked may have gone; then no more is made.
        let _ = reply.send(Some(Rebuilt {
            source: key.0,
            day: key.1,
            left,
            before,
            after,
        }));
        true
    }

    fn has_events(&mut self, key: &Key) -> Result<bool, TableError> {
        let found = self.each(key, Seq(0), &mut Cursor::default(), 1, |_| Ok(()));
        found.map(|count| count > 0)
    }
}
