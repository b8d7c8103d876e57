//! The program put together: what is opened in which order, the threads, the
//! listener, the end.
//!
//! - [`threads`]: the journal's writer, the keeper of refused bodies, the follower
//! - [`signals`]: when to stop
//! - [`run`]: from settings to a server that listens, until it is told to stop

mod run;
mod secrets;
mod signals;
pub mod threads;

pub use run::{Parts, ServeError, run};
pub use signals::signals;
