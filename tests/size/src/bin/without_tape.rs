//! softmax, draws and the backward pass of ReinMax at temperature 1, one draw for each row: for a runtime with an
//! autodiff of its own.
#![no_std]
#![no_main]

use reinmax_core::{Estimator, GradientInputs, Noise, Portable, ReinMax, Result, Stream, categorical};

size::program! {
    (logits: &[f32], k: usize, seed: u64, upstream: &[f32], probs: &mut [f32], index: &mut [u32], grad: &mut [f32]) -> Result<()> {
        categorical::softmax(&Portable, logits, k, 1.0, probs)?;
        categorical::draw(&Portable, probs, k, 1, Noise::stream(&Stream::new(seed, 0), 0), index)?;
        let inputs = GradientInputs { logits, probs, index, saved: &[], upstream, k, draws: 1, column: None };
        ReinMax { tau: 1.0 }.backward(&Portable, inputs, grad)
    }
}
