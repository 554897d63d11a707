//! Decoupled Straight-Through: one temperature for the draw, another for its gradient.
//!
//! ```text
//! D ~ softmax(l / tau_forward),   grad = J(q) g / tau_backward,   q = softmax(l / tau_backward)
//! ```
//!
//! Shah et al., "Improving Discrete Optimisation Via Decoupled Straight-Through Estimator" (arXiv 2410.13331). Bias:
//! that of Straight-Through, and that of drawing from a tempered distribution. Cost: O(k); where tau_forward is not 1,
//! an exponential an element and k floats saved for each draw, of which the first rows x k hold the tempered
//! probabilities. Useful tau: 0.1 to 1 forward, 1 and above backward.

use super::{DrawInputs, Estimator, GradientInputs, StraightThrough};
use crate::categorical;
use crate::check::{check_draws, check_len, check_rows, product};
use crate::{Argument, Backend, Result};

/// The decoupled Straight-Through estimator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecoupledSt {
    /// Temperature of the distribution that is drawn from.
    pub tau_forward: f32,
    /// Temperature of the backward pass.
    pub tau_backward: f32,
}

default_taus_of_one!(DecoupledSt);

impl Estimator for DecoupledSt {
    const NAME: &'static str = "decoupled_st";

    configured_by_two_taus!();

    /// Room for softmax(l / tau_forward), which the draw reads.
    fn saved_per_draw(&self, k: usize) -> usize {
        if self.tau_forward == 1.0 { 0 } else { k }
    }

    fn draw<B: Backend>(
        &self,
        backend: &B,
        inputs: DrawInputs<'_>,
        index: &mut [u32],
        saved: &mut [f32],
    ) -> Result<()> {
        let DrawInputs { logits, probs, k, draws, noise } = inputs;
        let rows = check_rows(Argument::Logits, logits.len(), k)?;
        check_draws(draws)?;
        if self.tau_forward == 1.0 {
            return categorical::draw(backend, probs, k, draws, noise, index);
        }
        check_len(Argument::Saved, saved.len(), product(product(rows, draws)?, k)?)?;
        let tempered = saved.get_mut(..logits.len()).unwrap_or_default();
        categorical::softmax(backend, logits, k, self.tau_forward, tempered)?;
        categorical::draw(backend, tempered, k, draws, noise, index)
    }

    fn backward<B: Backend>(&self, backend: &B, inputs: GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        self.check()?;
        inputs.check(self.saved_per_draw(inputs.k), grad.len())?;
        let tau = self.tau_backward;
        StraightThrough { tau }.backward(backend, GradientInputs { saved: &[], ..inputs }, grad)
    }
}
