//! rowhook from outside: the real binary on real files, and the pure core
//! against a second implementation.

mod attempts;
mod audit;
mod bodies;
mod columns;
mod conditions;
mod days;
mod downloads;
mod duplicates;
mod feeds;
mod flatten;
mod flood;
mod hostile;
mod killing;
mod layers;
mod limits;
mod load;
mod naive;
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
mod shapes;
mod starting;
mod tls;
