//! Decoupled Straight-Through Gumbel-Softmax: the relaxed sample forward has a temperature of its own.
//!
//! ```text
//! D = argmax(l + G),   grad = J(y) g / tau_backward,   y = softmax((l + G) / tau_backward)
//! relaxed sample: softmax((l + G) / tau_forward)
//! ```
//!
//! Shah et al., "Improving Discrete Optimisation Via Decoupled Straight-Through Estimator" (arXiv 2410.13331). The
//! argmax does not depend on a temperature: tau_forward matters to [`DecoupledGumbel::relaxed`], and to a loss of that
//! relaxed sample, whose upstream gradient then goes through y. Bias: that of [`GumbelSoftmax`] at tau_backward; a
//! relaxed forward pass has a bias of its own. Cost: as [`GumbelSoftmax`]. Useful tau: 0.1 to 1 forward, 0.5 to 2
//! backward.

use super::{DrawInputs, Estimator, GradientInputs, GumbelSoftmax};
use crate::{Backend, Result};

/// The decoupled Straight-Through Gumbel-Softmax estimator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecoupledGumbel {
    /// Temperature of the relaxed sample in the forward pass.
    pub tau_forward: f32,
    /// Temperature of the relaxed sample that is differentiated.
    pub tau_backward: f32,
}

default_taus_of_one!(DecoupledGumbel);

impl DecoupledGumbel {
    /// The relaxed sample softmax((l + G) / tau_forward) of the forward pass, from the perturbed logits that
    /// [`Estimator::draw`] saves; both are (rows * draws) x k.
    ///
    /// # Errors
    /// As [`crate::categorical::softmax`].
    pub fn relaxed<B: Backend>(&self, backend: &B, perturbed: &[f32], k: usize, out: &mut [f32]) -> Result<()> {
        GumbelSoftmax { tau: self.tau_forward }.relaxed(backend, perturbed, k, out)
    }

    fn coupled(&self) -> GumbelSoftmax {
        GumbelSoftmax { tau: self.tau_backward }
    }
}

impl Estimator for DecoupledGumbel {
    const NAME: &'static str = "decoupled_gumbel";

    configured_by_two_taus!();

    /// One for each category.
    fn uniforms_per_draw(&self, k: usize) -> usize {
        self.coupled().uniforms_per_draw(k)
    }

    /// The perturbed logits, as [`GumbelSoftmax`] saves them.
    fn saved_per_draw(&self, k: usize) -> usize {
        self.coupled().saved_per_draw(k)
    }

    fn draw<B: Backend>(
        &self,
        backend: &B,
        inputs: DrawInputs<'_>,
        index: &mut [u32],
        saved: &mut [f32],
    ) -> Result<()> {
        self.coupled().draw(backend, inputs, index, saved)
    }

    fn backward<B: Backend>(&self, backend: &B, inputs: GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        self.check()?;
        self.coupled().backward(backend, inputs, grad)
    }
}
