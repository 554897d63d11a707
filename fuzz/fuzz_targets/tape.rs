//! Random programs on the tape: see `program.rs`.
#![no_main]

#[path = "../program.rs"]
mod program;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| program::check(bytes));
