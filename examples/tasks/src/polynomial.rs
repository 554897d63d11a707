//! The polynomial task: L binary variables, loss mean over l of |X_l - 0.45|^2, X_l the first component of variable l's one-hot
//! vector (section 4.1 of arXiv 2304.08612). ReinMax, Adam.
//!
//! A batch is accumulated sample by sample, so its size costs no memory. `examples/c/polynomial.c` does the same through
//! the C interface, operation by operation.

use reinmax_core::optim::{Adam, Optimizer};
use reinmax_core::{Backend, Draws, Result, Shape, Stream, Tape, UntemperedReinMax};

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

/// Trains for `steps` steps and hands the loss of each to `report`. Draws come from sequence 1 of seed 7, parameters begin
/// with sequence 0.
///
/// # Errors
/// [`reinmax_core::Error::Full`] and [`reinmax_core::Error::Length`] for memory that is too small.
pub fn train<B: Backend>(
    tape: &mut Tape<'_, B>,
    latents: u32,
    steps: u32,
    state: &mut [f32],
    mut report: impl FnMut(f32),
) -> Result<()> {
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
    let x = tape.sample_short_column(UntemperedReinMax, logits, probs, 1, 0, Draws::Stream)?;
    let distance = tape.affine(x, 1.0, -0.45)?;
    let square = tape.abs_pow(distance, 2.0)?;
    let mean = tape.mean(square)?;
    let loss = tape.affine(mean, 1.0 / BATCH as f32, 0.0)?;
    // Recording has drawn once; training starts from the first number again.
    tape.set_cursor(0);

    let adam = Adam::new(0.05);
    for step in 1..=steps {
        tape.zero_grad()?;
        let mut total = 0.0;
        for _ in 0..BATCH {
            tape.replay(start, Draws::Stream)?;
            tape.backward(loss)?;
            total += tape.value(loss)?.first().copied().unwrap_or(f32::NAN);
        }
        let (params, grads) = tape.params_and_grads();
        adam.step(step, params, grads, state)?;
        report(total);
    }
    Ok(())
}
