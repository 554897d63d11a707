//! Rao-Blackwellised ReinMax: Heun's midpoint Jacobian replaced by a Gumbel-Rao mean at the midpoint.
//!
//! ```text
//! D ~ p,   grad = 2 mean over r = 1 .. R of J(y_r) g / tau - J(p) g / 2,   p = softmax(l)
//! y_r = softmax(v_r / tau), v_r the perturbed logits of Gumbel-Rao, given D, at the logits ln((p + e) / 2)
//! ```
//!
//! Wang and Bui (arXiv 2603.08257). With J((p + e) / 2) in place of the mean of J(y_r) / tau it is ReinMax at tau = 1.
//! Bias: depends on tau, and does not vanish where the loss is linear; as tau -> 0 the mean there is half the gradient.
//! Variance: often below ReinMax's near tau = 1 with many relaxed samples; it grows as tau falls. Cost: O(k R) as
//! [`super::GumbelRao`]; two floats saved for each draw. Useful tau: 0.1 to 1.

use super::conditional::{Conditional, conditional_estimator};

/// The Rao-Blackwellised ReinMax estimator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReinMaxRao {
    /// Temperature of the relaxed samples.
    pub tau: f32,
    /// How many relaxed samples a gradient averages over (R): 1 to 65,536.
    pub relaxed_samples: u32,
}

impl ReinMaxRao {
    fn formula<S>(&self, source: S) -> Conditional<S> {
        let weight = 2.0 / (self.relaxed_samples as f32 * self.tau);
        Conditional {
            source,
            relaxed_samples: self.relaxed_samples,
            inverse_tau: 1.0 / self.tau,
            weight,
            second_order: true,
        }
    }
}

conditional_estimator!(ReinMaxRao, "reinmax_rao");
