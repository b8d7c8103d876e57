//! What came and is no row: duplicates, refused bodies and what was turned away,
//! by source and hour. Written down now and then: it goes on after a restart, and
//! a kill costs the last seconds of these counts, and nothing else.

use crate::disk::{Sealed, SharedDisk, get_sealed, put_sealed};
use crate::event::{SourceName, Timestamp};
use crate::table::Hours;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many hours are kept: a day has 25 at most.
const HOURS_MAX: usize = 26;

/// Counts of all sources.
pub struct Tally {
    disk: SharedDisk,
    path: PathBuf,
    /// Held for a look-up, never across a read of a file or an await.
    all: Mutex<All>,
    /// Whether something was counted that is not written down.
    is_new: AtomicBool,
}

/// What is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct All {
    since: Timestamp,
    sources: BTreeMap<SourceName, BTreeMap<i64, Counts>>,
}

/// Those of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Events that were stored before.
    pub duplicates: u64,
    /// Bodies that could not become rows, each as often as it came.
    pub refused: u64,
    /// Deliveries whose Authorization value was wrong or missing: nothing of them is kept.
    pub unauthorized: u64,
    /// When the last duplicate or refused body came, if any did.
    pub last: Option<Timestamp>,
}

impl Tally {
    /// The one that is written at `path`; where there is none that can be read, an empty one that counts from `now` on. Counts
    /// are no reason not to start.
    #[must_use]
    pub fn open(disk: SharedDisk, path: PathBuf, now: Timestamp) -> Self {
        let found = match get_sealed::<All>(&*disk, &path) {
            Ok(Sealed::Whole(all)) => Ok(Some(all)),
            Ok(Sealed::Missing) => Ok(None),
            Ok(Sealed::Broken(why)) => Err(why),
            Err(error) => Err(error.to_string()),
        };
        let all = found.unwrap_or_else(|why| {
            tracing::warn!(path = %path.display(), why, "the counts of duplicates and refused bodies cannot be read, and begin anew");
            None
        });
        let nothing = || All {
            since: now,
            sources: BTreeMap::new(),
        };
        Self {
            disk,
            path,
            is_new: AtomicBool::new(all.is_none()),
            all: Mutex::new(all.unwrap_or_else(nothing)),
        }
    }

    /// Writes down what was counted since the last time, if anything was. What cannot be written is told, and counted on.
    pub fn save(&self) {
        if !self.is_new.swap(false, Ordering::AcqRel) {
            return;
        }
        let all = self.all().clone();
        if let Err(error) = put_sealed(&*self.disk, &self.path, &all) {
            self.is_new.store(true, Ordering::Release);
            tracing::warn!(path = %self.path.display(), %error, "the counts of duplicates and refused bodies could not be written");
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when it counts.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.all().since
    }

    /// Adds duplicates of `source` that came at `now`.
    pub fn duplicates(&self, source: &SourceName, now: Timestamp, count: usize) {
        self.add(source, now, |counts| {
            counts.duplicates += count as u64;
            counts.last = counts.last.max(Some(now));
        });
    }

    /// Adds a body of `source` that was refused at `now`.
    pub fn refused(&self, source: &SourceName, now: Timestamp) {
        self.add(source, now, |counts| {
            counts.refused += 1;
            counts.last = counts.last.max(Some(now));
        });
    }

    /// Adds a delivery to `source` that was turned away at `now`.
    pub fn unauthorized(&self, source: &SourceName, now: Timestamp) {
        self.add(source, now, |counts| counts.unauthorized += 1);
    }

    fn add(&self, source: &SourceName, now: Timestamp, count: impl FnOnce(&mut Counts)) {
        let mut all = self.all();
        let hours = all.sources.entry(source.clone()).or_default();
        let hour = Hours::of(now);
        count(hours.entry(hour).or_default());
        if hours.len() > HOURS_MAX {
            // One that is to come was counted while the clock was wrong.
            let is_ahead = hours.last_key_value().is_some_and(|last| *last.0 > hour);
            if is_ahead {
                hours.pop_last();
            } else {
                hours.pop_first();
            }
        }
        drop(all);
        self.is_new.store(true, Ordering::Release);
    }

    /// What came of `source` from the hour of `from` on.
    #[must_use]
    pub fn of(&self, source: &SourceName, from: Timestamp) -> Counts {
        let all = self.all();
        let hours = all.sources.get(source).into_iter();
        let hours = hours.flat_map(|hours| hours.range(Hours::of(from)..));
        hours.fold(Counts::default(), |sum, (_, counts)| Counts {
            duplicates: sum.duplicates + counts.duplicates,
            refused: sum.refused + counts.refused,
            unauthorized: sum.unauthorized + counts.unauthorized,
            last: sum.last.max(counts.last),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use std::sync::Arc;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * 3_600_000 + 5)
    }

    fn counts(duplicates: u64, refused: u64, last: i64) -> Counts {
        Counts {
            duplicates,
            refused,
            last: Some(at(last)),
            ..Counts::default()
        }
    }

    #[test]
    fn from_an_hour_on_and_after_a_restart() {
        let (a, b) = (SourceName::new("a").unwrap(), SourceName::new("b").unwrap());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tally.json");
        let open = |now| Tally::open(Arc::new(RealDisk), path.clone(), now);
        let tally = open(at(0));
        assert_eq!(tally.of(&a, at(0)), Counts::default());
        tally.duplicates(&a, at(1), 2);
        tally.refused(&a, at(2));
        tally.duplicates(&a, at(2), 1);
        tally.refused(&b, at(3));
        tally.unauthorized(&b, at(4));
        tally.save();
        for tally in [tally, open(at(9))] {
            assert_eq!(tally.since(), at(0));
            assert_eq!(tally.of(&a, at(0)), counts(3, 1, 2));
            assert_eq!(tally.of(&a, at(2)), counts(1, 1, 2));
            let of_b = Counts {
                unauthorized: 1,
                ..counts(0, 1, 3)
            };
            assert_eq!(tally.of(&b, at(0)), of_b);
        }
        let tally = open(at(9));
        for hour in 4..40 {
            tally.refused(&a, at(hour));
        }
        assert_eq!(tally.of(&a, at(0)), counts(0, 26, 39));
        // What was not written is lost with the process, what cannot be read is told, and neither stops a start.
        drop(tally);
        assert_eq!(open(at(9)).of(&a, at(0)), counts(3, 1, 2));
        std::fs::write(&path, "{").unwrap();
        let tally = open(at(9));
        assert_eq!(
            (tally.since(), tally.of(&a, at(0))),
            (at(9), Counts::default())
        );
        // The moment from which it counts is remembered though nothing came.
        tally.save();
        assert_eq!(open(at(11)).since(), at(9));
    }

    #[test]
    fn hours_of_a_clock_that_was_ahead_leave_first() {
        let dir = tempfile::tempdir().unwrap();
        let source = SourceName::new("a").unwrap();
        let tally = Tally::open(Arc::new(RealDisk), dir.path().join("tally.json"), at(0));
        for hour in 1000..1030 {
            tally.refused(&source, at(hour));
        }
        for hour in 0..30 {
            tally.refused(&source, at(hour));
        }
        assert_eq!(tally.of(&source, at(0)), counts(0, 26, 29));
    }

    #[test]
    fn what_the_disk_does_not_give_stops_no_start() {
        let dir = tempfile::tempdir().unwrap();
        // A folder can be opened and not read.
        let tally = Tally::open(Arc::new(RealDisk), dir.path().to_owned(), at(3));
        assert_eq!(tally.since(), at(3));
    }

    #[test]
    fn what_cannot_be_written_is_counted_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing").join("tally.json");
        let source = SourceName::new("a").unwrap();
        let tally = Tally::open(Arc::new(RealDisk), path.clone(), at(0));
        tally.refused(&source, at(1));
        tally.save();
        assert!(!path.exists());
        std::fs::create_dir(dir.path().join("missing")).unwrap();
        tally.save();
        let again = Tally::open(Arc::new(RealDisk), path, at(2));
        assert_eq!(again.of(&source, at(0)), counts(0, 1, 1));
    }
}
