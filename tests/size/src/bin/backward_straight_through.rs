//! The backward pass of StraightThrough, at any temperature, with any number of draws.
#![no_std]
#![no_main]

use reinmax_core::{Estimator, GradientInputs, Portable, Result, StraightThrough};

size::program! {
    (tau: f32, inputs: &GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        StraightThrough { tau }.backward(&Portable, *inputs, grad)
    }
}
