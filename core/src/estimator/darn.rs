//! DARN: the score function with the loss expanded to first order around the mean.
//!
//! ```text
//! grad = (g_D - <p, g>) (e - p),   p = softmax(l)
//! ```
//!
//! The estimator of Gregor, Danihelka, Mnih, Blundell and Wierstra, "Deep AutoRegressive Networks" (arXiv 1310.8499),
//! as Liu et al. name it (arXiv 2304.08612): (Straight-Through + DARN) / 2 is ReinMax at tau = 1, which Shekhovtsov
//! found as the limit of Gumbel-Rao ("Cold Analysis of Rao-Blackwellized Straight-Through Gumbel-Softmax Gradient
//! Estimator", ICML 2023). Bias: terms in second
//! and higher derivatives of the loss; exact for losses linear in each sample. Variance: high, as that of REINFORCE.
//! Cost: O(k), no exponential. It has no tau.

use super::{Estimator, GradientInputs};
use crate::kernel::direction::{Direction, dot};
use crate::kernel::gradient::{AddGradient, Formula, Group};
use crate::kernel::lanes::Lanes;
use crate::{Backend, Result};

/// The DARN estimator.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Darn;

impl Estimator for Darn {
    const NAME: &'static str = "darn";

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn to_config(self) -> [f32; 4] {
        [0.0; 4]
    }

    fn from_config(_: [f32; 4]) -> Self {
        Darn
    }

    fn backward<B: Backend>(&self, backend: &B, inputs: GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        inputs.check(0, grad.len())?;
        backend.add_darn_gradient(AddGradient { formula: *self, inputs, grad });
        Ok(())
    }
}

impl Formula for Darn {
    const LOGITS: bool = false;
    const ONE_BODY: bool = true;
    #[inline(always)]
    fn add<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, grad: &mut [f32]) {
        let advantage = D::pick(group.upstream, group.index) - dot::<L, D>(group.probs, group.upstream);
        let (one, zero) = (L::splat(1.0), L::splat(0.0));
        for (step, (p, grad)) in group.probs.chunks(L::N).zip(grad.chunks_mut(L::N)).enumerate() {
            let e = L::select_eq(group.index, D::category(step), one, zero);
            (L::load(grad) + advantage * (e - L::load(p))).store(grad);
        }
    }
}
