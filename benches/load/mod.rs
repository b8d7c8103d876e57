//! What a load run is made of: events, a generator, the server as a process, a download, and a table of what was measured.
//!
//! The benchmark takes it with `mod load;`, a test binary with `#[path]`, the whole folder or one file.
//! Nothing here talks to any address but the one it is given.
#![allow(
    dead_code,
    reason = "each binary that takes this folder uses its own part of it"
)]

pub mod bounds;
pub mod download;
pub mod event;
pub mod generator;
pub mod link;
pub mod machine;
pub mod process;
pub mod round;
pub mod scores;
pub mod start;
pub mod steady;
pub mod table;
pub mod unsynced;
