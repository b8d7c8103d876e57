//! What came and is no row: duplicates and refused bodies, by source. Counted
//! from the start of the process, in memory: whoever shows it says since when.

use crate::event::{SourceName, Timestamp};
use crate::table::Hours;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// So many hours are kept: a day has 25 at most.
const HOURS_MAX: usize = 26;

/// Counts of all sources.
pub struct Tally {
    since: Timestamp,
    /// Held for a look-up, never across a read of a file or an await.
    sources: Mutex<BTreeMap<SourceName, BTreeMap<i64, Counts>>>,
}

/// Those of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that were stored before.
    pub duplicates: u64,
    /// Bodies that could not become rows, each as often as it came.
    pub refused: u64,
    /// When the last of them came, if any did.
    pub last: Option<Timestamp>,
}

impl Tally {
    /// Nothing yet, from `now` on.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            since: now,
            sources: Mutex::default(),
        }
    }

    /// Since when it counts.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Adds duplicates of `source` that came at `now`.
    pub fn duplicates(&self, source: &SourceName, now: Timestamp, count: usize) {
        self.add(source, now, |counts| counts.duplicates += count as u64);
    }

    /// Adds a body of `source` that was refused at `now`.
    pub fn refused(&self, source: &SourceName, now: Timestamp) {
        self.add(source, now, |counts| counts.refused += 1);
    }

    fn add(&self, source: &SourceName, now: Timestamp, count: impl FnOnce(&mut Counts)) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let hours = sources.entry(source.clone()).or_default();
        let counts = hours.entry(Hours::of(now)).or_default();
        counts.last = counts.last.max(Some(now));
        count(counts);
        if hours.len() > HOURS_MAX {
            hours.pop_first();
        }
    }

    /// What came of `source` from the hour of `from` on.
    #[must_use]
    pub fn of(&self, source: &SourceName, from: Timestamp) -> Counts {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let hours = sources.get(source).into_iter();
        let hours = hours.flat_map(|hours| hours.range(Hours::of(from)..));
        hours.fold(Counts::default(), |sum, (_, counts)| Counts {
            duplicates: sum.duplicates + counts.duplicates,
            refused: sum.refused + counts.refused,
            last: sum.last.max(counts.last),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_an_hour_on() {
        let (a, b) = (SourceName::new("a").unwrap(), SourceName::new("b").unwrap());
        let at = |hours: i64| Timestamp::from_millis(hours * 3_600_000 + 5);
        let tally = Tally::new(at(0));
        assert_eq!(tally.of(&a, at(0)), Counts::default());
        tally.duplicates(&a, at(1), 2);
        tally.refused(&a, at(2));
        tally.duplicates(&a, at(2), 1);
        tally.refused(&b, at(3));
        let counts = |duplicates, refused, last| Counts {
            duplicates,
            refused,
            last: Some(at(last)),
        };
        assert_eq!(tally.of(&a, at(0)), counts(3, 1, 2));
        assert_eq!(tally.of(&a, at(2)), counts(1, 1, 2));
        assert_eq!(tally.of(&b, at(0)), counts(0, 1, 3));
        for hour in 4..40 {
            tally.refused(&a, at(hour));
        }
        assert_eq!(tally.of(&a, at(0)), counts(0, 26, 39));
    }
}
