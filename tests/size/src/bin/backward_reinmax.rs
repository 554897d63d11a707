//! The backward pass of ReinMax, at any temperature, with any number of draws.
#![no_std]
#![no_main]

use reinmax_core::{Estimator, GradientInputs, Portable, ReinMax, Result};

size::program! {
    (tau: f32, inputs: &GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        ReinMax { tau }.backward(&Portable, *inputs, grad)
    }
}
