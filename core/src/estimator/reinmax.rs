//! ReinMax: second-order accurate, at the cost of Straight-Through.
//!
//! ```text
//! grad = 2 J(pi) g - J(p) g / 2,   pi = (q + e) / 2,   q = softmax(l / tau),   p = softmax(l)
//! tau = 1:  grad = [p * (g - g_D) + e_D (g_D - <p, g>)] / 2
//! ```
//!
//! e is the one-hot sample, D its category, J(p) g = p * (g - <p, g>). Liu, Dong, Liu, Yu and Gao, "Bridging Discrete
//! and Backpropagation: Straight-Through and Beyond" (arXiv 2304.08612): Heun's method where Straight-Through is
//! Euler's. Bias: terms in third and higher derivatives of the loss; none where it is of degree up to 2 in each sample,
//! at tau = 1. It is not always less biased than Straight-Through. Cost: O(k), no exponential at tau = 1. Useful tau: 1
//! to 1.5; above 1 there is a bias on quadratic losses too, mostly with less variance. There is no factor 1 / tau, as
//! in the authors' definition.

use super::straight_through::TemperedSoftmax;
use super::{Estimator, GradientInputs};
use crate::kernel::direction::{Direction, dot};
use crate::kernel::gradient::{AddGradient, Formula, Group};
use crate::kernel::lanes::Lanes;
use crate::{Backend, Result};

/// The ReinMax estimator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReinMax {
    /// Temperature of q, at least 1 to be useful.
    pub tau: f32,
}

default_tau_of_one!(ReinMax);

impl Estimator for ReinMax {
    const NAME: &'static str = "reinmax";

    configured_by_tau!();

    fn backward<B: Backend>(&self, backend: &B, inputs: GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        self.check()?;
        inputs.check(0, grad.len())?;
        if self.tau == 1.0 {
            backend.add_reinmax_gradient(AddGradient { formula: ReinMaxTau1Formula, inputs, grad });
        } else {
            backend.add_tempered_reinmax_gradient(AddGradient {
                formula: ReinMaxFormula { inverse_tau: 1.0 / self.tau },
                inputs,
                grad,
            });
        }
        Ok(())
    }
}

/// [`ReinMax`] at temperature 1, as a type of its own: a tape's backward pass learns a temperature only as it runs, and
/// so links what others need. The bits are those of `ReinMax { tau: 1.0 }`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReinMaxTau1;

impl Estimator for ReinMaxTau1 {
    const NAME: &'static str = "reinmax";

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn to_config(self) -> [f32; 4] {
        [1.0, 0.0, 0.0, 0.0]
    }

    fn from_config(_: [f32; 4]) -> Self {
        ReinMaxTau1
    }

    fn backward<B: Backend>(&self, backend: &B, inputs: GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        inputs.check(0, grad.len())?;
        backend.add_reinmax_gradient(AddGradient { formula: ReinMaxTau1Formula, inputs, grad });
        Ok(())
    }
}

/// tau = 1: one reduction, no exponential.
#[derive(Clone, Copy)]
pub struct ReinMaxTau1Formula;

impl Formula for ReinMaxTau1Formula {
    const LOGITS: bool = false;
    const ONE_BODY: bool = true;
    #[inline(always)]
    fn add<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, grad: &mut [f32]) {
        let mean = dot::<L, D>(group.probs, group.upstream);
        let drawn = D::pick(group.upstream, group.index);
        let (half, zero) = (L::splat(0.5), L::splat(0.0));
        let at_draw = drawn - mean;
        for (step, ((p, g), grad)) in
            group.probs.chunks(L::N).zip(group.upstream.chunks(L::N)).zip(grad.chunks_mut(L::N)).enumerate()
        {
            let e = L::select_eq(group.index, D::category(step), at_draw, zero);
            let product = L::load(p) * (L::load(g) - drawn) + e;
            (L::load(grad) + half * product).store(grad);
        }
    }
}

/// The formula at any tau.
#[derive(Clone, Copy)]
pub struct ReinMaxFormula {
    inverse_tau: f32,
}

impl Formula for ReinMaxFormula {
    const LOGITS: bool = true;
    const USES_SCRATCH: bool = true;
    const BY_CATEGORIES: bool = true;
    const ONE_BODY: bool = true;
    #[inline(always)]
    fn add<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, grad: &mut [f32]) {
        self.add_kept::<L, D, false>(group, &mut [], grad);
    }
    #[inline(always)]
    fn add_with<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, scratch: &mut [f32], grad: &mut [f32]) {
        self.add_kept::<L, D, true>(group, scratch, grad);
    }
}

impl ReinMaxFormula {
    /// With `KEPT`, `scratch` is as long as `grad`.
    #[inline(always)]
    fn add_kept<L: Lanes, D: Direction<L>, const KEPT: bool>(
        self,
        group: Group<'_, L>,
        scratch: &mut [f32],
        grad: &mut [f32],
    ) {
        let mean = dot::<L, D>(group.probs, group.upstream);
        let drawn = D::pick(group.upstream, group.index);
        let q = TemperedSoftmax::<L, KEPT>::new::<D>(group.logits, group.upstream, self.inverse_tau, scratch);
        let (half, one, zero) = (L::splat(0.5), L::splat(1.0), L::splat(0.0));
        // <pi, g>
        let midpoint = half * (q.mean_upstream + drawn);
        let operands = group.logits.chunks(L::N).zip(group.probs.chunks(L::N)).zip(group.upstream.chunks(L::N));
        for (step, (((x, p), g), grad)) in operands.zip(grad.chunks_mut(L::N)).enumerate() {
            let g = L::load(g);
            let e = L::select_eq(group.index, D::category(step), one, zero);
            let twice_pi = q.probs(x, step) + e;
            let product = twice_pi * (g - midpoint) - half * (L::load(p) * (g - mean));
            (L::load(grad) + product).store(grad);
        }
    }
}
