//! Which days of which sources have a table, in memory: some hundred bytes a
//! day, so that a list opens no file.

use crate::disk::SharedDisk;
use crate::event::{Day, SourceName};
use crate::layout::Layout;
use crate::table::{Checkpoint, Figures};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One day of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Rows, columns and bytes.
    pub figures: Figures,
    /// Whether the day is not over.
    pub open: bool,
}

type Days = BTreeMap<Day, Summary>;

/// All days of all sources.
#[derive(Debug, Default)]
pub struct Catalog {
    /// A std mutex: held for a look-up, never across a read of a file or an await.
    sources: Mutex<BTreeMap<SourceName, Days>>,
}

impl Catalog {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SourceName, Days>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what all checkpoints say; the tables that were not closed come back too.
    ///
    /// # Errors
    /// Whatever the disk answers.
    pub fn load(disk: &SharedDisk, layout: &Layout) -> io::Result<(Self, Vec<(SourceName, Day)>)> {
        let (catalog, mut open) = (Self::default(), Vec::new());
        for folder in disk.list(&layout.tables_dir())? {
            let Ok(source) = SourceName::new(&folder) else {
                continue;
            };
            for name in disk.list(&layout.tables_dir().join(&folder))? {
                let Some(Ok(day)) = name.strip_suffix(".json").map(str::parse) else {
                    continue;
                };
                let Some(state) = Checkpoint::load(disk, layout, &source, day)? else {
                    // One that cannot be read: the table is looked at, and made anew.
                    open.push((source.clone(), day));
                    continue;
                };
                if !state.closed {
                    open.push((source.clone(), day));
                }
                catalog.set(
                    &source,
                    day,
                    Summary {
                        figures: Figures::of(&state),
                        open: !state.closed,
                    },
                );
            }
        }
        open.sort();
        Ok((catalog, open))
    }

    pub(super) fn set(&self, source: &SourceName, day: Day, summary: Summary) {
        self.lock()
            .entry(source.clone())
            .or_default()
            .insert(day, summary);
    }

    /// All days of all sources, by source, the newest first.
    #[must_use]
    pub fn all(&self) -> Vec<(SourceName, Day, Summary)> {
        let sources = self.lock();
        let days = sources.iter().flat_map(|(source, days)| {
            days.iter()
                .rev()
                .map(move |(day, summary)| (source.clone(), *day, summary.clone()))
        });
        days.collect()
    }

    /// What is known of a day's table.
    #[must_use]
    pub fn get(&self, source: &SourceName, day: Day) -> Option<Summary> {
        self.lock().get(source)?.get(&day).cloned()
    }

    /// Whether the day has a table that was closed.
    #[must_use]
    pub fn is_closed(&self, source: &SourceName, day: Day) -> bool {
        self.lock()
            .get(source)
            .and_then(|days| days.get(&day))
            .is_some_and(|summary| !summary.open)
    }

    /// Whether `source` has any table.
    #[must_use]
    pub fn knows(&self, source: &str) -> bool {
        self.lock().contains_key(source)
    }

    /// The days of `source` that have a table, and whether it has rows.
    #[must_use]
    pub fn of(&self, source: &SourceName) -> BTreeMap<Day, bool> {
        let sources = self.lock();
        let days = sources.get(source).into_iter().flatten();
        days.map(|(day, summary)| (*day, summary.figures.rows() > 0))
            .collect()
    }

    /// The days of `source` within `range` that have a table, oldest first.
    #[must_use]
    pub fn days(&self, source: &str, range: std::ops::RangeInclusive<Day>) -> Vec<Day> {
        if range.is_empty() {
            return Vec::new();
        }
        self.lock().get(source).map_or_else(Vec::new, |days| {
            days.range(range).map(|(day, _)| *day).collect()
        })
    }

    /// The newest day of `source` that has rows, before `before` if one is given.
    #[must_use]
    pub fn newest_with_rows(&self, source: &str, before: Option<Day>) -> Option<Day> {
        let sources = self.lock();
        let mut days = sources.get(source)?.iter().rev();
        days.find(|(day, summary)| summary.figures.rows() > 0 && before.is_none_or(|b| **day < b))
            .map(|(day, _)| *day)
    }
}
