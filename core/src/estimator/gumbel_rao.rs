//! Gumbel-Rao: Gumbel-Softmax averaged over the noise that leads to the same draw.
//!
//! ```text
//! D ~ p,   grad = mean over r = 1 .. R of J(y_r) g / tau,   y_r = softmax(v_r / tau),   p = softmax(l)
//! v_D = -ln E_D,   v_i = -ln(E_i / p_i + E_D)   up to a common shift,   E exponential, k fresh ones for every r
//! ```
//!
//! Paulus, Maddison and Krause, "Rao-Blackwellizing the Straight-Through Gumbel-Softmax Gradient Estimator" (arXiv
//! 2010.04838), its Monte Carlo form GR-MCK. Bias: that of Gumbel-Softmax at the same tau; as tau -> 0 (and R ->
//! infinity) it becomes ReinMax (Shekhovtsov, "Cold Analysis of Rao-Blackwellized Straight-Through Gumbel-Softmax
//! Gradient Estimator", ICML 2023). Variance: below Gumbel-Softmax, the more so with more noise. Cost: O(k R), a
//! logarithm an exponential number (and another, and an exp, where tau is not 1); two floats saved for each draw.
//! Useful tau: 0.1 to 1.
//!
//! The noise is not stored: see [`super::conditional`].

use super::conditional::{Conditional, conditional_estimator};

/// The Gumbel-Rao estimator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GumbelRao {
    /// Temperature of the relaxed samples.
    pub tau: f32,
    /// How many relaxed samples a gradient averages over (R): 1 to 65,536.
    pub relaxed_samples: u32,
}

impl GumbelRao {
    fn formula<S>(&self, source: S) -> Conditional<S> {
        let weight = 1.0 / (self.relaxed_samples as f32 * self.tau);
        Conditional {
            source,
            relaxed_samples: self.relaxed_samples,
            inverse_tau: 1.0 / self.tau,
            weight,
            second_order: false,
        }
    }
}

conditional_estimator!(GumbelRao, "gumbel_rao");
