//! From a payload to the cells of a row: which columns there are, what they
//! are called, what stands in them. Pure, over raw slices, without a tree.
//!
//! - [`Columns`]: the columns of one day's table, growing with what comes
//! - [`Flat`]: where in a payload the cells of its row are
//! - [`cell`]: the CSV text of one cell, with the guard against formulas
//!
//! Promises: a column never moves or disappears; header names are unique;
//! the same start, rules and payloads give the same bytes.

pub mod cell;
mod columns;
mod names;
mod path;
mod row;
#[cfg(test)]
mod tests;

pub use cell::Kind;
pub use columns::{Column, Columns, Flat};
pub use path::{Path, is_id};
pub use row::BOM;

use crate::event::Preset;

/// What decides how payloads become columns and cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// What is known of the sender.
    pub preset: Preset,
    /// The most columns that a table may have; further paths share the column `more`.
    pub columns_max: usize,
    /// Whether text that a spreadsheet would run as a formula gets a leading `'`.
    pub guard: bool,
    /// Whether files start with a byte order mark.
    pub bom: bool,
}

impl Rules {
    /// A short text that changes whenever the same payloads would give other bytes: by other rules, or by another release
    /// of these modules (the leading number).
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let Self {
            preset,
            columns_max,
            guard,
            bom,
        } = self;
        format!(
            "1 {} columns_max={columns_max} guard={guard} bom={bom}",
            preset.as_str()
        )
    }

    /// The rules that a fingerprint stands for; nothing when another release of these modules made it.
    #[must_use]
    pub fn parse(fingerprint: &str) -> Option<Self> {
        fn value<T: std::str::FromStr>(word: Option<&str>, name: &str) -> Option<T> {
            word?.strip_prefix(name)?.parse().ok()
        }
        let mut words = fingerprint.split(' ').skip(2);
        let rules = Self {
            preset: Self::preset_of(fingerprint)?,
            columns_max: value(words.next(), "columns_max=")?,
            guard: value(words.next(), "guard=")?,
            bom: value(words.next(), "bom=")?,
        };
        (rules.fingerprint() == fingerprint).then_some(rules)
    }

    /// The preset that a fingerprint names.
    #[must_use]
    pub fn preset_of(fingerprint: &str) -> Option<Preset> {
        let name = fingerprint.split(' ').nth(1)?;
        Preset::ALL
            .into_iter()
            .find(|preset| preset.as_str() == name)
    }
}
