#![cfg_attr(not(feature = "host"), no_std)]
// What callers of every function owe is stated once, below and at the top of the header.
#![allow(clippy::missing_safety_doc)]
//! The C interface; `include/reinmax.h` is generated from this crate by cbindgen.
//!
//! | module | what it holds |
//! |---|---|
//! | [`tape`] | a tape in the caller's memory; [`tape::run`]: leaves, reading, marks, replay, backward |
//! | [`op`] | a function for each operation, its output's handle last |
//! | [`estimator`] | for each estimator: sample nodes, and draw and backward on plain arrays |
//! | [`flat`] | softmax, draws, one-hot rows and uniforms on plain arrays |
//! | [`optim`] | Sgd, Adam, RAdam, clipping |
//! | [`status`] | status codes, their sentences, and the numbers behind an error |
//! | `memory` | pointers become slices: the checks, and the contract that they rest on |
//!
//! # Safety
//! A pointer must lead to as many elements as its documentation says, of memory that nothing else writes during the
//! call and that lies outside of the tape's slabs. NULL, misaligned and overlapping pointers are refused with a status;
//! everything else is checked by the core. Nothing is global: two threads may be in this library at once, on different
//! tapes and arrays.

// In the order in which the header declares their functions; blank lines keep rustfmt from sorting them.
pub mod tape;

pub mod op;

pub mod estimator;

pub mod flat;

pub mod optim;

mod memory;
pub mod status;

pub use status::Status;
pub use tape::CTape;

#[cfg(feature = "host")]
type Engine = reinmax::Host;
#[cfg(not(feature = "host"))]
type Engine = reinmax_core::Portable;

/// The backend for this call or this tape.
fn engine() -> Engine {
    #[cfg(feature = "host")]
    {
        reinmax::Host::detect()
    }
    #[cfg(not(feature = "host"))]
    {
        reinmax_core::Portable
    }
}

#[cfg(all(feature = "panic-handler", not(feature = "host")))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // With this flag linking fails if an exported function can reach a panic: the symbol below is defined nowhere.
    #[cfg(reinmax_prove_no_panic)]
    {
        unsafe extern "C" {
            fn a_panic_is_reachable() -> !;
        }
        // SAFETY: a program that could get here does not link.
        unsafe { a_panic_is_reachable() }
    }
    #[cfg(not(reinmax_prove_no_panic))]
    loop {
        core::hint::spin_loop();
    }
}

/// A panic that the proof must find.
#[cfg(reinmax_plant_a_panic)]
#[unsafe(no_mangle)]
pub extern "C" fn reinmax_planted_panic(i: usize) -> u8 {
    [1, 2, 3][i]
}
