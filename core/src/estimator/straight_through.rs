//! Straight-Through: treat the sample as if it were its (tempered) probabilities.
//!
//! ```text
//! grad = J(q) g / tau,   q = softmax(l / tau),   J(q) g = q * (g - <q, g>)
//! ```
//!
//! Bengio, Leonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for Conditional
//! Computation" (arXiv 1308.3432). Bias: terms in second and higher derivatives of the loss; none where it is linear in
//! each sample, at tau = 1. Cost: O(k), no exponential at tau = 1. The gradient does not depend on the draw except
//! through g. Useful tau: 1 and above.

use super::{Estimator, GradientInputs};
use crate::kernel::direction::{Direction, dot};
use crate::kernel::exp::exp_nonpositive;
use crate::kernel::gradient::{AddGradient, Formula, Group};
use crate::kernel::lanes::Lanes;
use crate::kernel::softmax::{add_jacobian_product, row_exp_scaled, row_max};
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
            backend.add_st_gradient(AddGradient { formula: StTau1Formula, inputs, grad });
        } else {
            backend.add_tempered_st_gradient(AddGradient {
                formula: StFormula { inverse_tau: 1.0 / self.tau },
                inputs,
                grad,
            });
        }
        Ok(())
    }
}

/// tau = 1: q is the softmax at hand.
#[derive(Clone, Copy)]
pub struct StTau1Formula;

impl Formula for StTau1Formula {
    const LOGITS: bool = false;
    const ONE_BODY: bool = true;
    #[inline(always)]
    fn add<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, grad: &mut [f32]) {
        add_jacobian_product::<L, D>(group.probs, group.upstream, 1.0, grad);
    }
}

/// J(softmax(logits / tau)) g / tau.
#[derive(Clone, Copy)]
pub struct StFormula {
    inverse_tau: f32,
}

impl Formula for StFormula {
    const LOGITS: bool = true;
    const USES_SCRATCH: bool = true;
    const BY_CATEGORIES: bool = true;
    const ONE_BODY: bool = true;
    #[inline(always)]
    fn add<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, grad: &mut [f32]) {
        add_tempered::<L, D, false>(group.logits, group.upstream, self.inverse_tau, &mut [], grad);
    }
    #[inline(always)]
    fn add_with<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, scratch: &mut [f32], grad: &mut [f32]) {
        add_tempered::<L, D, true>(group.logits, group.upstream, self.inverse_tau, scratch, grad);
    }
}

/// `grad += J(q) g / tau`, q = softmax(values / tau), for each lane's row. With `KEPT`, `scratch` is as long as
/// `values`.
#[inline(always)]
pub(super) fn add_tempered<L: Lanes, D: Direction<L>, const KEPT: bool>(
    values: &[f32],
    upstream: &[f32],
    inverse_tau: f32,
    scratch: &mut [f32],
    grad: &mut [f32],
) {
    let tempered = TemperedSoftmax::<L, KEPT>::new::<D>(values, upstream, inverse_tau, scratch);
    let scale = L::splat(inverse_tau);
    let operands = values.chunks(L::N).zip(upstream.chunks(L::N));
    for (step, ((x, g), grad)) in operands.zip(grad.chunks_mut(L::N)).enumerate() {
        let q = tempered.probs(x, step);
        (L::load(grad) + q * (L::load(g) - tempered.mean_upstream) * scale).store(grad);
    }
}

/// softmax(l / tau) of each lane's row: one pass finds the normaliser and <q, g>, later passes call
/// [`TemperedSoftmax::probs`]. Exponentials are kept in scratch memory, or computed again without `KEPT`.
#[derive(Clone, Copy)]
pub(super) struct TemperedSoftmax<'a, L, const KEPT: bool> {
    max: L,
    inverse_tau: L,
    inverse_sum: L,
    /// <q, g>.
    pub(super) mean_upstream: L,
    kept: &'a [f32],
}

impl<'a, L: Lanes, const KEPT: bool> TemperedSoftmax<'a, L, KEPT> {
    /// With `KEPT`, `scratch` is as long as `logits`.
    #[inline(always)]
    pub(super) fn new<D: Direction<L>>(
        logits: &[f32],
        upstream: &[f32],
        inverse_tau: f32,
        scratch: &'a mut [f32],
    ) -> Self {
        let max = row_max::<L, D>(logits);
        if KEPT {
            let sum = row_exp_scaled::<L, D>(logits, max, inverse_tau, scratch);
            let inverse_sum = D::reciprocal(sum);
            let mean_upstream = dot::<L, D>(scratch, upstream) * inverse_sum;
            return TemperedSoftmax {
                max,
                inverse_tau: L::splat(inverse_tau),
                inverse_sum,
                mean_upstream,
                kept: scratch,
            };
        }
        let inverse_tau = L::splat(inverse_tau);
        let (mut sum, mut weighted) = (D::zero(logits.len()), D::zero(logits.len()));
        for (step, (x, g)) in logits.chunks(L::N).zip(upstream.chunks(L::N)).enumerate() {
            let e = exp_nonpositive((L::load_or(x, f32::NEG_INFINITY) - max) * inverse_tau);
            D::add(&mut sum, step, e);
            D::add(&mut weighted, step, e * L::load(g));
        }
        let inverse_sum = D::reciprocal(D::total(sum));
        let mean_upstream = D::total(weighted) * inverse_sum;
        TemperedSoftmax { max, inverse_tau, inverse_sum, mean_upstream, kept: scratch }
    }

    /// q for the categories of step `step`, whose logits are `x`.
    #[inline(always)]
    pub(super) fn probs(&self, x: &[f32], step: usize) -> L {
        let e = if KEPT {
            L::load(self.kept.get(step * L::N..).unwrap_or(&[]))
        } else {
            exp_nonpositive((L::load(x) - self.max) * self.inverse_tau)
        };
        e * self.inverse_sum
    }
}
