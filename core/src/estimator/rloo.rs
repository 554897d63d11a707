//! REINFORCE with a leave-one-out baseline: each draw is compared with the mean of the others.
//!
//! ```text
//! grad = sum over d of (f_d - mean of the other f) (e_d - p)
//! ```
//!
//! K >= 2 draws for each row; the sum over them is K times the estimate of a mean. Kool, van Hoof and Welling, "Buy 4
//! REINFORCE Samples, Get a Baseline for Free!" (2019), after Salimans and Knowles (2014). Bias: none. Variance: that
//! of REINFORCE with a good baseline. Cost: O(K + k) a row, K losses, no upstream gradient. It has no tau.

use super::reinforce::{AddScores, Baseline, check_scores};
use super::{ScoreEstimator, ScoreInputs};
use crate::check::require;
use crate::{Argument, Backend, Result};

/// The leave-one-out estimator.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rloo;

impl ScoreEstimator for Rloo {
    const NAME: &'static str = "rloo";

    /// # Errors
    /// Those of the trait, and [`crate::Error::Value`] for less than two draws.
    fn gradient<B: Backend>(&self, backend: &B, inputs: ScoreInputs<'_>, grad: &mut [f32]) -> Result<()> {
        require(inputs.draws >= 2, Argument::Repeats, inputs.draws)?;
        check_scores(&inputs, grad.len())?;
        backend.run(AddScores { inputs, baseline: Baseline::LeaveOneOut, grad });
        Ok(())
    }
}
