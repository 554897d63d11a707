//! Steps of Sgd.
#![no_std]
#![no_main]

use reinmax_core::Result;
use reinmax_core::optim::{Optimizer, Sgd};

size::program! {
    (optimizer: &Sgd, step: u32, params: &mut [f32], grads: &[f32], state: &mut [f32]) -> Result<()> {
        optimizer.step(step, params, grads, state)
    }
}
