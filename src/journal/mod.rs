//! The journal: every event, one JSON object a line, durable before anybody is
//! told so. It is the only truth; all else can be made from it again.
//!
//! - [`record`]: one line, written and read
//! - [`segment`], [`chain`]: the files, their first lines, their chain
//! - [`seen`], `ids`, `window`: which events were stored lately, in memory and over restarts
//! - [`writer`]: many events, one write, one sync
//! - `making`: the next segment; `gone`: whether the open one is still there
//! - [`recovery`], `scan`: what a start finds, keeps, cuts or refuses
//! - [`audit`]: all lines of a segment, and what is wrong with each
//! - [`reader`]: from a position on, never past what is synced
//! - [`refused`]: bodies that could not become events
//!
//! Does not know: what a payload holds, what a table is, who asked.

pub mod audit;
pub mod chain;
mod gone;
mod ids;
mod making;
pub mod reader;
pub mod record;
pub mod recovery;
pub mod refused;
mod scan;
pub mod seen;
pub mod segment;
mod shared;
#[cfg(test)]
mod tests;
mod window;
pub mod writer;

pub use reader::{Block, Reader};
pub use recovery::{Known, Opened, RecoveryError, open};
pub use segment::Cursor;
pub use shared::{Health, Shared};
pub use writer::{Earlier, Event, Events, Incoming, Journal, Options, Verdict};
