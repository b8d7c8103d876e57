//! From tables to what people download. Knows no HTTP types; never writes.
//!
//! - [`ask`]: what is asked for, by a URL, a link or a command
//! - [`export`]: the bytes of an answer, their number and their tag known
//!   before the first is sent
//! - [`changes`]: whether the files of days that are over are what they were
//! - [`rows`]: tables as rows of typed cells; [`views`]: tables made of those; [`write`](mod@write): files of some format
//! - [`pieces`]: those bytes, piece by piece; `edited`: of files that somebody changed
//! - [`window`]: some rows, for who looks at them

pub mod ask;
pub mod changes;
mod edited;
pub mod export;
pub mod pieces;
pub mod plan;
pub mod rows;
#[cfg(test)]
mod tests;
pub mod views;
pub mod window;
pub mod write;

pub use ask::{Ask, AskError, DayName, Span};
pub use changes::{Changes, Files};
pub use export::{Export, ExportError};
pub use plan::{Answer, Days, Stream};
