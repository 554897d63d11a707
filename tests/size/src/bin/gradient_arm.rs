//! The gradient of ARM.
#![no_std]
#![no_main]

use reinmax_core::{Portable, Result, ScoreEstimator, ScoreInputs};

size::program! {
    (uniforms: &[f32], inputs: &ScoreInputs<'_>, grad: &mut [f32]) -> Result<()> {
        reinmax_core::Arm { uniforms }.gradient(&Portable, *inputs, grad)
    }
}
