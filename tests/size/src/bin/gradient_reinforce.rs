//! REINFORCE.
#![no_std]
#![no_main]

use reinmax_core::{Portable, Reinforce, Result, ScoreEstimator, ScoreInputs};

size::program! {
    (baseline: f32, inputs: &ScoreInputs<'_>, grad: &mut [f32]) -> Result<()> {
        Reinforce { baseline }.gradient(&Portable, *inputs, grad)
    }
}
