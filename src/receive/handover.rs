//! What is handed to the threads that store, and where their answers go.

use super::reply::Reply;
use super::waiting::Permit;
use crate::journal::Incoming;
use crate::journal::refused::{Kept, RefusedBody};
use tokio::sync::oneshot;

/// A request's events on their way to the journal.
pub struct Delivery {
    /// The events.
    pub incoming: Incoming,
    /// What their memory counts as until they are answered.
    pub permit: Permit,
    /// Where the verdict goes.
    pub reply: Reply,
}

/// A refused body on its way to its file.
pub struct Refusal {
    /// The body and why.
    pub body: RefusedBody,
    /// What its memory counts as.
    pub permit: Permit,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Kept>,
}
