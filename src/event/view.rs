//! Views as data: what is made of a table's rows before they are given out, and
//! which of them a preset brings along. `read` makes tables by them.

use super::Preset;
use std::collections::BTreeMap;

/// Another table made of the rows of a table. Columns are named as the header shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// Of each key the newest row.
    Latest {
        /// What tells which rows belong together.
        key: Vec<Choice>,
    },
    /// Of each key the row with the highest value, and of several such rows the newest.
    Best {
        /// What tells which rows belong together.
        key: Vec<Choice>,
        /// The column with the value.
        of: String,
    },
    /// A row for each of something, a column for each of something else.
    Matrix(Matrix),
}

/// Columns of which in each row the first that is filled counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice(pub Vec<String>);

/// What stands in the rows, columns and cells of a matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// What has a row.
    pub row: Choice,
    /// Columns that tell what the row is of, from its newest event.
    pub show: Vec<String>,
    /// What has a column.
    pub column: Choice,
    /// The column with the heading of a column, of which the newest counts; none: what `column` says is the heading.
    pub title: Option<String>,
    /// The column with what stands in the cells.
    pub value: String,
    /// Which of several values for the same cell.
    pub pick: Pick,
}

/// Which of several values counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The newest.
    Latest,
    /// The highest, and of several such the newest.
    Best,
}

impl View {
    /// What the configuration calls its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Latest { .. } => "latest",
            Self::Best { .. } => "best",
            Self::Matrix(_) => "matrix",
        }
    }
}

impl Choice {
    fn of(columns: &[&str]) -> Self {
        Self(columns.iter().map(|&column| column.to_owned()).collect())
    }
}

impl Preset {
    /// The views that a source of this preset has without being told.
    #[must_use]
    pub fn views(self) -> BTreeMap<String, View> {
        let views = match self {
            Self::Generic => Vec::new(),
            Self::Lessonly => lessonly(),
        };
        let named = views.into_iter().map(|(name, view)| (name.into(), view));
        named.collect()
    }
}

fn lessonly() -> Vec<(&'static str, View)> {
    let learner = || Choice::of(&["user.id", "user.ext_uid", "user.email"]);
    let lesson = || Choice::of(&["lesson.id"]);
    let matrix = |value: &str| {
        View::Matrix(Matrix {
            row: learner(),
            // With the id, because two people may have one name, and an address may be missing.
            show: ["user.name", "user.email", "user.id"]
                .map(str::to_owned)
                .into(),
            column: lesson(),
            title: Some("lesson.title".into()),
            value: value.into(),
            pick: Pick::Latest,
        })
    };
    let key = || vec![learner(), lesson()];
    let of = "score_percent".to_owned();
    vec![
        ("latest", View::Latest { key: key() }),
        ("best", View::Best { key: key(), of }),
        ("matrix", matrix("score_percent")),
        ("completed", matrix("completed_at")),
    ]
}
