//! From a payload to the cells of a row: which columns there are, what they
//! are called, what stands in them. Pure, over raw slices, without a tree.
//!
//! - [`Rules`]: what decides; [`ColumnRules`]: what the operator chose for a source
//! - [`Columns`]: the columns of one day's table, growing with what comes
//! - [`Flat`]: where in a payload the cells of its row are
//! - [`cell`]: the CSV text of one cell, with the guard against formulas
//!
//! Promises: a column never moves or disappears; header names are unique;
//! the same start, rules and payloads give the same bytes.

pub mod cell;
mod check;
mod choice;
mod columns;
mod expand;
mod names;
mod pass;
mod path;
mod pattern;
mod row;
mod rules;
#[cfg(test)]
mod tests;

pub use cell::Kind;
pub use check::Mistake;
pub use choice::{Arrays, ColumnRules};
pub use columns::{Column, Columns, Flat};
pub use path::{Path, is_id};
pub use row::BOM;
pub use rules::Rules;
