//! Draws of GumbelSoftmax, from a stream, uniforms or forced.
#![no_std]
#![no_main]

use reinmax_core::{DrawInputs, Estimator, GumbelSoftmax, Portable, Result};

size::program! {
    (tau: f32, inputs: &DrawInputs<'_>, index: &mut [u32], saved: &mut [f32]) -> Result<()> {
        GumbelSoftmax { tau }.draw(&Portable, *inputs, index, saved)
    }
}
