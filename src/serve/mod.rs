//! The program put together: what is opened in which order, the threads, the
//! listener, the end.
//!
//! - [`threads`]: the journal's writer, the keeper of refused bodies, the follower
//! - [`run`]: from settings to a server that listens, until it is told to stop

mod run;
mod secrets;
pub mod threads;

pub use run::{ServeError, run};
