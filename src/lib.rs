//! rowhook.
pub mod cli;
pub mod config;
pub mod disk;
pub mod event;
pub mod flatten;
pub mod follow;
pub mod http;
pub mod journal;
pub mod json;
pub mod layout;
pub mod read;
pub mod receive;
pub mod serve;
pub mod table;
