//! Tables: one source's rows of one day as CSV files that people open.
//!
//! - [`Table`]: appends rows, makes room for new columns, starts new parts
//! - [`checkpoint`]: what a table remembers of itself over restarts
//! - `sum`: a digest of what a file holds; `leaving`: files that have no name any more
//! - [`rows`]: rows of CSV text, found without parsing fields
//!
//! Promises: every row is as wide as its file's header; a file that somebody
//! else changed is never written over; the same start columns, records and
//! rules give the same bytes. Does not know where events come from.

pub mod checkpoint;
mod day;
mod files;
mod hours;
mod leaving;
mod replace;
pub mod rows;
mod snapshot;
mod sum;
#[cfg(test)]
mod tests;
mod widen;

pub use checkpoint::{Checkpoint, PartState, Received};
pub use day::{PART_ROWS, Table, TableError, TableOptions};
pub use files::is_what_it_was;
pub use hours::{Hours, Tests};
pub use snapshot::{Figures, Snapshot, SnapshotPart};
pub use sum::SumState;
