//! The writing half: follows the journal by seq and keeps the tables up with
//! it. Never a queue that could overflow: what a table does not have yet is
//! read from the journal again, after a crash as after a full disk.
//!
//! - [`Follower`]: one step at a time, on a thread of its own
//! - [`catalog`]: which days there are, for lists
//! - [`known`](known()): what the journal must have, as far as the tables can tell
//! - [`handle`]: how readers ask for a table that has every acknowledged row
//!
//! The only place that knows both the journal and the tables.

mod asks;
pub mod catalog;
mod days;
mod fill;
mod follower;
mod found;
pub mod handle;
mod known;
mod rebuild;
mod remake;
mod saved;
#[cfg(test)]
mod tests;
mod tracked;
mod troubles;
mod upkeep;

pub use catalog::{Catalog, Summary};
pub use follower::{FollowOptions, Follower, SLICE_BYTES};
pub use handle::{Ask, Handle, Rebuild, Rebuilt, Request, Together, Unavailable};
pub use known::known;
