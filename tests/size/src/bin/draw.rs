//! Draws from a stream, any number for each row.
#![no_std]
#![no_main]

use reinmax_core::{Noise, Portable, Result, Stream, categorical};

size::program! {
    (probs: &[f32], k: usize, draws: usize, seed: u64, index: &mut [u32]) -> Result<()> {
        categorical::draw(&Portable, probs, k, draws, Noise::stream(&Stream::new(seed, 0), 0), index)
    }
}
