//! The program put together: what is opened in which order, the threads, the
//! listener, the end.
//!
//! - [`open`]: what is opened before anything is served, and closed again
//! - [`threads`]: the journal's writer, the keeper of refused bodies, the follower
//! - [`mod@signals`]: when to stop
//! - [`reload`], `watch`: the configuration read again, other hands on files
//! - [`socket`]: how commands reach the process that holds the output directory
//! - `listen`, `door`, `places`, `front`, `connection`, `behind`, `stall`, `timer`, `stream`, `tls`: who comes in, and how long it may take
//! - [`run`]: from settings to a server that listens, until it is told to stop

mod behind;
mod connection;
mod door;
mod front;
mod listen;
pub mod open;
mod places;
pub mod reload;
mod run;
mod secrets;
pub mod signals;
pub mod socket;
mod stall;
mod stream;
pub mod threads;
mod timer;
mod tls;
mod watch;

pub use open::{Parts, ServeError};
pub use run::run;
pub use signals::signals;
pub use socket::{Patience, Worker};
