//! A table as others see it: its figures in lists, its files for a download.

use super::checkpoint::{Checkpoint, PartState, Received};
use super::day::Table;
use super::hours::{Hours, Tests};
use crate::disk::SharedFile;
use crate::event::{Day, Seq};
use crate::flatten::{Column, Rules};
use crate::layout::Layout;
use std::path::PathBuf;
use std::sync::Arc;

/// A table in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Its files.
    pub parts: Vec<PartState>,
    /// First and last receipt.
    pub received: Option<Received>,
    /// Its rows by hour.
    pub hours: Hours,
    /// Those that are tests.
    pub tests: Tests,
}

/// What a reader needs of a table, taken in one step.
#[derive(Clone)]
pub struct Snapshot {
    /// The day.
    pub day: Day,
    /// The fingerprint of the rules.
    pub rules: String,
    /// Whether files start with a byte order mark.
    pub bom: bool,
    /// Every record of the source and day up to this one is in it.
    pub seq: Seq,
    /// All columns.
    pub columns: Arc<[Column]>,
    /// Rows of all its files.
    pub rows: u64,
    /// The files; none where they are not as far as the journal, and whoever reads makes the rows from that.
    pub parts: Vec<SnapshotPart>,
    /// First and last receipt.
    pub received: Option<Received>,
}

/// One file of a snapshot.
#[derive(Clone)]
pub struct SnapshotPart {
    /// Its name.
    pub path: PathBuf,
    /// The open file, where it is the one that is written to.
    pub file: Option<SharedFile>,
    /// What it is.
    pub state: PartState,
}

impl Figures {
    /// The figures of a table that is not written to any more.
    #[must_use]
    pub fn of(state: &Checkpoint) -> Self {
        Self {
            parts: state.parts.clone(),
            received: state.received,
            hours: state.hours.clone(),
            tests: state.tests,
        }
    }

    /// Rows of all parts.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }

    /// When the first and the last of the rows came that are no tests.
    #[must_use]
    pub fn deliveries(&self) -> Option<Received> {
        self.tests.others(self.received)
    }

    /// Columns of the last part.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.parts.last().map_or(0, |part| part.columns)
    }

    /// Bytes of all parts on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

impl Snapshot {
    /// The snapshot of a table that is not written to any more.
    #[must_use]
    pub fn of(state: &Checkpoint, layout: &Layout) -> Self {
        let columns = state.parts.last().map_or(0, |p| p.columns);
        Self {
            day: state.day,
            rules: state.rules.clone(),
            bom: Rules::bom_of(&state.rules),
            seq: state.seq,
            rows: state.parts.iter().map(|part| part.rows).sum(),
            columns: state.columns.iter().take(columns).cloned().collect(),
            parts: (1..)
                .zip(&state.parts)
                .map(|(number, part)| SnapshotPart {
                    path: layout.csv(&state.source, state.day, number),
                    file: None,
                    state: *part,
                })
                .collect(),
            received: state.received,
        }
    }
}

impl Table {
    /// The figures of the table as lists show them.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let parts = self.full.iter().copied();
        Figures {
            parts: parts.chain([self.part.state()]).collect(),
            received: self.received,
            hours: self.hours.clone(),
            tests: self.tests,
        }
    }

    /// What a reader needs, in one step.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let state = self.state(None);
        let mut snapshot = Snapshot::of(&state, &self.layout);
        if let Some(last) = snapshot.parts.last_mut() {
            last.file = Some(self.part.file.clone());
        }
        snapshot.columns = state
            .columns
            .iter()
            .take(self.part.columns)
            .cloned()
            .collect();
        snapshot
    }
}
