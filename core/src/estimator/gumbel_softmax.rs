//! Straight-Through Gumbel-Softmax: differentiate a relaxed sample that shares its noise with the draw.
//!
//! ```text
//! D = argmax(l + G),   grad = J(y) g / tau,   y = softmax((l + G) / tau),   G standard Gumbel
//! ```
//!
//! Jang, Gu and Poole (arXiv 1611.01144); Maddison, Mnih and Teh (arXiv 1611.00712). Bias: as tau -> 0 it becomes that
//! of ReinMax at tau = 1 (terms in third and higher derivatives), not steadily, while the variance grows: g is taken at
//! the hard sample, so what is known of the relaxed loss, whose bias vanishes, does not hold here. Cost: O(k) with two
//! logarithms an element forward; k floats saved for each draw. Useful tau: 0.1 to 1.
//!
//! A forced index D has noise of its own: Gumbel noise given that D wins. With E exponential, `v_D = -ln E_D` and `v_i
//! = -ln(E_i / p_i + E_D)` up to a common shift (Paulus, Maddison and Krause, arXiv 2010.04838). A category whose
//! probability is below 2^-122 (about 84 below the greatest logit) may count as masked there, which shows at
//! temperatures far above 2 alone.

use super::straight_through::add_tempered;
use super::{DrawInputs, Estimator, GradientInputs, MAX_CATEGORIES};
use crate::categorical::Noise;
use crate::check::{check_categories, check_draws, check_len, check_noise, check_rows, product, require_each};
use crate::kernel::direction::Direction;
use crate::kernel::exp::{LN_BLOCK, exp_any, ln};
use crate::kernel::gradient::{AddGradient, Formula, Group};
use crate::kernel::gumbel_max::perturb;
use crate::kernel::lanes::{Lanes, Scalar};
use crate::kernel::rows::{cut, cut_mut, row_count, rows_mut};
use crate::random::{Uniforms, gumbel, gumbel_of_block};
use crate::{Argument, Backend, Error, Kernel, Result, Split};

/// The Straight-Through Gumbel-Softmax estimator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GumbelSoftmax {
    /// Temperature of the relaxed sample.
    pub tau: f32,
}

default_tau_of_one!(GumbelSoftmax);

impl Estimator for GumbelSoftmax {
    const NAME: &'static str = "gumbel_softmax";

    configured_by_tau!();

    /// One for each category.
    fn uniforms_per_draw(&self, k: usize) -> usize {
        k
    }

    /// The perturbed logits, l - max l + G; of a forced draw -ln E, up to a shift (see the formula above).
    fn saved_per_draw(&self, k: usize) -> usize {
        k
    }

    fn draw<B: Backend>(
        &self,
        backend: &B,
        inputs: DrawInputs<'_>,
        index: &mut [u32],
        saved: &mut [f32],
    ) -> Result<()> {
        check_lengths(inputs.logits, inputs.k, inputs.draws, index, saved)?;
        check_len(Argument::Probs, inputs.probs.len(), inputs.logits.len())?;
        check_noise(inputs.noise, saved.len(), inputs.k, index)?;
        backend.perturb(Perturb { inputs, index, saved })
    }

    fn backward<B: Backend>(&self, backend: &B, inputs: GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        self.check()?;
        inputs.check(inputs.k, grad.len())?;
        backend.add_gumbel_softmax_gradient(AddGradient {
            formula: GumbelSoftmaxFormula { inverse_tau: 1.0 / self.tau },
            inputs,
            grad,
        });
        Ok(())
    }
}

impl GumbelSoftmax {
    /// The relaxed sample softmax((l + G) / tau), from the perturbed logits that [`Estimator::draw`] saves; both are
    /// (rows * draws) x k. A loss of it is differentiated by softmax's own gradient.
    ///
    /// # Errors
    /// As [`crate::categorical::softmax`].
    pub fn relaxed<B: Backend>(&self, backend: &B, perturbed: &[f32], k: usize, out: &mut [f32]) -> Result<()> {
        crate::categorical::softmax(backend, perturbed, k, self.tau, out)
    }

    /// Draws from the caller's Gumbel noise (rows * draws * k numbers): writes the perturbed logits to `saved` and
    /// their argmax to `index`, as [`Estimator::draw`] does with noise of its own.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::NoCategories`], [`Error::Logits`], [`Error::Value`] for noise that is not finite.
    // Compiled where it is called: an instance of the kernel's parts in this crate would keep `draw` from having its
    // own, and those have no panic in them.
    #[inline]
    pub fn draw_with_gumbel(
        &self,
        logits: &[f32],
        k: usize,
        draws: usize,
        noise: &[f32],
        index: &mut [u32],
        saved: &mut [f32],
    ) -> Result<()> {
        check_lengths(logits, k, draws, index, saved)?;
        check_len(Argument::Gumbel, noise.len(), saved.len())?;
        require_each(noise, f32::is_finite, Argument::Gumbel)?;
        // Not a copy of slices, which could panic.
        saved.iter_mut().zip(noise).for_each(|(saved, noise)| *saved = *noise);
        perturb::<Scalar>(logits, k, draws, saved, index).map_err(|row| Error::Logits { row })
    }
}

fn check_lengths(logits: &[f32], k: usize, draws: usize, index: &[u32], saved: &[f32]) -> Result<()> {
    check_draws(draws)?;
    let draws = product(check_rows(Argument::Logits, logits.len(), k)?, draws)?;
    check_categories(k, MAX_CATEGORIES)?;
    check_len(Argument::Index, index.len(), draws)?;
    check_len(Argument::Saved, saved.len(), product(draws, k)?)
}

/// The row of logits that a draw belongs to.
#[inline(always)]
fn row_of(x: &[f32], k: usize, draws: usize, draw: usize) -> &[f32] {
    let row = draw.checked_div(draws).unwrap_or(0);
    x.get(row * k..(row + 1) * k).unwrap_or(&[])
}

/// Writes perturbed logits and, unless it is forced, their argmax. Lengths have been checked.
pub struct Perturb<'a> {
    inputs: DrawInputs<'a>,
    index: &'a mut [u32],
    saved: &'a mut [f32],
}

impl Kernel for Perturb<'_> {
    type Out = Result<()>;
    #[inline(always)]
    fn run<L: Lanes>(self) -> Result<()> {
        let DrawInputs { logits, probs, k, draws, noise } = self.inputs;
        let (mut uniforms, forced) = match noise {
            Noise::Stream { stream, position } => (Uniforms::stream(&stream, position, L::N), false),
            Noise::Uniforms(slice) => (Uniforms::Slice(slice), false),
            Noise::Forced { stream, position, .. } => (Uniforms::stream(&stream.companion(), position, L::N), true),
        };
        // Noise for everything, element by element: the order of uniforms is that of (row, draw, category).
        if L::N == 1 {
            for x in self.saved.chunks_mut(1) {
                gumbel(uniforms.lanes::<L>(1)).store(x);
            }
        } else {
            for block in self.saved.chunks_mut(LN_BLOCK) {
                for x in block.chunks_mut(L::N) {
                    uniforms.lanes::<L>(x.len()).store(x);
                }
                gumbel_of_block::<L>(block);
            }
        }
        if forced {
            for (draw, (saved, index)) in rows_mut(self.saved, k).zip(self.index).enumerate() {
                condition::<L>(row_of(probs, k, draws, draw), *index as usize, saved);
            }
            return Ok(());
        }
        perturb::<L>(logits, k, draws, self.saved, self.index).map_err(|row| Error::Logits { row })
    }
}

impl Split for Perturb<'_> {
    fn rows(&self) -> usize {
        row_count(self.inputs.logits.len(), self.inputs.k)
    }
    fn work(&self) -> usize {
        self.saved.len()
    }
    fn split(self, row: usize) -> (Self, Self) {
        let DrawInputs { logits, probs, k, draws, noise } = self.inputs;
        let draw = row.saturating_mul(draws);
        let (logits_a, logits_b) = cut(logits, k, row);
        let (probs_a, probs_b) = cut(probs, k, row);
        let (noise_a, noise_b) = noise.split(draw, k);
        let (index_a, index_b) = cut_mut(self.index, 1, draw);
        let (saved_a, saved_b) = cut_mut(self.saved, k, draw);
        let first = DrawInputs { logits: logits_a, probs: probs_a, noise: noise_a, ..self.inputs };
        let second = DrawInputs { logits: logits_b, probs: probs_b, noise: noise_b, ..self.inputs };
        (
            Perturb { inputs: first, index: index_a, saved: saved_a },
            Perturb { inputs: second, index: index_b, saved: saved_b },
        )
    }
}

/// Turns Gumbel noise into perturbed logits among which `index` is the greatest.
#[inline(always)]
fn condition<L: Lanes>(probs: &[f32], index: usize, saved: &mut [f32]) {
    // exp(-G) is the exponential number that the noise was made of.
    let winner = saved.get(index).copied().unwrap_or(0.0);
    let exponential = |gumbel: L| L::splat(1.0) / exp_any(gumbel);
    let of_winner = exponential(L::splat(winner)).first();
    for (saved, p) in saved.chunks_mut(L::N).zip(probs.chunks(L::N)) {
        let e = exponential(L::load(saved));
        ln(e / L::load(p) + L::splat(of_winner)).neg().store(saved);
    }
    if let Some(slot) = saved.get_mut(index) {
        *slot = winner;
    }
}

/// J(softmax(v / tau)) g / tau, v the perturbed logits.
#[derive(Clone, Copy)]
pub struct GumbelSoftmaxFormula {
    inverse_tau: f32,
}

impl Formula for GumbelSoftmaxFormula {
    const LOGITS: bool = false;
    const USES_SCRATCH: bool = true;
    const ONE_BODY: bool = true;
    #[inline(always)]
    fn saved_per_draw(k: usize) -> usize {
        k
    }
    #[inline(always)]
    fn add<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, grad: &mut [f32]) {
        add_tempered::<L, D, false>(group.saved, group.upstream, self.inverse_tau, &mut [], grad);
    }
    #[inline(always)]
    fn add_with<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, scratch: &mut [f32], grad: &mut [f32]) {
        add_tempered::<L, D, true>(group.saved, group.upstream, self.inverse_tau, scratch, grad);
    }
}
