//! rowhook from outside: the real binary on real files, and the pure core
//! against a second implementation.

mod after;
mod audit;
mod bodies;
mod columns;
mod conditions;
mod days;
mod downloads;
mod duplicates;
mod edits;
mod feeds;
mod files;
mod flatten;
mod flips;
mod flips_world;
mod flood;
mod killing;
mod kills;
mod layers;
mod limits;
mod load;
mod naive;
mod naive_tests;
mod page;
mod payloads;
mod raw;
mod reading;
mod readme;
mod receiving;
mod rejected;
mod reload;
mod restarts;
mod server;
mod starting;
mod verify;
mod verify_many;
