//! From the bytes of a request to events that can be stored, or the reason why
//! not. Knows no HTTP types and no files.
//!
//! - [`waiting`]: a bound on all bodies that are being read or wait
//! - [`body`]: bytes as they come in, decompressed, bounded
//! - [`mod@parse`]: the body as events: JSON, or a form
//! - [`identity`]: what makes two events the same
//! - [`queue`], [`handover`]: on the way to the threads that store; [`reply`]: on the way back
//! - [`question`]: what the journal is asked without storing anything

pub mod body;
pub mod handover;
pub mod identity;
pub mod parse;
pub mod question;
pub mod queue;
pub mod reply;
pub mod waiting;

pub use body::{BodyError, Reading};
pub use handover::{Delivery, Refusal};
pub use parse::{Parsed, Unusable, parse};
pub use question::{Question, Questions};
pub use queue::Queue;
pub use reply::{Answer, Desk, Post, Reply};
pub use waiting::{Permit, Waiting};
