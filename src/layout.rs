//! Every name below the output directory, in one place. Touches no disk.

use crate::event::{Day, SourceName};
use std::path::{Path, PathBuf};

const PROBE_NAME: &str = ".probe";

/// The output directory and where everything is in it.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout below `root`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The output directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every event, one JSON object a line.
    #[must_use]
    pub fn journal_dir(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// A file that only proves that the disk takes what it is given.
    #[must_use]
    pub fn journal_probe(&self) -> PathBuf {
        self.journal_dir().join(PROBE_NAME)
    }

    /// Bodies that were authenticated but unusable.
    #[must_use]
    pub fn rejected_dir(&self) -> PathBuf {
        self.root.join("rejected")
    }

    /// The file of one day's unusable bodies.
    #[must_use]
    pub fn rejected(&self, day: Day) -> PathBuf {
        self.rejected_dir().join(format!("{day}.jsonl"))
    }

    /// What rowhook remembers for itself.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.root.join("state")
    }

    /// One process per output directory.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.state_dir().join("lock")
    }

    /// Where a command asks the process that holds the lock.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.state_dir().join("control.sock")
    }

    /// The read token that was made at the first start.
    #[must_use]
    pub fn token(&self) -> PathBuf {
        self.state_dir().join("token")
    }

    /// The key of the event ids.
    #[must_use]
    pub fn id_key(&self) -> PathBuf {
        self.state_dir().join("id-key")
    }

    /// The key that signs links.
    #[must_use]
    pub fn links_key(&self) -> PathBuf {
        self.state_dir().join("links.key")
    }

    /// The links that there are.
    #[must_use]
    pub fn links(&self) -> PathBuf {
        self.state_dir().join("links.json")
    }

    /// The key that signs sessions.
    #[must_use]
    pub fn sessions_key(&self) -> PathBuf {
        self.state_dir().join("sessions.key")
    }

    /// The sessions that there are.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.state_dir().join("sessions.json")
    }

    /// What became of refused bodies.
    #[must_use]
    pub fn refused_notes(&self) -> PathBuf {
        self.state_dir().join("refused.json")
    }

    /// What came and is no row, counted.
    #[must_use]
    pub fn tally(&self) -> PathBuf {
        self.state_dir().join("tally.json")
    }

    /// How far the journal is known to be whole.
    #[must_use]
    pub fn journal_checkpoint(&self) -> PathBuf {
        self.state_dir().join("journal.json")
    }

    /// Remembered ids, in files that follow each other.
    #[must_use]
    pub fn seen_dir(&self) -> PathBuf {
        self.state_dir().join("seen")
    }

    /// The ends of journal segments that were never acknowledged.
    #[must_use]
    pub fn cut_dir(&self) -> PathBuf {
        self.state_dir().join("cut")
    }

    /// How far all tables follow the journal.
    #[must_use]
    pub fn follow_checkpoint(&self) -> PathBuf {
        self.state_dir().join("tables.json")
    }

    /// The folder of the checkpoints of all sources' tables.
    #[must_use]
    pub fn tables_dir(&self) -> PathBuf {
        self.state_dir().join("tables")
    }

    /// The checkpoint of one table.
    #[must_use]
    pub fn table_checkpoint(&self, source: &SourceName, day: Day) -> PathBuf {
        self.tables_dir()
            .join(source.as_str())
            .join(format!("{day}.json"))
    }

    /// The folders of tables, one a source.
    #[must_use]
    pub fn csv_root(&self) -> PathBuf {
        self.root.join("csv")
    }

    /// The folder of one source's CSV files.
    #[must_use]
    pub fn csv_dir(&self, source: &SourceName) -> PathBuf {
        self.csv_root().join(source.as_str())
    }

    /// The `part`-th CSV file of a day, from 1.
    #[must_use]
    pub fn csv(&self, source: &SourceName, day: Day, part: u32) -> PathBuf {
        self.csv_dir(source).join(csv_name(day, part))
    }
}

/// The name of the `part`-th CSV file of a day.
#[must_use]
pub fn csv_name(day: Day, part: u32) -> String {
    if part == 1 {
        format!("{day}.csv")
    } else {
        format!("{day}.{part}.csv")
    }
}

/// The day and number of a name that [`csv_name`] makes.
#[must_use]
pub fn csv_of_name(name: &str) -> Option<(Day, u32)> {
    let stem = name.strip_suffix(".csv")?;
    let (day, part) = stem.split_once('.').unwrap_or((stem, "1"));
    let (day, part) = (day.parse().ok()?, part.parse().ok()?);
    (part > 0 && csv_name(day, part) == name).then_some((day, part))
}

/// The name of the `nth` journal segment of a day.
#[must_use]
pub fn segment_name(day: Day, nth: u32) -> String {
    if nth == 1 {
        format!("{day}.jsonl")
    } else {
        format!("{day}.{nth}.jsonl")
    }
}

/// The name that a segment has while it is made: `name` is its own only once its first line is durable.
#[must_use]
pub fn unmade_name(name: &str) -> String {
    format!(".{name}.new")
}

/// Whether a name in the journal's folder is one that nothing has for longer than a moment, and that never holds an event.
#[must_use]
pub fn is_passing_name(name: &str) -> bool {
    let unmade = name.strip_prefix('.').and_then(|n| n.strip_suffix(".new"));
    name == PROBE_NAME || unmade.is_some_and(|name| segment_of_name(name).is_some())
}

/// The day and number of a name that [`segment_name`] makes.
#[must_use]
pub fn segment_of_name(name: &str) -> Option<(Day, u32)> {
    let stem = name.strip_suffix(".jsonl")?;
    let (day, nth) = stem.split_once('.').unwrap_or((stem, "1"));
    let (day, nth) = (day.parse().ok()?, nth.parse().ok()?);
    (segment_name(day, nth) == name).then_some((day, nth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_names() {
        let day = "2026-11-23".parse().unwrap();
        assert_eq!(csv_of_name("2026-11-23.csv"), Some((day, 1)));
        assert_eq!(csv_of_name("2026-11-23.12.csv"), Some((day, 12)));
        for bad in [
            "2026-11-23.0.csv",
            "2026-11-23.1.csv",
            "2026-11-23.edited-120000.csv",
            ".2026-11-23.csv.new",
            "2026-11-23 copy.csv",
        ] {
            assert_eq!(csv_of_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn segment_names() {
        for good in [
            "2026-11-23.jsonl",
            "2026-11-23.2.jsonl",
            "2026-11-23.4294967295.jsonl",
        ] {
            assert!(segment_of_name(good).is_some(), "{good}");
            let unmade = unmade_name(good);
            assert_eq!(segment_of_name(&unmade), None, "{unmade}");
            assert!(is_passing_name(&unmade) && !is_passing_name(good));
        }
        for bad in [
            "2026-11-23.1.jsonl",
            "2026-11-23.02.jsonl",
            ".2026-11-23.jsonl",
            "2026-11-23.jsonl~",
            "x.jsonl",
        ] {
            assert_eq!(segment_of_name(bad), None, "{bad}");
            assert!(!is_passing_name(&unmade_name(bad)), "{bad}");
        }
    }
}
