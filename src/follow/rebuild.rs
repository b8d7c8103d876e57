//! Tables that somebody wishes to have made anew, also those of days that are
//! over: one after the other, each a piece in a step, so that all others are
//! looked after meanwhile.

use super::fill::Walk;
use super::follower::{Follower, Key};
use super::handle::{Rebuild, Rebuilt};
use super::tracked::Remake;
use crate::event::{Day, SourceName};
use crate::journal::Cursor;
use crate::table::TableError;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;

/// Tables that are to be made anew for one who asked.
pub(super) struct Wish {
    keys: VecDeque<Key>,
    reply: UnboundedSender<Option<Rebuilt>>,
    /// The one that is being made.
    current: Option<Current>,
    /// Whether the next one was opened again before its time, to be compared.
    hurried: bool,
    /// Whose events the journal has, by days, where that is needed.
    found: BTreeMap<Day, Found>,
}

struct Current {
    key: Key,
    left: usize,
    before: (u64, usize),
}

/// The sources that have events on a day.
#[derive(Default)]
struct Found {
    sources: BTreeSet<SourceName>,
    /// All before this was read.
    at: Cursor,
    is_all: bool,
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
            current: None,
            hurried: false,
            found: BTreeMap::new(),
        }
    }

    /// Sets about making the next table anew that somebody wished for. Returns whether there is more to do at once.
    pub(super) fn rebuild_next(&mut self, clock: Instant) -> bool {
        let Some(wish) = self.wishes.front_mut() else {
            return false;
        };
        if wish.current.is_some() {
            // It is among the tables that lag.
            return false;
        }
        let next = wish.keys.front().filter(|_| !wish.reply.is_closed());
        let Some(key) = next.cloned() else {
            // Whoever asked may have gone; then no more is made.
            let _ = wish.reply.send(None);
            self.wishes.pop_front();
            return !self.wishes.is_empty();
        };
        let is_wanted = match self.is_compared(&key, clock) {
            Ok(false) => return false,
            Ok(true) if self.catalog.get(&key.0, key.1).is_some() => Ok(Some(true)),
            Ok(true) => self.has_events(&key),
            Err(error) => Err(error),
        };
        let before = self.figures(&key);
        let Some(wish) = self.wishes.front_mut() else {
            return false;
        };
        if !matches!(is_wanted, Ok(None)) {
            wish.keys.pop_front();
            wish.hurried = false;
        }
        if matches!(is_wanted, Ok(Some(true)) | Err(_)) {
            let (key, left) = (key.clone(), wish.keys.len());
            wish.current = Some(Current { key, left, before });
        }
        match is_wanted {
            Ok(Some(true)) => self.remake(&key, Remake::Asked, clock),
            Ok(_) => {}
            Err(error) => self.tell_rebuilt(&key, Err(error)),
        }
        true
    }

    /// Whether it is known what of a table's files is ours: what was written behind their checkpoint, before a crash or before
    /// the disk failed, would be called an edit otherwise. One that waits before it is opened again is opened now, once.
    fn is_compared(&mut self, key: &Key, clock: Instant) -> Result<bool, TableError> {
        let Some(wish) = self.wishes.front_mut() else {
            return Ok(true);
        };
        match self.tables.get_mut(key) {
            Some(tracked) if tracked.lags(clock) => Ok(false),
            Some(tracked) if tracked.table.is_none() && tracked.anew.is_none() => {
                if wish.hurried {
                    let why = "its files cannot be read or written now; the log says why";
                    return Err(io::Error::other(why).into());
                }
                wish.hurried = true;
                tracked.due = clock;
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    fn figures(&self, key: &Key) -> (u64, usize) {
        let summary = self.catalog.get(&key.0, key.1);
        summary.map_or((0, 0), |s| (s.figures.rows(), s.figures.columns()))
    }

    /// Tells whoever asked what became of a table.
    pub(super) fn tell_rebuilt(&mut self, key: &Key, outcome: Result<(), TableError>) {
        let after = match outcome {
            Ok(()) => Ok(self.figures(key)),
            Err(error) => Err(error.to_string()),
        };
        let Some(wish) = self.wishes.front_mut() else {
            return;
        };
        let Some(Current { left, before, .. }) = wish.current.take_if(|c| c.key == *key) else {
            return;
        };
        let _ = wish.reply.send(Some(Rebuilt {
            source: key.0.clone(),
            day: key.1,
            left,
            before,
            after,
        }));
    }

    /// Whether the journal has events for a table; nothing when that takes more than this step. A day is read once for all
    /// sources.
    fn has_events(&mut self, (source, day): &Key) -> Result<Option<bool>, TableError> {
        let Some(wish) = self.wishes.front_mut() else {
            return Ok(None);
        };
        let mut found = wish.found.remove(day).unwrap_or_default();
        let walked = if found.is_all || found.sources.contains(source) {
            Ok(())
        } else {
            let Found { sources, at, .. } = &mut found;
            let walked = self.walk(*day, at, |record| {
                if sources.contains(record.source) {
                    return Ok(true);
                }
                sources.extend(SourceName::new(record.source));
                Ok(record.source != source.as_str())
            });
            walked.map(|walk| found.is_all = walk == Walk::End)
        };
        let has = found.sources.contains(source);
        let answer = (has || found.is_all).then_some(has);
        if let Some(wish) = self.wishes.front_mut() {
            wish.found.insert(*day, found);
        }
        walked.map(|()| answer)
    }
}
