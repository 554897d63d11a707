//! Optimisers: configuration in `self`, state in the caller's slices, arithmetic as PyTorch defines it.
//!
//! Parameters are one slab, so a step is one loop. `step` counts from 1 and belongs to the caller, with the state a
//! part of a checkpoint. A learning-rate schedule is a function of the same step: see [`Schedule`].
//!
//! ```
//! use reinmax_core::optim::{Adam, Optimizer};
//! let (mut params, grads, mut state) = ([1.0_f32], [0.5], [0.0; 2]);
//! Adam::new(1e-3).step(1, &mut params, &grads, &mut state)?;
//! assert!((params[0] - 0.999).abs() < 1e-6);
//! # Ok::<(), reinmax_core::Error>(())
//! ```

mod adam;
mod clip;
mod radam;
mod schedule;
mod sgd;
mod two_floats;
mod update;

pub use adam::Adam;
pub use clip::{clip_by_value, clip_norm};
pub use radam::RAdam;
pub use schedule::{Schedule, StepDecay, Warmup};
pub use sgd::Sgd;

use crate::check::{at_least_zero, check_len, require};
use crate::{Argument, Backend, Portable, Result};
use two_floats::TwoFloats;

/// One update rule.
pub trait Optimizer: Copy {
    /// Its name in tables and on the command line.
    const NAME: &'static str;

    /// How many floats of state `params` parameters need; zeros to begin with.
    fn state_len(params: usize) -> usize;

    /// The learning rate.
    fn lr(&self) -> f32;

    /// The same rule with another learning rate: where a [`Schedule`] comes in.
    fn with_lr(self, lr: f32) -> Self;

    /// Updates `params` in place. `step` counts from 1.
    ///
    /// # Errors
    /// [`crate::Error::Length`] where `grads` or `state` do not fit `params`, [`crate::Error::Value`] for a coefficient
    /// out of its range or step 0. Nothing has been changed then.
    fn step(&self, step: u32, params: &mut [f32], grads: &[f32], state: &mut [f32]) -> Result<()> {
        self.step_on(&Portable, step, params, grads, state)
    }

    /// [`Optimizer::step`] on a backend's lanes and threads; the bits are the same. It pays from thousands of
    /// parameters on.
    ///
    /// # Errors
    /// As [`Optimizer::step`].
    fn step_on<B: Backend>(
        &self,
        backend: &B,
        step: u32,
        params: &mut [f32],
        grads: &[f32],
        state: &mut [f32],
    ) -> Result<()>;
}

/// Refuses what no optimiser accepts.
fn check(lr: f32, step: u32, lengths: [(Argument, usize, usize); 2]) -> Result<()> {
    require(at_least_zero(lr), Argument::LearningRate, 0)?;
    require(step > 0, Argument::Step, 0)?;
    for (argument, got, expected) in lengths {
        check_len(argument, got, expected)?;
    }
    Ok(())
}

/// 1 - beta^step: how much of a moment is gradients, and not the zero that it began with.
fn bias_correction(beta: f32, step: u32) -> TwoFloats {
    TwoFloats::ONE.minus(TwoFloats::new(beta).power(step))
}
