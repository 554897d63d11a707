//! ARM: augment, REINFORCE, merge; an antithetic pair of binary draws shares one uniform number.
//!
//! ```text
//! z = category 0 iff u < p_0,   z' = category 0 iff 1 - u < p_0
//! grad of l_0 = sum over pairs of (f(z') - f(z)) (2u - 1),   grad of l_1 its negative
//! ```
//!
//! The paper's estimate is half of a pair's term: a pair counts as the two draws that it is, so here too a sum divided
//! by the number of draws is their mean.
//!
//! Yin and Zhou, "ARM: Augment-REINFORCE-Merge Gradient for Stochastic Binary Networks" (arXiv 1807.11143). k = 2 only.
//! Bias: none. Variance: often below that of REINFORCE without a baseline, as a constant added to the loss cancels; not
//! always. Cost: O(1) a pair, two losses, no upstream gradient. It has no tau. [`draw_antithetic`] makes the pairs.

use super::{ScoreEstimator, ScoreInputs};
use crate::check::{check_len, check_rows, check_uniforms, product, require, require_each};
use crate::kernel::lanes::Lanes;
use crate::kernel::rows::{rows, rows_mut};
use crate::kernel::sample::row_without_category;
use crate::{Argument, Backend, Error, Kernel, Result};

/// The ARM estimator. Draws come in pairs, side by side, the first of a pair from u, the second from 1 - u.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arm<'a> {
    /// rows * draws / 2: what the pairs were drawn from.
    pub uniforms: &'a [f32],
}

/// Draws antithetic pairs: `index` receives rows * 2 * pairs categories, the two of a pair side by side, from
/// rows * pairs `uniforms`. `probs` is rows x 2.
///
/// # Errors
/// [`crate::Error::Value`] for k other than 2, a uniform outside [0, 1), a probability that is NaN or infinite or a row
/// that has none above 0, [`crate::Error::Length`].
pub fn draw_antithetic(probs: &[f32], k: usize, uniforms: &[f32], index: &mut [u32]) -> Result<()> {
    let count = check_binary(probs.len(), k)?;
    let pairs = uniforms.len().checked_div(count).unwrap_or(0);
    check_len(Argument::Uniforms, uniforms.len(), count * pairs)?;
    check_len(Argument::Index, index.len(), product(uniforms.len(), 2)?)?;
    check_uniforms(uniforms)?;
    require_each(probs, f32::is_finite, Argument::Probs)?;
    if let Some(at) = row_without_category(probs, 2) {
        return Err(Error::Value { argument: Argument::Probs, at });
    }
    for (at, (index, u)) in index.chunks_mut(2).zip(uniforms).enumerate() {
        let p = probs.get(at.checked_div(pairs).unwrap_or(0) * 2).copied().unwrap_or(0.0);
        // Below 1, as a uniform is: 1 would draw category 1 where its probability is 0.
        let other = (1.0 - *u).min(1.0 - f32::EPSILON / 2.0);
        for (index, u) in index.iter_mut().zip([*u, other]) {
            *index = u32::from(u >= p);
        }
    }
    Ok(())
}

/// Refuses rows that are not binary; the number of rows.
pub(super) fn check_binary(probs: usize, k: usize) -> Result<usize> {
    require(k == 2, Argument::Categories, k)?;
    check_rows(Argument::Probs, probs, k)
}

/// Refuses what does not make pairs.
pub(super) fn check_pairs(inputs: &ScoreInputs<'_>, grad: usize) -> Result<()> {
    check_binary(inputs.probs.len(), inputs.k)?;
    require(inputs.draws > 0 && inputs.draws.is_multiple_of(2), Argument::Repeats, inputs.draws)?;
    super::reinforce::check_scores(inputs, grad)
}

impl ScoreEstimator for Arm<'_> {
    const NAME: &'static str = "arm";

    /// # Errors
    /// Those of the trait, and [`crate::Error::Value`] for k other than 2, an odd number of draws, or a uniform that is
    /// not in [0, 1).
    fn gradient<B: Backend>(&self, backend: &B, inputs: ScoreInputs<'_>, grad: &mut [f32]) -> Result<()> {
        check_pairs(&inputs, grad.len())?;
        check_len(Argument::Uniforms, self.uniforms.len(), inputs.index.len() / 2)?;
        check_uniforms(self.uniforms)?;
        backend.run(AddPairs { inputs, weight: Weight::Arm(self.uniforms), grad });
        Ok(())
    }
}

/// What multiplies f(first) - f(second) of a pair in the gradient of l_0.
#[derive(Clone, Copy)]
pub(super) enum Weight<'a> {
    /// 1 - 2u.
    Arm(&'a [f32]),
    /// max(p), with the sign of the pair; 0 where both are equal.
    DisArm,
}

/// Adds pair after pair, each row on its own. Lengths have been checked.
pub(super) struct AddPairs<'a> {
    pub(super) inputs: ScoreInputs<'a>,
    pub(super) weight: Weight<'a>,
    pub(super) grad: &'a mut [f32],
}

impl Kernel for AddPairs<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let ScoreInputs { probs, index, draws, .. } = self.inputs;
        for (row, (p, grad)) in rows(probs, 2).zip(rows_mut(self.grad, 2)).enumerate() {
            let mine = row * draws..(row + 1) * draws;
            let losses = self.inputs.losses_of(row);
            let pairs = index.get(mine).unwrap_or(&[]).chunks_exact(2).zip(losses.chunks_exact(2));
            let greater = p.iter().fold(0.0_f32, |greatest, p| if greatest < *p { *p } else { greatest });
            let mut total = 0.0;
            for (pair, (index, loss)) in pairs.enumerate() {
                let ([first, second], [f, other]) = (index, loss) else { continue };
                total += (f - other)
                    * match self.weight {
                        Weight::Arm(uniforms) => {
                            1.0 - 2.0 * uniforms.get(row * (draws / 2) + pair).copied().unwrap_or(0.5)
                        }
                        Weight::DisArm if first == second => 0.0,
                        Weight::DisArm if *first == 0 => greater,
                        Weight::DisArm => -greater,
                    };
            }
            if let [of_first, of_second] = grad {
                *of_first += total;
                *of_second -= total;
            }
        }
    }
}
