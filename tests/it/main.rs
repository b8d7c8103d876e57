//! rowhook from outside: the real binary on real files, and the pure core
//! against a second implementation.

mod flatten;
mod load;
mod naive;
mod payloads;
mod readme;
mod server;
