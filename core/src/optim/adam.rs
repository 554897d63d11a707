//! Adam (Kingma and Ba, arXiv 1412.6980), in PyTorch's arithmetic.

use super::two_floats::TwoFloats;
use super::update::{Rule, moments, update};
use super::{Optimizer, bias_correction, check};
use crate::check::{at_least_zero, in_unit, require};
use crate::kernel::lanes::Lanes;
use crate::{Argument, Backend, Result};

/// Adam; two floats of state for each parameter, all first moments and then all second ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the first moment, in [0, 1).
    pub beta1: f32,
    /// Decay of the second moment, in [0, 1).
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Added to the gradient: weight_decay * params (PyTorch's `Adam`, not `AdamW`).
    pub weight_decay: f32,
}

impl Adam {
    /// With the defaults 0.9, 0.999, 1e-8 and no decay.
    pub const fn new(lr: f32) -> Self {
        Adam { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

impl Optimizer for Adam {
    const NAME: &'static str = "adam";

    fn state_len(params: usize) -> usize {
        params.saturating_mul(2)
    }

    fn lr(&self) -> f32 {
        self.lr
    }

    fn with_lr(self, lr: f32) -> Self {
        Adam { lr, ..self }
    }

    fn step_on<B: Backend>(
        &self,
        backend: &B,
        step: u32,
        params: &mut [f32],
        grads: &[f32],
        state: &mut [f32],
    ) -> Result<()> {
        let n = params.len();
        check(self.lr, step, [(Argument::Grad, grads.len(), n), (Argument::State, state.len(), Self::state_len(n))])?;
        require(in_unit(self.beta1) && in_unit(self.beta2), Argument::Beta, 0)?;
        require(at_least_zero(self.eps), Argument::Epsilon, 0)?;
        require(at_least_zero(self.weight_decay), Argument::WeightDecay, 0)?;
        let step_size = TwoFloats::new(self.lr).over(bias_correction(self.beta1, step)).round();
        let root = bias_correction(self.beta2, step).sqrt().round();
        update(backend, AdamRule { adam: *self, step_size, root }, params, grads, state);
        Ok(())
    }
}

/// One parameter's update, with what the number of the step decides.
#[derive(Clone, Copy)]
struct AdamRule {
    adam: Adam,
    /// lr / (1 - beta1^step).
    step_size: f32,
    /// The root of 1 - beta2^step.
    root: f32,
}

impl Rule for AdamRule {
    #[inline(always)]
    fn call<L: Lanes>(self, param: L, grad: L, state: [L; 2]) -> (L, [L; 2]) {
        let Adam { beta1, beta2, eps, weight_decay, .. } = self.adam;
        let grad = grad + L::splat(weight_decay) * param;
        let [m, v] = moments(grad, state, beta1, beta2);
        let distance = m / (v.sqrt() / L::splat(self.root) + L::splat(eps));
        (param - L::splat(self.step_size) * distance, [m, v])
    }
}
