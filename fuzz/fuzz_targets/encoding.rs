//! `cargo +nightly fuzz run encoding`; what it does stands in `tests/fuzz/targets/encoding.rs`.
#![no_main]

// All targets are one module; the others are not used here.
#[allow(dead_code)]
#[path = "../../tests/fuzz/targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::encoding::run(data));
