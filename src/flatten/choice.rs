//! What the operator chose for the columns of a source: which fields become
//! columns, what they are called, which are one, what becomes of arrays.
//!
//! A field goes by its path, the keys joined with `.`; a custom field of
//! Lessonly also by the short name that its header has. Everything here follows
//! from the path alone, whatever came before.

use super::columns::LESSONLY;
use super::path::{Path, custom, joined, split};
use super::pattern;
use crate::event::{Preset, TEST_KEY};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Rules for the columns of one source. Those of a configuration passed [`ColumnRules::check`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnRules {
    /// Patterns: when there are any, fields that none of them matches become no columns.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub include: BTreeSet<String>,
    /// Patterns: fields that one of them matches become no columns.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub exclude: BTreeSet<String>,
    /// Fields and what the header calls them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rename: BTreeMap<String, String>,
    /// Fields and those whose column they share.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub alias: BTreeMap<String, String>,
    /// Fields and what becomes of the arrays in them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub arrays: BTreeMap<String, Arrays>,
    /// Test events become no rows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub leave_out_tests: bool,
}

/// What becomes of an array.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrays {
    /// Scalars are joined with `; `; any other array is its JSON text.
    #[default]
    Join,
    /// Its JSON text.
    Json,
    /// How many elements it has.
    Count,
    /// Each element is a field of its own, by its number from 1.
    Expand,
}

impl Arrays {
    /// All, in the order in which messages list them.
    pub const ALL: [Self; 4] = [Self::Join, Self::Json, Self::Count, Self::Expand];

    /// Its name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Json => "json",
            Self::Count => "count",
            Self::Expand => "expand",
        }
    }
}

/// The names that a field goes by.
struct Called {
    whole: String,
    short: Option<String>,
}

impl Called {
    fn new(path: &[u8], preset: Preset) -> Self {
        let lessonly = preset == Preset::Lessonly;
        Self {
            whole: joined(path),
            short: custom(path)
                .filter(|rest| lessonly && Path::is_named(rest))
                .map(joined),
        }
    }

    fn either<'t, T>(&self, find: impl Fn(&str) -> Option<&'t T>) -> Option<&'t T> {
        find(&self.whole).or_else(|| find(self.short.as_ref()?))
    }
}

/// Where the values of a path belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// To a column of that path.
    Kept,
    /// Nowhere.
    Dropped,
    /// To the column of this path, which has the same name with other keys.
    Same(Path),
    /// To the column of this path, behind what comes under its own name.
    Alias(Path),
}

impl ColumnRules {
    /// Whether nothing was chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// One line of JSON that [`ColumnRules::of_text`] reads back.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn of_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Where the values of `path` belong, which has no number of an occurrence.
    pub(super) fn verdict(&self, path: &[u8], preset: Preset) -> Verdict {
        let called = Called::new(path, preset);
        if let Some(other) = called.either(|name| self.alias.get(name)) {
            return Verdict::Alias(named(other, preset));
        }
        let second = called.either(|name| self.alias.values().find(|other| *other == name));
        if let Some(column) = second.map(|name| named(name, preset))
            && column.bytes() != path
        {
            return Verdict::Same(column);
        }
        if self.keeps(&called) {
            Verdict::Kept
        } else {
            Verdict::Dropped
        }
    }

    fn keeps(&self, called: &Called) -> bool {
        let any = |patterns: &BTreeSet<String>| {
            let found = called.either(|name| patterns.iter().find(|p| pattern::matches(p, name)));
            found.is_some()
        };
        // Whatever is chosen, a row that is a test says so.
        let marks = called.whole == TEST_KEY;
        marks || (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }

    /// The path of the column that the values of `path` belong to; nothing when they belong nowhere.
    pub(super) fn column_of(&self, path: &Path, preset: Preset) -> Option<Path> {
        match self.verdict(path.base(), preset) {
            Verdict::Kept => Some(path.clone()),
            Verdict::Dropped => None,
            Verdict::Same(other) | Verdict::Alias(other) => {
                let kept = self.verdict(other.bytes(), preset) == Verdict::Kept;
                kept.then(|| other.with_occurrence_of(path))
            }
        }
    }

    /// What the header is to call the column of `path`.
    pub(super) fn renamed(&self, path: &Path, preset: Preset) -> Option<&str> {
        let called = Called::new(path.base(), preset);
        called
            .either(|name| self.rename.get(name))
            .map(String::as_str)
    }

    /// What becomes of arrays at `path`. Numbers of elements on the way do not count: `answers.tags` stands for
    /// `answers.1.tags`, `answers.2.tags` and so on.
    pub(super) fn arrays_at(&self, path: &[u8], preset: Preset) -> Arrays {
        let at = |path: &[u8]| {
            let called = Called::new(path, preset);
            let found = called.either(|name| self.arrays.get(name));
            found.copied().unwrap_or_default()
        };
        if !self.expands() {
            return if self.arrays.is_empty() {
                Arrays::Join
            } else {
                at(path)
            };
        }
        let (mut counted, mut found) = (Vec::new(), Arrays::Join);
        for (nth, key) in split(path).enumerate() {
            if nth > 0 && found == Arrays::Expand && is_number(key) {
                continue;
            }
            super::path::push_raw(&mut counted, nth, key);
            found = at(&counted);
        }
        found
    }

    /// Whether any array is taken apart.
    fn expands(&self) -> bool {
        self.arrays.values().any(|&arrays| arrays == Arrays::Expand)
    }
}

/// The path of the column by the name that fields with two names share. For Lessonly it may be the short name of a custom
/// field.
fn named(name: &str, preset: Preset) -> Path {
    let documented = || LESSONLY.iter().any(|keys| keys.join(".") == name);
    let as_it_is = preset != Preset::Lessonly
        || ["user.", "lesson."].iter().any(|top| name.starts_with(top))
        || documented();
    if as_it_is {
        Path::dotted(name)
    } else {
        Path::dotted(&format!("user.custom_fields.{name}"))
    }
}

/// Whether a key is the number of an element.
fn is_number(key: &[u8]) -> bool {
    key.first().is_some_and(|&b| b != b'0') && key.iter().all(u8::is_ascii_digit)
}
