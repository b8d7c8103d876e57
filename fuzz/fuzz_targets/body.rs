//! `cargo +nightly fuzz run body`; what it does stands in `tests/fuzz/targets/body.rs`.
#![no_main]

// All targets are one module; the others are not used here.
#[allow(dead_code)]
#[path = "../../tests/fuzz/targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::body::run(data));
