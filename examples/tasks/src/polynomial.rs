//! The polynomial task: L binary variables, loss mean over l of |X_l - 0.45|^2, X_l the first component of variable l's
//! one-hot vector (section 4.1 of arXiv 2304.08612). ReinMax and squares, or what [`Run::record`] is told; Adam.
//!
//! A batch is accumulated sample by sample, so its size costs no memory. `examples/c/polynomial.c` does the same
//! through the C interface, operation by operation.

use reinmax_core::optim::{Adam, Optimizer};
use reinmax_core::{Backend, Draws, Mark, ReinMaxTau1, Result, Shape, Stream, Tape, Var};

/// What the variables are to come near to.
pub const CENTRE: f32 = 0.45;
/// Samples in a batch.
pub const BATCH: u32 = 8;
/// What a target's expected losses hold.
pub const STEPS: u32 = 100;
/// Nodes that the tape needs.
pub const NODES: usize = 7;

/// The slab of values needs this many floats, and so does that of gradients.
pub const fn floats(latents: usize) -> usize {
    7 * latents + 2
}

/// The optimiser's state needs this many floats.
pub const fn state(latents: usize) -> usize {
    4 * latents
}

/// The task on a tape, between two steps.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    start: Mark,
    loss: Var,
    steps: u32,
}

impl Run {
    /// Records the loss with |x|^`power`. `sample` records column 0 of one draw for each row, from logits and
    /// probabilities, with the estimator of its choice. Draws come from sequence 1 of seed 7, parameters begin with
    /// sequence 0. `state` is the optimiser's, [`state`] floats.
    ///
    /// # Errors
    /// [`reinmax_core::Error::Full`] and [`reinmax_core::Error::Length`] for memory that is too small, and
    /// [`reinmax_core::Error::Value`] for a power or a configuration that the estimator refuses.
    pub fn record<'m, B: Backend>(
        tape: &mut Tape<'m, B>,
        latents: u32,
        power: f32,
        state: &mut [f32],
        sample: impl FnOnce(&mut Tape<'m, B>, Var, Var) -> Result<Var>,
    ) -> Result<Self> {
        // The state's memory holds the initial logits for a moment: uniform in (-0.01, 0.01).
        let initial = state.get_mut(..2 * latents as usize).unwrap_or_default();
        Stream::new(7, 0).fill_uniforms(0, initial);
        for x in initial.iter_mut() {
            *x = *x * 0.02 - 0.01;
        }
        tape.seed(7, 1);
        let logits = tape.param(Shape::new(latents, 2), initial)?;
        state.fill(0.0);

        let start = tape.mark();
        let probs = tape.softmax(logits)?;
        let x = sample(tape, logits, probs)?;
        let distance = tape.affine(x, 1.0, -CENTRE)?;
        let powers = tape.abs_pow(distance, power)?;
        let mean = tape.mean(powers)?;
        let loss = tape.affine(mean, 1.0 / BATCH as f32, 0.0)?;
        // Recording has drawn once; training starts from the first number again.
        tape.set_cursor(0);
        Ok(Run { start, loss, steps: 0 })
    }

    /// One step on the tape of [`Run::record`]: a batch, then Adam. Returns the batch's loss.
    ///
    /// # Errors
    /// [`reinmax_core::Error::Length`] for another length of `state`, [`reinmax_core::Error::Stale`] for another tape.
    pub fn step<B: Backend>(&mut self, tape: &mut Tape<'_, B>, state: &mut [f32]) -> Result<f32> {
        tape.zero_grad()?;
        let mut total = 0.0;
        for _ in 0..BATCH {
            tape.replay(self.start, Draws::Stream)?;
            tape.backward(self.loss)?;
            total += tape.value(self.loss)?.first().copied().unwrap_or(f32::NAN);
        }
        self.steps += 1;
        let (params, grads) = tape.params_and_grads();
        Adam::new(0.05).step(self.steps, params, grads, state)?;
        Ok(total)
    }
}

/// Trains with ReinMax and squares for `steps` steps and hands the loss of each to `report`.
///
/// # Errors
/// Those of [`Run::record`].
pub fn train<B: Backend>(
    tape: &mut Tape<'_, B>,
    latents: u32,
    steps: u32,
    state: &mut [f32],
    mut report: impl FnMut(f32),
) -> Result<()> {
    let mut run = Run::record(tape, latents, 2.0, state, |tape, logits, probs| {
        tape.sample_short_column(ReinMaxTau1, logits, probs, 1, 0, Draws::Stream)
    })?;
    for _ in 0..steps {
        report(run.step(tape, state)?);
    }
    Ok(())
}
