//! REINFORCE: the score-function estimator, unbiased for any loss.
//!
//! ```text
//! grad = (f - baseline) (e - p)
//! ```
//!
//! Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning" (1992). Bias:
//! none, for any baseline that does not depend on the draw. Variance: high; it grows with the number of variables that
//! share a loss. Cost: O(k), one loss for each draw, no upstream gradient.

use super::{ScoreEstimator, ScoreInputs};
use crate::check::{check_draws, check_indices, check_len, check_rows, product, require};
use crate::kernel::lanes::Lanes;
use crate::kernel::rows::{rows, rows_mut};
use crate::{Argument, Backend, Kernel, Result};

/// The REINFORCE estimator.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reinforce {
    /// Subtracted from every loss.
    pub baseline: f32,
}

impl ScoreEstimator for Reinforce {
    const NAME: &'static str = "reinforce";

    fn gradient<B: Backend>(&self, backend: &B, inputs: ScoreInputs<'_>, grad: &mut [f32]) -> Result<()> {
        require(self.baseline.is_finite(), Argument::Baseline, 0)?;
        check_scores(&inputs, grad.len())?;
        backend.run(AddScores { inputs, baseline: Baseline::Constant(self.baseline), grad });
        Ok(())
    }
}

/// Checks lengths and indices.
pub(super) fn check_scores(inputs: &ScoreInputs<'_>, grad: usize) -> Result<()> {
    let rows = check_rows(Argument::Probs, inputs.probs.len(), inputs.k)?;
    check_draws(inputs.draws)?;
    let draws = product(rows, inputs.draws)?;
    check_len(Argument::Index, inputs.index.len(), draws)?;
    check_len(Argument::Grad, grad, inputs.probs.len())?;
    if inputs.losses.len() != inputs.draws {
        check_len(Argument::Losses, inputs.losses.len(), draws)?;
    }
    check_indices(inputs.index, inputs.k)
}

impl<'a> ScoreInputs<'a> {
    /// The losses of a row's draws: its own, or those that all rows share.
    pub(super) fn losses_of(&self, row: usize) -> &'a [f32] {
        if self.losses.len() == self.draws {
            return self.losses;
        }
        self.losses.get(row * self.draws..(row + 1) * self.draws).unwrap_or(&[])
    }
}

/// What a loss is compared with.
#[derive(Clone, Copy)]
pub(super) enum Baseline {
    /// The caller's number.
    Constant(f32),
    /// The mean loss of the row's other draws.
    LeaveOneOut,
}

impl Baseline {
    /// The baseline of a row, and the factor of the differences: f - mean of the others = (f - mean) K / (K - 1).
    fn of(self, losses: &[f32]) -> (f32, f32) {
        match self {
            Baseline::Constant(baseline) => (baseline, 1.0),
            Baseline::LeaveOneOut => {
                // The sum is of differences: that of the losses may overflow where no difference does.
                let (count, first) = (losses.len() as f32, losses.first().copied().unwrap_or(0.0));
                let sum = losses.iter().fold(0.0, |sum, f| sum + (f - first));
                (first + sum / count, count / (count - 1.0))
            }
        }
    }
}

/// `grad += sum over draws, in order, of (f - baseline) (e - p)`. Lengths have been checked.
pub(super) struct AddScores<'a> {
    pub(super) inputs: ScoreInputs<'a>,
    pub(super) baseline: Baseline,
    pub(super) grad: &'a mut [f32],
}

impl Kernel for AddScores<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let ScoreInputs { probs, index, k, draws, .. } = self.inputs;
        for (row, (p, grad)) in rows(probs, k).zip(rows_mut(self.grad, k)).enumerate() {
            let mine = row * draws..(row + 1) * draws;
            let losses = self.inputs.losses_of(row);
            let (baseline, factor) = self.baseline.of(losses);
            // e - p, weighted: the sum of weights belongs to p, each weight to its own category.
            let mut total = 0.0;
            for (index, loss) in index.get(mine).unwrap_or(&[]).iter().zip(losses) {
                let weight = (loss - baseline) * factor;
                total += weight;
                if let Some(grad) = grad.get_mut(*index as usize) {
                    *grad += weight;
                }
            }
            for (p, grad) in p.chunks(L::N).zip(grad.chunks_mut(L::N)) {
                (L::load(grad) - L::load(p) * L::splat(total)).store(grad);
            }
        }
    }
}
