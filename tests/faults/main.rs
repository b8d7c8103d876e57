//! What needs more than cargo: root, strace, mount, mkfs.ext4, libfaketime. Run it with
//! `cargo test --test faults`; each test says what it misses.

#[path = "../it/after.rs"]
mod after;
#[path = "../it/audit.rs"]
mod audit;
#[path = "../it/flood.rs"]
mod flood;
#[path = "../../benches/load/generator.rs"]
mod generator;
#[path = "../it/kills.rs"]
mod kills;
#[path = "../it/server.rs"]
mod server;

mod bomb;
mod clock;
mod ext4;
mod files;
mod full;
mod injected;
mod jumps;
mod matrix;
mod midnight;
mod order;
mod readonly;
mod tools;
mod unwritable;
