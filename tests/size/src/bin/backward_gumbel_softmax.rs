//! The backward pass of GumbelSoftmax, at any temperature, with any number of draws.
#![no_std]
#![no_main]

use reinmax_core::{Estimator, GradientInputs, GumbelSoftmax, Portable, Result};

size::program! {
    (tau: f32, inputs: &GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        GumbelSoftmax { tau }.backward(&Portable, *inputs, grad)
    }
}
