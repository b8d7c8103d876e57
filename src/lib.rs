//! rowhook receives JSON webhooks and makes each one a row of a daily CSV file: none lost, none counted twice.
//!
//! # Layout
//!
//! In the order in which data flows:
//!
//! - [`config`], [`cli`]: what the operator decided
//! - [`serve`]: what is opened in which order, the threads, the end
//! - [`http`]: requests and responses, and nothing below knows them
//! - [`control`]: commands that write, while the server runs or not
//! - [`engine`]: what runs, for whoever serves requests
//! - [`receive`]: from the bytes of a request to events
//! - [`journal`]: events made durable, one line each; the only truth
//! - [`follow`]: keeps the tables up with the journal
//! - [`flatten`]: from a payload to the cells of a row
//! - [`table`]: one day's CSV files
//! - [`read`]: from tables to what people download
//! - [`export`]: a download without a server
//! - [`links`]: signed links, which open one feed without the token
//! - [`sessions`]: sessions of people who showed the token to the page
//! - [`rejects`]: refused bodies, and what became of them
//! - [`verify`]: holds tables and journal against each other
//!
//! and below all of them [`event`] (the words), [`json`] (raw slices), [`layout`] (names on disk) and [`disk`] (the boundary).

// It panics where nobody takes what is said.
#![warn(clippy::print_stderr)]

pub mod cli;
pub mod config;
pub mod control;
pub mod disk;
pub mod engine;
pub mod event;
pub mod export;
pub mod flatten;
pub mod follow;
pub mod http;
pub mod journal;
pub mod json;
pub mod layout;
pub mod links;
pub mod read;
pub mod receive;
pub mod rejects;
pub mod serve;
pub mod sessions;
pub mod table;
pub mod verify;
