//! Holds the tables against the journal, and the journal against itself, while
//! a server runs or not. Takes no lock and writes nothing.
//!
//! - [`Finding`]: what there is to tell
//! - [`Report`]: all of it, for people and as JSON
//! - `walk`: all of it in order, and what only a second look can tell
//! - `days`: one day at a time, each segment read once, all its tables fed from it
//! - `check`, `finish`: one table against what the journal gives, row by row, and its end
//! - `part`, `text`: one of its files, read as it is compared
//! - `rows`, `explain`: what happened to a row that differs
//! - `opened`: a table's files and checkpoint, opened in an order that a running server cannot make wrong
//!
//! Promises: memory for a window of each of a day's files and no more; no false
//! alarm because a server writes meanwhile. What cannot be told for sure is
//! looked at again, and then once more.

mod check;
mod days;
mod explain;
mod finding;
mod finish;
mod opened;
mod part;
mod progress;
mod report;
mod rows;
mod text;
mod walk;

pub use finding::{Finding, Findings, Kind};
pub use progress::ProgressLine;
pub use report::Report;
pub use walk::verify;

use progress::Progress;

use crate::event::{Day, SourceName};
use crate::flatten::Rules;
use crate::journal::chain::NoJournal;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A table.
type Key = (SourceName, Day);

/// What to look at, and what the configuration says of it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configured sources and how their payloads become rows.
    pub sources: BTreeMap<SourceName, Rules>,
    /// For sources that are not configured any more.
    pub others: Rules,
    /// Rows in a file, [`crate::table::PART_ROWS`] outside tests.
    pub part_rows: u64,
    /// The source whose tables are compared; none: all.
    pub source: Option<SourceName>,
    /// The first and the last day whose segments are read and whose tables are compared; none: as far as there are any.
    pub days: (Option<Day>, Option<Day>),
    /// How long to wait before something that a running server may explain is looked at again.
    pub pause: Duration,
}

impl VerifyError {
    /// Whether another question would have an answer.
    #[must_use]
    pub fn is_wrong_usage(&self) -> bool {
        matches!(self, Self::Nothing(_) | Self::NoSuchSource { .. })
    }
}

impl Options {
    /// That nothing is known of the source that is asked for: to compare nothing finds nothing wrong.
    fn no_such_source(&self, source: &SourceName) -> VerifyError {
        let names: Vec<&str> = self.sources.keys().map(SourceName::as_str).collect();
        VerifyError::NoSuchSource {
            name: source.clone(),
            configured: names.join(", "),
        }
    }

    fn wants(&self, day: Day) -> bool {
        let (first, last) = self.days;
        first.is_none_or(|first| first <= day) && last.is_none_or(|last| day <= last)
    }
}

/// Why nothing could be looked at.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no journal.
    #[error(transparent)]
    Nothing(#[from] NoJournal),
    /// The source is not configured, and nothing is here that ever was of it.
    #[error("there is no source `{name}`; configured: {configured}")]
    NoSuchSource {
        /// Its name.
        name: SourceName,
        /// Those that there are, in words.
        configured: String,
    },
    /// A folder or the chain of segments cannot be read.
    #[error("{path}: cannot be read: {error}; nothing was compared", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}
