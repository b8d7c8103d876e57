//! What a table remembers of itself: how far it goes, what its files then
//! were, which columns it has and started with.

use super::hours::{Hours, Tests};
use super::sum::SumState;
use crate::disk::{Sealed, SharedDisk, Stat, get_sealed, put_sealed};
use crate::event::{Day, Seq, SourceName, Timestamp};
use crate::flatten::Column;
use crate::layout::Layout;
use serde::{Deserialize, Serialize};
use std::io;

/// The state of a table at a moment when its files were synced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The source.
    pub source: SourceName,
    /// The day.
    pub day: Day,
    /// The fingerprint of the rules that made it.
    pub rules: String,
    /// Every record of the source and day up to this one is in the table.
    pub seq: Seq,
    /// Where to go on reading: a hint that the table hands back to whoever feeds it.
    pub hint: (u64, u64),
    /// When its first and last event were received.
    pub received: Option<Received>,
    /// How many of its rows were received in which hour; of a table of an earlier version nothing is known.
    #[serde(default)]
    pub hours: Hours,
    /// Those of its rows that are tests; a table of an earlier version has none.
    #[serde(default, skip_serializing_if = "Tests::are_none")]
    pub tests: Tests,
    /// Whether the day is over.
    pub closed: bool,
    /// Its files, the last one open until the day is closed.
    pub parts: Vec<PartState>,
    /// The next version of the last part, written and synced beside it, perhaps renamed in already.
    pub wider: Option<PartState>,
    /// The files whose place its own take, as we left them: a crash may leave them there.
    pub old: Vec<Stat>,
    /// The columns that it started with.
    pub start: Vec<Column>,
    /// Its columns.
    pub columns: Vec<Column>,
}

/// First and last receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Of the first event.
    pub first: Timestamp,
    /// Of the last event.
    pub last: Timestamp,
}

impl Received {
    /// `before`, and `moment` too. Imported events may be older than those before them.
    pub(super) fn with(before: Option<Self>, moment: Timestamp) -> Self {
        let before = before.unwrap_or(Self {
            first: moment,
            last: moment,
        });
        Self {
            first: before.first.min(moment),
            last: before.last.max(moment),
        }
    }
}

/// One CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartState {
    /// Rows below the header.
    pub rows: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// How many of the table's columns it has.
    pub columns: usize,
    /// What the file was.
    pub stat: Stat,
    /// The digest of its bytes.
    pub sum: SumState,
}

impl Checkpoint {
    /// Saves it, whole or not at all, durable.
    ///
    /// # Errors
    /// Whatever the disk answers.
    pub fn save(&self, disk: &SharedDisk, layout: &Layout) -> io::Result<()> {
        let path = layout.table_checkpoint(&self.source, self.day);
        put_sealed(&**disk, &path, self)
    }

    /// Reads the one of `source` and `day`; nothing when there is none that can be read.
    ///
    /// # Errors
    /// Whatever the disk answers.
    pub fn load(
        disk: &SharedDisk,
        layout: &Layout,
        source: &SourceName,
        day: Day,
    ) -> io::Result<Option<Self>> {
        let path = layout.table_checkpoint(source, day);
        match get_sealed::<Self>(&**disk, &path)? {
            Sealed::Whole(found)
                if found.source == *source && found.day == day && !found.parts.is_empty() =>
            {
                Ok(Some(found))
            }
            Sealed::Whole(_) | Sealed::Missing => Ok(None),
            Sealed::Broken(what) => {
                tracing::warn!(path = %path.display(), what, "ignored a table's checkpoint that cannot be read");
                Ok(None)
            }
        }
    }
}
