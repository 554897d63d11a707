//! Relaxed samples given their argmax, averaged: what Gumbel-Rao and Rao-Blackwellised ReinMax share.
//!
//! Their noise comes from [`noise`]. With k > 16 each number is made three times (for the winner, the normaliser and
//! the sum), so memory does not grow with k or R. A category whose probability is below 2^-122 (about 84 below the
//! greatest logit) may count as masked, which shows at temperatures far above 2 alone.

mod noise;

pub use noise::Seeded;
pub(super) use noise::{SAVED, draw};

use noise::{Given, Source};

use super::GradientInputs;
use crate::check::{check_len, product, require, require_each};
use crate::kernel::SHORT;
use crate::kernel::direction::{Across, Along, Direction, dot};
use crate::kernel::exp::{exp_nonpositive, ln};
use crate::kernel::gradient::{Formula, Group};
use crate::kernel::lanes::{Lanes, Scalar, is_positive_finite};
use crate::kernel::rows::{rows, rows_mut};
use crate::{Argument, Kernel, Result};

/// Implements [`crate::Estimator`] for a type with the fields `tau` and `relaxed_samples` and a method `formula`, with
/// noise made again from keys.
macro_rules! conditional_estimator {
    ($estimator:ident, $name:literal) => {
        impl Default for $estimator {
            fn default() -> Self {
                Self { tau: 1.0, relaxed_samples: 100 }
            }
        }

        impl $estimator {
            /// [`crate::Estimator::backward`] with the caller's exponential noise: (rows * draws) x k x R numbers
            /// above 0, those of a category side by side. The draws of a row are added one after the other.
            ///
            /// # Errors
            /// As [`crate::Estimator::backward`]; [`crate::Error::Length`] or [`crate::Error::Value`] for the noise.
            pub fn backward_with_exponentials<B: $crate::Backend>(
                &self,
                backend: &B,
                inputs: $crate::GradientInputs<'_>,
                noise: &[f32],
                grad: &mut [f32],
            ) -> $crate::Result<()> {
                use $crate::estimator::conditional::{AddGiven, check_given};
                $crate::Estimator::check(self)?;
                check_given(&inputs, noise, self.relaxed_samples, grad.len())?;
                backend.run(AddGiven { formula: self.formula(()), inputs, noise, grad });
                Ok(())
            }
        }

        impl $crate::Estimator for $estimator {
            const NAME: &'static str = $name;

            fn check(&self) -> $crate::Result<()> {
                $crate::check::check_tau(self.tau)?;
                $crate::estimator::conditional::check_relaxed_samples(self.relaxed_samples)
            }

            fn to_config(self) -> [f32; 4] {
                [self.tau, self.relaxed_samples as f32, 0.0, 0.0]
            }

            fn from_config([tau, relaxed_samples, ..]: [f32; 4]) -> Self {
                Self { tau, relaxed_samples: relaxed_samples as u32 }
            }

            /// The draw's key.
            fn saved_per_draw(&self, _k: usize) -> usize {
                $crate::estimator::conditional::SAVED
            }

            fn draw<B: $crate::Backend>(
                &self,
                backend: &B,
                inputs: $crate::DrawInputs<'_>,
                index: &mut [u32],
                saved: &mut [f32],
            ) -> $crate::Result<()> {
                $crate::estimator::conditional::draw(backend, inputs, index, saved)
            }

            fn backward<B: $crate::Backend>(
                &self,
                backend: &B,
                inputs: $crate::GradientInputs<'_>,
                grad: &mut [f32],
            ) -> $crate::Result<()> {
                use $crate::estimator::conditional::{SAVED, Seeded};
                self.check()?;
                inputs.check(SAVED, grad.len())?;
                let formula = self.formula(Seeded);
                backend.add_conditional_gradient($crate::kernel::gradient::AddGradient { formula, inputs, grad });
                Ok(())
            }
        }
    };
}
pub(super) use conditional_estimator;

/// Refuses a number of relaxed samples that a configuration could not hold.
pub(super) fn check_relaxed_samples(count: u32) -> Result<()> {
    require((1..=1 << 16).contains(&count), Argument::RelaxedSamples, count as usize)
}

/// Checks lengths and the caller's noise.
pub(super) fn check_given(inputs: &GradientInputs<'_>, noise: &[f32], relaxed_samples: u32, grad: usize) -> Result<()> {
    GradientInputs { saved: &[], ..*inputs }.check(0, grad)?;
    let per_sample = product(inputs.index.len(), inputs.k)?;
    check_len(Argument::Exponentials, noise.len(), product(per_sample, relaxed_samples as usize)?)?;
    require_each(noise, is_positive_finite, Argument::Exponentials)
}

/// grad += weight * sum over r of J(y_r) g [- J(p) g / 2], y_r relaxed samples at p or, with `second_order`, at (p + e)
/// / 2.
#[derive(Clone, Copy)]
pub struct Conditional<S> {
    pub(super) source: S,
    pub(super) relaxed_samples: u32,
    pub(super) inverse_tau: f32,
    pub(super) weight: f32,
    pub(super) second_order: bool,
}

impl<S: Source> Formula for Conditional<S> {
    const LOGITS: bool = false;

    #[inline(always)]
    fn saved_per_draw(_k: usize) -> usize {
        SAVED
    }

    #[inline(always)]
    fn add<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, grad: &mut [f32]) {
        let numbers = self.source.numbers::<L, D>(group.saved);
        if self.second_order {
            let half = L::splat(-0.5);
            let mean = dot::<L, D>(group.probs, group.upstream);
            let operands = group.probs.chunks(L::N).zip(group.upstream.chunks(L::N)).zip(grad.chunks_mut(L::N));
            for ((p, g), grad) in operands {
                (L::load(grad) + half * (L::load(p) * (L::load(g) - mean))).store(grad);
            }
        }
        if D::ALONG {
            self.add_along::<L, D>(group, numbers, grad);
        } else {
            self.add_across::<L, D>(group, numbers, grad);
        }
    }
}

impl<S> Conditional<S> {
    /// exp((v_i - v_D) / tau), at most 1: the drawn category is the greatest.
    #[inline(always)]
    fn relative<L: Lanes>(&self, of_winner: L, e: L, inverse_p: L) -> L {
        let ratio = of_winner / (e * inverse_p + of_winner);
        if self.inverse_tau == 1.0 { ratio } else { exp_nonpositive(ln(ratio) * L::splat(self.inverse_tau)) }
    }

    /// What multiplies E_i: 1 / p_i, or 2 / p_i at the midpoint. Infinite for a masked category.
    #[inline(always)]
    fn inverse_probability<L: Lanes>(&self, p: L) -> L {
        L::splat(if self.second_order { 2.0 } else { 1.0 }) / p
    }

    /// Each lane a row of at most 16 categories: everything stays in registers or close to them.
    #[inline(always)]
    fn add_across<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, mut numbers: S::Numbers, grad: &mut [f32])
    where
        S: Source,
    {
        let (one, zero) = (L::splat(1.0), L::splat(0.0));
        let k = group.probs.chunks(L::N).len();
        let mut inverse_p = [zero; SHORT];
        let mut upstream = [zero; SHORT];
        let mut sums = [zero; SHORT];
        let operands = group.probs.chunks(L::N).zip(group.upstream.chunks(L::N));
        for ((inverse_p, slot), (p, g)) in inverse_p.iter_mut().zip(&mut upstream).zip(operands) {
            *inverse_p = self.inverse_probability(L::load(p));
            *slot = L::load(g);
        }
        for r in 0..self.relaxed_samples as usize {
            let mut weights = [zero; SHORT];
            let mut of_winner = one;
            for (step, w) in weights.iter_mut().take(k).enumerate() {
                *w = S::next::<L, D>(&mut numbers, r, step, k - step);
                of_winner = L::select_eq(group.index, D::category(step), *w, of_winner);
            }
            let (mut total, mut weighted) = (zero, zero);
            for (step, ((w, inverse_p), g)) in weights.iter_mut().zip(&inverse_p).zip(&upstream).take(k).enumerate() {
                let relative = self.relative(of_winner, *w, *inverse_p);
                *w = L::select_eq(group.index, D::category(step), one, relative);
                total = total + *w;
                weighted = weighted + *w * *g;
            }
            let inverse = one / total;
            let mean = weighted * inverse;
            for ((sum, w), g) in sums.iter_mut().zip(&weights).zip(&upstream).take(k) {
                *sum = *sum + *w * inverse * (*g - mean);
            }
        }
        for (sum, grad) in sums.iter().zip(grad.chunks_mut(L::N)) {
            (L::load(grad) + *sum * L::splat(self.weight)).store(grad);
        }
    }

    /// Lanes along one row: the noise of a relaxed sample is made again for each of three passes.
    #[inline(always)]
    fn add_along<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, mut numbers: S::Numbers, grad: &mut [f32])
    where
        S: Source,
    {
        let weight = L::splat(self.weight);
        let k = group.probs.len();
        for r in 0..self.relaxed_samples as usize {
            let mut search = numbers.clone();
            let mut of_winner = L::splat(0.0);
            for step in 0..group.probs.chunks(L::N).len() {
                let e = S::next::<L, D>(&mut search, r, step, k - step * L::N);
                of_winner = L::select_eq(group.index, D::category(step), e, of_winner);
            }
            // One lane has it, the others hold 0.
            let winner = (group.index, L::splat(of_winner.reduce_max()));
            let mut again = numbers.clone();
            let (mut total, mut weighted) = (D::zero(k), D::zero(k));
            for (step, (p, g)) in group.probs.chunks(L::N).zip(group.upstream.chunks(L::N)).enumerate() {
                let e = S::next::<L, D>(&mut again, r, step, k - step * L::N);
                let w = self.along::<L, D>(winner, step, e, p);
                D::add(&mut total, step, w);
                D::add(&mut weighted, step, w * L::load(g));
            }
            let inverse = D::reciprocal(D::total(total));
            let mean = D::total(weighted) * inverse;
            let operands = group.probs.chunks(L::N).zip(group.upstream.chunks(L::N)).zip(grad.chunks_mut(L::N));
            for (step, ((p, g), grad)) in operands.enumerate() {
                let e = S::next::<L, D>(&mut numbers, r, step, k - step * L::N);
                let w = self.along::<L, D>(winner, step, e, p);
                (L::load(grad) + w * inverse * (L::load(g) - mean) * weight).store(grad);
            }
        }
    }

    /// exp((v_i - v_D) / tau) of the categories in step `step`: their noise and probabilities. `winner` is its index
    /// and noise.
    #[inline(always)]
    fn along<L: Lanes, D: Direction<L>>(&self, (index, of_winner): (L, L), step: usize, e: L, p: &[f32]) -> L {
        let w = self.relative(of_winner, e, self.inverse_probability(L::load(p)));
        L::select_eq(index, D::category(step), L::splat(1.0), w)
    }
}

/// Adds the gradients of all draws, one after the other, from the caller's noise. Lengths have been checked.
pub(super) struct AddGiven<'a> {
    pub(super) formula: Conditional<()>,
    pub(super) inputs: GradientInputs<'a>,
    pub(super) noise: &'a [f32],
    pub(super) grad: &'a mut [f32],
}

impl Kernel for AddGiven<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let AddGiven { formula, inputs, noise, grad } = self;
        let Conditional { relaxed_samples, inverse_tau, weight, second_order, .. } = formula;
        let mut noise = rows(noise, inputs.k.saturating_mul(relaxed_samples as usize));
        for (row, grad) in rows_mut(grad, inputs.k).enumerate() {
            for draw in row * inputs.draws..(row + 1) * inputs.draws {
                let source = Given { noise: noise.next().unwrap_or(&[]), relaxed_samples: relaxed_samples as usize };
                let formula = Conditional { source, relaxed_samples, inverse_tau, weight, second_order };
                let mut buffer = [0.0; SHORT];
                if inputs.k > SHORT {
                    let group = inputs.single::<L, Conditional<Given<'_>>>(row, draw, &mut buffer);
                    formula.add::<L, Along>(group, grad);
                } else {
                    let group = inputs.single::<Scalar, Conditional<Given<'_>>>(row, draw, &mut buffer);
                    formula.add::<Scalar, Across>(group, grad);
                }
            }
        }
    }
}
