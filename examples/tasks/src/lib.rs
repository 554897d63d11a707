#![no_std]
#![forbid(unsafe_code)]
//! Training tasks without an operating system: the very same functions run on a microcontroller and on a host.
//!
//! The results that every target must give lie in `expected/`, one float a line, as the eight hexadecimal digits of its
//! bits:
//!
//! ```text
//! cargo run -p reinmax-example-tasks -- polynomial-32 > new.txt
//! mv new.txt examples/tasks/expected/polynomial-32.txt
//! ```
//!
//! (Not straight into that file: it is compiled into the program, which an empty one would stop.)

pub mod expected;
pub mod polynomial;
pub mod vae;
pub mod vector;
