//! The gradient of DisARM.
#![no_std]
#![no_main]

use reinmax_core::{Portable, Result, ScoreEstimator, ScoreInputs};

size::program! {
    ( inputs: &ScoreInputs<'_>, grad: &mut [f32]) -> Result<()> {
        reinmax_core::DisArm.gradient(&Portable, *inputs, grad)
    }
}
