//! What decides the columns and cells of a table, and the line of text that
//! stands for it in checkpoints.

use super::choice::ColumnRules;
use crate::event::{Preset, is_test};
use std::sync::Arc;

/// What decides how payloads become columns and cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// What is known of the sender.
    pub preset: Preset,
    /// The most columns that a table may have; further paths share the column `more`.
    pub columns_max: usize,
    /// Whether text that a spreadsheet would run as a formula gets a leading `'`.
    pub guard: bool,
    /// Whether files start with a byte order mark.
    pub bom: bool,
    /// What was chosen for the source; none: every field is a column under its own name.
    pub columns: Option<Arc<ColumnRules>>,
}

impl Rules {
    /// A line that changes whenever the same payloads would give other bytes: by other rules, or by another release of these
    /// modules (the leading number).
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let Self {
            preset,
            columns_max,
            guard,
            bom,
            columns,
        } = self;
        let mut line = format!(
            "1 {} columns_max={columns_max} guard={guard} bom={bom}",
            preset.as_str()
        );
        if let Some(columns) = columns {
            line += " columns=";
            line += &columns.text();
        }
        line
    }

    /// Whether events that are tests become rows.
    #[must_use]
    pub fn take_tests(&self) -> bool {
        let chosen = self.columns.as_ref();
        chosen.is_none_or(|chosen| !chosen.leave_out_tests)
    }

    /// Whether an event with this payload becomes a row.
    #[must_use]
    pub fn take(&self, payload: &[u8]) -> bool {
        self.take_tests() || !is_test(payload)
    }

    /// The rules that a fingerprint stands for; nothing when another release of these modules made it.
    #[must_use]
    pub fn parse(fingerprint: &str) -> Option<Self> {
        fn value<T: std::str::FromStr>(word: Option<&str>, name: &str) -> Option<T> {
            word?.strip_prefix(name)?.parse().ok()
        }
        let (line, columns) = match fingerprint.split_once(" columns=") {
            Some((line, text)) => (line, Some(Arc::new(ColumnRules::of_text(text)?))),
            None => (fingerprint, None),
        };
        let mut words = line.split(' ').skip(2);
        let rules = Self {
            preset: Self::preset_of(line)?,
            columns_max: value(words.next(), "columns_max=")?,
            guard: value(words.next(), "guard=")?,
            bom: value(words.next(), "bom=")?,
            columns,
        };
        (rules.fingerprint() == fingerprint).then_some(rules)
    }

    /// The preset that a fingerprint names.
    fn preset_of(fingerprint: &str) -> Option<Preset> {
        let name = fingerprint.split(' ').nth(1)?;
        Preset::ALL
            .into_iter()
            .find(|preset| preset.as_str() == name)
    }

    /// Whether files made under a fingerprint start with a byte order mark.
    #[must_use]
    pub fn bom_of(fingerprint: &str) -> bool {
        // What was chosen stands behind it and may say anything.
        fingerprint.split(' ').nth(4) == Some("bom=true")
    }

    /// These rules for a source that is not configured any more and whose table was made under `recorded`: it goes on with
    /// what was known of its sender and chosen for it.
    #[must_use]
    pub fn as_it_was(&self, recorded: Option<&str>) -> Self {
        let before = recorded.and_then(Self::parse);
        Self {
            preset: recorded.and_then(Self::preset_of).unwrap_or_default(),
            columns: before.and_then(|before| before.columns),
            ..self.clone()
        }
    }
}
