//! Straight-Through: treat the sample as if it were its (tempered) probabilities.
//!
//! ```text
//! grad = J(q) g / tau,   q = softmax(l / tau),   J(q) g = q * (g - <q, g>)
//! ```
//!
//! Bengio, Leonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for Conditional
//! Computation" (arXiv 1308.3432). Bias: first order; exact for losses linear in each sample at tau = 1. Cost: O(k), no
//! exponential at tau = 1. The gradient does not depend on the draw except through g. Useful tau: 1 and above.

use super::{Estimator, GradientInputs};
use crate::kernel::draws::{AddGradient, Formula, Group};
use crate::kernel::exp::exp_nonpositive;
use crate::kernel::lanes::Lanes;
use crate::kernel::rows::Direction;
use crate::kernel::softmax::{add_jacobian_product, row_max};
use crate::{Backend, Result};

/// The Straight-Through estimator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StraightThrough {
    /// Temperature of the backward pass.
    pub tau: f32,
}

default_tau_of_one!(StraightThrough);

impl Estimator for StraightThrough {
    const NAME: &'static str = "straight_through";

    configured_by_tau!();

    fn backward<B: Backend>(&self, backend: &B, inputs: GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        self.check()?;
        inputs.check(0, grad.len())?;
        if self.tau == 1.0 {
            backend.run(AddGradient { formula: FromProbs, inputs, grad });
        } else {
            backend.run(AddGradient { formula: Tempered { inverse_tau: 1.0 / self.tau }, inputs, grad });
        }
        Ok(())
    }
}

/// tau = 1: q is the softmax at hand.
#[derive(Clone, Copy)]
struct FromProbs;

impl Formula for FromProbs {
    const LOGITS: bool = false;
    #[inline(always)]
    fn add<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, grad: &mut [f32]) {
        add_jacobian_product::<L, D>(group.probs, group.upstream, 1.0, grad);
    }
}

#[derive(Clone, Copy)]
struct Tempered {
    inverse_tau: f32,
}

impl Formula for Tempered {
    const LOGITS: bool = true;
    #[inline(always)]
    fn add<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, grad: &mut [f32]) {
        let tempered = TemperedSoftmax::new::<D>(group.logits, group.upstream, self.inverse_tau);
        let scale = L::splat(self.inverse_tau);
        for ((x, g), grad) in group.logits.chunks(L::N).zip(group.upstream.chunks(L::N)).zip(grad.chunks_mut(L::N)) {
            let q = tempered.probs(L::load(x));
            (L::load(grad) + q * (L::load(g) - tempered.mean_upstream) * scale).store(grad);
        }
    }
}

/// softmax(l / tau) of each lane's row, recomputed element by element so that no row-sized buffer is needed: one
/// pass finds the normaliser and <q, g>, later passes call [`TemperedSoftmax::probs`].
#[derive(Clone, Copy)]
pub(super) struct TemperedSoftmax<L> {
    max: L,
    inverse_tau: L,
    inverse_sum: L,
    /// <q, g>.
    pub(super) mean_upstream: L,
}

impl<L: Lanes> TemperedSoftmax<L> {
    #[inline(always)]
    pub(super) fn new<D: Direction<L>>(logits: &[f32], upstream: &[f32], inverse_tau: f32) -> Self {
        let max = row_max::<L, D>(logits);
        let inverse_tau = L::splat(inverse_tau);
        let (mut sum, mut weighted) = (D::zero(), D::zero());
        for (step, (x, g)) in logits.chunks(L::N).zip(upstream.chunks(L::N)).enumerate() {
            let e = exp_nonpositive((L::load_or(x, f32::NEG_INFINITY) - max) * inverse_tau);
            D::add(&mut sum, step, e);
            D::add(&mut weighted, step, e * L::load(g));
        }
        let inverse_sum = L::splat(1.0) / D::total(sum);
        TemperedSoftmax { max, inverse_tau, inverse_sum, mean_upstream: D::total(weighted) * inverse_sum }
    }

    /// q for the categories whose logits are `x`.
    #[inline(always)]
    pub(super) fn probs(&self, x: L) -> L {
        exp_nonpositive((x - self.max) * self.inverse_tau) * self.inverse_sum
    }
}
