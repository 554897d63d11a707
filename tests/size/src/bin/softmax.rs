//! softmax of rows of any length.
#![no_std]
#![no_main]

use reinmax_core::{Portable, Result, categorical};

size::program! {
    (logits: &[f32], k: usize, tau: f32, probs: &mut [f32]) -> Result<()> {
        categorical::softmax(&Portable, logits, k, tau, probs)
    }
}
