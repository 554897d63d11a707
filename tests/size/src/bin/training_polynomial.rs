//! The whole polynomial task: parameters, softmax, draws, ReinMax at temperature 1, squares, mean, backward, Adam.
//! What a firmware knows beforehand it says: a temperature of 1, few categories, the power.
#![no_std]
#![no_main]

use reinmax_core::{Result, Tape};
use reinmax_example_tasks::polynomial;

size::program! {
    (tape: &mut Tape<'_>, latents: u32, steps: u32, state: &mut [f32], last: &mut f32) -> Result<()> {
        polynomial::train(tape, latents, steps, state, |loss| *last = loss)
    }
}
