//! The whole autoencoder: three layers, activations, softmax, draws, ReinMax, cross-entropy, divergence, backward,
//! Adam.
#![no_std]
#![no_main]

use reinmax_core::{Result, Tape};
use reinmax_example_tasks::vae::{self, Vae};

size::program! {
    (tape: &mut Tape<'_>, state: &mut [f32], last: &mut f32) -> Result<Vae> {
        vae::train(tape, state, |loss| *last = loss)
    }
}
