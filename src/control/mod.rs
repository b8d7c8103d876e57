//! Commands that write while a server may run: rebuilding tables, importing
//! events, changing links. Whoever holds the output directory does the work; a command asks it
//! over a stream, be it the server's socket or, when no server runs, the other
//! end of a pair in the same process. So there is one way, and one writer.
//!
//! - [`protocol`]: what is said, one JSON object a line
//! - [`session`]: the end that does the work; `import`: events on their way in, `held`: what is there of them
//! - [`ask`]: the end that asks, and what it prints; `alive`: that it is still there
//! - `links`: both ends of what is said about links
//! - [`items`]: files as events: JSON, JSON Lines, a journal, a rejected file; `lines`: what a line of them is
//!
//! Knows no HTTP and no sockets.

mod alive;
pub mod ask;
mod held;
mod import;
pub mod items;
mod lines;
mod links;
pub mod protocol;
pub mod session;
