//! `cargo +nightly fuzz run journal`; what it does stands in `tests/fuzz/targets/journal.rs`.
#![no_main]

// All targets are one module; the others are not used here.
#[allow(dead_code)]
#[path = "../../tests/fuzz/targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::journal::run(data));
