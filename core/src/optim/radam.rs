//! RAdam (Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", arXiv 1908.03265), in PyTorch's
//! arithmetic: plain momentum while the second moment rests on too few gradients, rectified Adam afterwards.

use super::two_floats::TwoFloats;
use super::update::{Rule, moments, update};
use super::{Optimizer, bias_correction, check};
use crate::check::{at_least_zero, in_unit, require};
use crate::kernel::lanes::Lanes;
use crate::{Argument, Backend, Result};

/// RAdam; two floats of state for each parameter, all first moments and then all second ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RAdam {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the first moment, in [0, 1).
    pub beta1: f32,
    /// Decay of the second moment, in [0, 1).
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Added to the gradient: weight_decay * params.
    pub weight_decay: f32,
}

impl RAdam {
    /// With the defaults 0.9, 0.999, 1e-8 and no decay.
    pub const fn new(lr: f32) -> Self {
        RAdam { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

impl Optimizer for RAdam {
    const NAME: &'static str = "radam";

    fn state_len(params: usize) -> usize {
        params.saturating_mul(2)
    }

    fn lr(&self) -> f32 {
        self.lr
    }

    fn with_lr(self, lr: f32) -> Self {
        RAdam { lr, ..self }
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
        let [two, four, five] = [2.0, 4.0, 5.0].map(TwoFloats::new);
        let beta2 = TwoFloats::new(self.beta2);
        let (bias_correction1, bias_correction2) =
            (bias_correction(self.beta1, step).round(), bias_correction(self.beta2, step));
        let root = bias_correction2.sqrt().round();
        // Length of the approximated simple moving average at this step, and its limit (Algorithm 2).
        let rho_inf = two.over(TwoFloats::ONE.minus(beta2)).minus(TwoFloats::ONE);
        let decay = two.times(TwoFloats::whole(step)).times(beta2.power(step)).over(bias_correction2);
        let rho_t = rho_inf.minus(decay);
        let rectified = (rho_t.minus(five).round() > 0.0).then(|| {
            let numerator = rho_t.minus(four).times(rho_t.minus(two)).times(rho_inf);
            let denominator = rho_inf.minus(four).times(rho_inf.minus(two)).times(rho_t);
            numerator.over(denominator).sqrt().round()
        });
        let rule = RAdamRule { radam: *self, bias_correction1, root, rectified };
        update(backend, rule, params, grads, state);
        Ok(())
    }
}

/// One parameter's update, with what the number of the step decides.
#[derive(Clone, Copy)]
struct RAdamRule {
    radam: RAdam,
    /// 1 - beta1^step.
    bias_correction1: f32,
    /// The root of 1 - beta2^step.
    root: f32,
    /// The rectification; none while the second moment rests on too few gradients.
    rectified: Option<f32>,
}

impl Rule for RAdamRule {
    #[inline(always)]
    fn call<L: Lanes>(self, param: L, grad: L, state: [L; 2]) -> (L, [L; 2]) {
        let RAdam { lr, beta1, beta2, eps, weight_decay } = self.radam;
        let grad = grad + L::splat(weight_decay) * param;
        let [m, v] = moments(grad, state, beta1, beta2);
        let momentum = L::splat(lr) * (m / L::splat(self.bias_correction1));
        let distance = match self.rectified {
            Some(rectified) => momentum * (L::splat(self.root) / (v.sqrt() + L::splat(eps)) * L::splat(rectified)),
            None => momentum,
        };
        (param - distance, [m, v])
    }
}
