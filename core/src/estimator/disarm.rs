//! DisARM: ARM with its uniform number integrated out.
//!
//! ```text
//! (z, z') an antithetic pair of binary draws,   grad of l_0 = sum over pairs of
//! (f(z) - f(z')) * max(p_0, p_1) * (1 where only z is category 0, -1 where only z' is, 0 where z = z')
//! ```
//!
//! and the gradient of l_1 is its negative; the paper's estimate is half of a pair's term, as a pair is two draws.
//! Dong, Mnih and Tucker, "DisARM: An Antithetic Gradient Estimator for Binary Latent Variables" (arXiv 2006.10680),
//! found independently by Yin, Ho, Yan, Qian and Zhou (U2G, 2020). k = 2 only. Bias: none. Variance: at most that of
//! ARM. Cost: O(1) a pair, two losses, no upstream gradient. It has no tau. [`super::draw_antithetic`] makes the pairs.

use super::arm::{AddPairs, Weight, check_pairs};
use super::{ScoreEstimator, ScoreInputs};
use crate::{Backend, Result};

/// The DisARM estimator. Draws come in antithetic pairs, side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DisArm;

impl ScoreEstimator for DisArm {
    const NAME: &'static str = "disarm";

    /// # Errors
    /// Those of the trait, and [`crate::Error::Value`] for k other than 2 or an odd number of draws.
    fn gradient<B: Backend>(&self, backend: &B, inputs: ScoreInputs<'_>, grad: &mut [f32]) -> Result<()> {
        check_pairs(&inputs, grad.len())?;
        backend.run(AddPairs { inputs, weight: Weight::DisArm, grad });
        Ok(())
    }
}
