//! Why nothing can be meant by what was asked, and what could be asked instead.

use super::WhenError;
use crate::event::{Day, SourceName};

/// Why there is no such export.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// There is nothing under this path.
    #[error(
        "no such export; use /exports/SOURCE/DATE.FORMAT, where DATE is YYYY-MM-DD, today, yesterday or latest, or \
         /exports/SOURCE.FORMAT?from=DATE&to=DATE; FORMAT is csv, csv.gz, xlsx or jsonl"
    )]
    NoSuch,
    /// A parameter that is not known.
    #[error("unknown parameter `{name}`{}; allowed are {known}", perhaps(.meant.as_deref()))]
    Parameter {
        /// What was given.
        name: String,
        /// What could be.
        known: String,
        /// What was meant, probably.
        meant: Option<String>,
    },
    /// A parameter of a part.
    #[error("a part alone is given as it is on disk, without `{0}`; ask for the whole day")]
    OfPart(String),
    /// A parameter that was given more than once.
    #[error("`{0}` is given twice; give it once")]
    Twice(String),
    /// A parameter that must be there.
    #[error("`{0}` is missing; use YYYY-MM-DD, today, yesterday, or -30d for 30 days ago")]
    Missing(&'static str),
    /// A parameter's value.
    #[error("`{name}` cannot be {value:?}; allowed are {allowed}")]
    Value {
        /// Which parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What could be.
        allowed: String,
    },
    /// A day's value.
    #[error("`{name}` cannot be {value:?}; {error}")]
    Day {
        /// Which parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What could be.
        error: WhenError,
    },
    /// A parameter that changes nothing here.
    #[error("`{name}` needs {needs}")]
    Needless {
        /// Which parameter.
        name: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// A zone that is none.
    #[error(
        "`tz` cannot be {0:?}; use an IANA name such as UTC, Europe/Berlin or America/New_York"
    )]
    Zone(String),
    /// A list of columns that is none.
    #[error(
        "`columns` is no list of names; put commas between them, each once, and one that has a comma in it in double quotes"
    )]
    Columns,
    /// A view without a name.
    #[error("`view` is empty; leave it out for all rows")]
    NoView,
    /// The end lies before the start.
    #[error("`from` is {from}, which is after `to`, {to}; exchange the two")]
    Backwards {
        /// The start.
        from: Day,
        /// The end.
        to: Day,
    },
    /// A column that the source never had.
    #[error("there is no column {name:?}{}; {}", perhaps(.meant.as_deref()), some(.known))]
    NoColumn {
        /// What was given.
        name: String,
        /// What was meant, probably.
        meant: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
    /// A view of a source that is not configured.
    #[error(
        "there is no view {name:?}: {source_name} is not in the configuration any more, and views are made there; leave \
         `view` out for all rows"
    )]
    NoViews {
        /// What was given.
        name: String,
        /// Whose.
        source_name: SourceName,
    },
    /// A view that the source does not have.
    #[error("there is no view {name:?}{}; {}", perhaps(.meant.as_deref()), views(.known))]
    NoSuchView {
        /// What was given.
        name: String,
        /// What was meant, probably.
        meant: Option<String>,
        /// What there is.
        known: Vec<String>,
    },
}

fn perhaps(word: Option<&str>) -> String {
    word.map_or_else(String::new, |word| format!(" (did you mean {word:?}?)"))
}

/// So many names are listed.
const LISTED_MAX: usize = 40;

fn some(names: &[String]) -> String {
    let shown = names
        .iter()
        .take(LISTED_MAX)
        .map(|name| format!("{name:?}"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED_MAX) {
        0 => format!("there are {shown}"),
        more => format!("there are {shown} and {more} more"),
    }
}

fn views(names: &[String]) -> String {
    if names.is_empty() {
        "this source has none; they are made in the configuration".to_owned()
    } else {
        some(names)
    }
}
