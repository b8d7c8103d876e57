//! Journal, refused bodies and tables on a disk that forgets and fails: random
//! sequences, and every point of a fixed script. Needs no files, threads or clock
//! of the machine. `tests/mutants` holds against it what it must notice.
//!
//! - `ROWHOOK_SEQUENCES=10000`: so many random sequences
//! - `ROWHOOK_SEED=7`: the sequence of that seed alone, shrunk when it fails
//! - `ROWHOOK_COUNT=1`: all of them, also behind the first that fails, and how many did
//! - `ROWHOOK_EVERY_POINT=1`: no point of the script is left out

mod acts;
mod damage;
mod disk;
mod download;
mod fragile;
mod model;
#[path = "../mutants/list.rs"]
mod mutants;
mod points;
mod random;
mod raw;
mod rejected;
mod run;
mod stranger;
mod tables;
mod vouched;
mod world;
