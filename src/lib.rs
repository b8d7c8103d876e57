//! rowhook.
pub mod event;
