//! Gapped Straight-Through: a relaxed sample without noise, made consistent with the draw by a gap in the logits.
//!
//! ```text
//! grad = J(softmax(l' / tau)) g / tau,   m = max l,   l'_D = m,   l'_i = l_i - relu(l_i - m + gap) = min(l_i, m - gap)
//! gap constant (1 in the paper), or adaptive: -ln(1 - pi) / pi,   pi = p_D (1 - 1e-5)
//! ```
//!
//! Fan, Zhang, Wang and Xing, "Training Discrete Deep Generative Models via Gapped Straight-Through Estimator" (arXiv
//! 2206.07235). Bias: it depends on the gap. Variance: there is no noise besides the draw, which often, not always,
//! leaves less than Gumbel-Softmax has. Cost: O(k), two exponentials an element, one where there is scratch memory
//! (SIMD, k <= 1024). Useful tau: 0.5 to 1.

use super::{Estimator, GradientInputs, MAX_CATEGORIES};
use crate::check::{
    at_least_zero, check_categories, check_draws, check_indices, check_len, check_rows, check_tau, product, require,
};
use crate::kernel::SHORT;
use crate::kernel::direction::{Across, Along, Direction};
use crate::kernel::exp::{exp_nonpositive, ln};
use crate::kernel::gradient::{AddGradient, Formula, Group};
use crate::kernel::lanes::{Lanes, Scalar};
use crate::kernel::rows::{rows, rows_mut};
use crate::kernel::softmax::row_max;
use crate::{Argument, Backend, Kernel, Result};

/// How far below the drawn category the others are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gap {
    /// The same for every draw, at least 0.
    Constant(f32),
    /// From 1 for an improbable draw up to 11.5 for a certain one.
    Adaptive,
}

/// The Gapped Straight-Through estimator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GappedSt {
    /// Temperature of the relaxed sample.
    pub tau: f32,
    /// The gap.
    pub gap: Gap,
}

impl Default for GappedSt {
    fn default() -> Self {
        GappedSt { tau: 1.0, gap: Gap::Constant(1.0) }
    }
}

impl Estimator for GappedSt {
    const NAME: &'static str = "gapped_st";

    fn check(&self) -> Result<()> {
        check_tau(self.tau)?;
        match self.gap {
            Gap::Constant(gap) => require(at_least_zero(gap), Argument::Gap, 0),
            Gap::Adaptive => Ok(()),
        }
    }

    fn to_config(self) -> [f32; 4] {
        // No constant gap is negative.
        let gap = match self.gap {
            Gap::Constant(gap) => gap,
            Gap::Adaptive => -1.0,
        };
        [self.tau, gap, 0.0, 0.0]
    }

    fn from_config([tau, gap, ..]: [f32; 4]) -> Self {
        GappedSt { tau, gap: if gap < 0.0 { Gap::Adaptive } else { Gap::Constant(gap) } }
    }

    fn backward<B: Backend>(&self, backend: &B, inputs: GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        self.check()?;
        inputs.check(0, grad.len())?;
        backend.add_gapped_st_gradient(AddGradient {
            formula: GappedStFormula { inverse_tau: 1.0 / self.tau, gap: self.gap },
            inputs,
            grad,
        });
        Ok(())
    }
}

impl GappedSt {
    /// The relaxed sample softmax(l' / tau) of each draw, (rows * draws) x k, by the formula on top: no noise. The
    /// upstream gradient and what was saved are not read.
    ///
    /// # Errors
    /// As [`Estimator::backward`].
    pub fn relaxed<B: Backend>(&self, backend: &B, inputs: GradientInputs<'_>, out: &mut [f32]) -> Result<()> {
        self.check()?;
        let GradientInputs { logits, probs, index, k, draws, .. } = inputs;
        let rows = check_rows(Argument::Logits, logits.len(), k)?;
        check_categories(k, MAX_CATEGORIES)?;
        check_draws(draws)?;
        check_len(Argument::Probs, probs.len(), logits.len())?;
        check_len(Argument::Index, index.len(), product(rows, draws)?)?;
        check_len(Argument::Output, out.len(), product(index.len(), k)?)?;
        check_indices(index, k)?;
        backend.run(Relax { formula: GappedStFormula { inverse_tau: 1.0 / self.tau, gap: self.gap }, inputs, out });
        Ok(())
    }
}

/// Relaxed samples, draw after draw. Lengths have been checked.
struct Relax<'a> {
    formula: GappedStFormula,
    inputs: GradientInputs<'a>,
    out: &'a mut [f32],
}

impl Kernel for Relax<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Relax { formula, inputs, out } = self;
        let GradientInputs { logits, probs, index, k, draws, .. } = inputs;
        let mut of_draws = rows_mut(out, k).zip(index);
        for (logits, probs) in rows(logits, k).zip(rows(probs, k)) {
            for (out, index) in of_draws.by_ref().take(draws) {
                if k > SHORT {
                    formula.relax::<L, Along>(logits, probs, L::splat(*index as f32), out);
                } else {
                    formula.relax::<Scalar, Across>(logits, probs, Scalar::splat(*index as f32), out);
                }
            }
        }
    }
}

/// J(gapped softmax) g / tau.
#[derive(Clone, Copy)]
pub struct GappedStFormula {
    inverse_tau: f32,
    gap: Gap,
}

/// -ln(1 - pi) / pi, 1 where pi vanishes. One rounded `tail` = 1 - pi in both places: the quotient is smooth in it, so
/// its rounding does no harm.
#[inline(always)]
fn adaptive_gap<L: Lanes>(p: L) -> L {
    let one = L::splat(1.0);
    let tail = (one - p).max(L::splat(0.0)) + p * L::splat(1e-5);
    let pi = one - tail;
    L::select_lt(L::splat(0.0), pi, ln(tail).neg() / pi, one)
}

/// The gapped logits of each lane's draw: everything but the logits themselves.
#[derive(Clone, Copy)]
struct Weights<L> {
    index: L,
    max: L,
    /// What l_i - m is at most, besides the drawn category's.
    ceiling: L,
    inverse_tau: L,
}

impl<L: Lanes> Weights<L> {
    /// exp((l'_i - m) / tau) for the categories of step `step`, whose logits are `x`: 1 for the drawn one. Lanes beyond
    /// the row's end hold 0: no drawn index reaches them.
    #[inline(always)]
    fn at<D: Direction<L>>(&self, x: &[f32], step: usize) -> L {
        let below = L::load_or(x, f32::NEG_INFINITY) - self.max;
        let gapped = L::select_lt(below, self.ceiling, below, self.ceiling);
        L::select_eq(self.index, D::category(step), L::splat(1.0), exp_nonpositive(gapped * self.inverse_tau))
    }
}

impl GappedStFormula {
    #[inline(always)]
    fn weights<L: Lanes, D: Direction<L>>(self, logits: &[f32], probs: &[f32], index: L) -> Weights<L> {
        let gap = match self.gap {
            Gap::Constant(gap) => L::splat(gap),
            Gap::Adaptive => adaptive_gap(D::pick(probs, index)),
        };
        Weights { index, max: row_max::<L, D>(logits), ceiling: gap.neg(), inverse_tau: L::splat(self.inverse_tau) }
    }

    #[inline(always)]
    fn relax<L: Lanes, D: Direction<L>>(self, logits: &[f32], probs: &[f32], index: L, out: &mut [f32]) {
        let weights = self.weights::<L, D>(logits, probs, index);
        let mut sum = D::zero(logits.len());
        for (step, (x, out)) in logits.chunks(L::N).zip(out.chunks_mut(L::N)).enumerate() {
            let w = weights.at::<D>(x, step);
            D::add(&mut sum, step, w);
            w.store(out);
        }
        let inverse_sum = D::reciprocal(D::total(sum));
        for out in out.chunks_mut(L::N) {
            (L::load(out) * inverse_sum).store(out);
        }
    }
}

/// Keeps the next `len` numbers for a second pass in the memory that is left, where there is some.
#[inline(always)]
fn keep<L: Lanes>(left: &mut &mut [f32], len: usize, x: L) {
    let (slot, tail) = core::mem::take(left).split_at_mut_checked(len).unwrap_or_default();
    x.store(slot);
    *left = tail;
}

impl Formula for GappedStFormula {
    const LOGITS: bool = true;
    const USES_SCRATCH: bool = true;
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

impl GappedStFormula {
    /// With `KEPT`, `scratch` is as long as `grad`.
    #[inline(always)]
    fn add_kept<L: Lanes, D: Direction<L>, const KEPT: bool>(
        self,
        group: Group<'_, L>,
        scratch: &mut [f32],
        grad: &mut [f32],
    ) {
        let weights = self.weights::<L, D>(group.logits, group.probs, group.index);
        let (mut sum, mut weighted) = (D::zero(group.logits.len()), D::zero(group.logits.len()));
        let mut rest = &mut *scratch;
        for (step, (x, g)) in group.logits.chunks(L::N).zip(group.upstream.chunks(L::N)).enumerate() {
            // Beyond the row's end min(-inf, ceiling) is -inf.
            let w = weights.at::<D>(x, step);
            D::add(&mut sum, step, w);
            D::add(&mut weighted, step, w * L::load(g));
            if KEPT {
                keep(&mut rest, x.len(), w);
            }
        }
        let inverse_sum = D::reciprocal(D::total(sum));
        let mean = D::total(weighted) * inverse_sum;
        let operands = group.logits.chunks(L::N).zip(group.upstream.chunks(L::N)).zip(grad.chunks_mut(L::N));
        for (step, ((x, g), grad)) in operands.enumerate() {
            let w = if KEPT { L::load(scratch.get(step * L::N..).unwrap_or(&[])) } else { weights.at::<D>(x, step) };
            (L::load(grad) + w * inverse_sum * (L::load(g) - mean) * weights.inverse_tau).store(grad);
        }
    }
}
