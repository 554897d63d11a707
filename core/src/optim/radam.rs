//! RAdam (Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", arXiv 1908.03265), in PyTorch's
//! arithmetic: plain momentum while the second moment rests on too few gradients, rectified Adam afterwards.

use super::adam::in_unit;
use super::{Optimizer, check, check_coefficient, power, update_moments};
use crate::{Argument, Result};

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
        params * 2
    }

    fn lr(&self) -> f32 {
        self.lr
    }

    fn with_lr(self, lr: f32) -> Self {
        RAdam { lr, ..self }
    }

    fn step(&self, step: u32, params: &mut [f32], grads: &[f32], state: &mut [f32]) -> Result<()> {
        let n = params.len();
        check(self.lr, step, [(Argument::Grad, grads.len(), n), (Argument::State, state.len(), Self::state_len(n))])?;
        check_coefficient(in_unit(self.beta1) && in_unit(self.beta2) && self.eps >= 0.0 && self.weight_decay >= 0.0)?;
        let (beta2, t) = (f64::from(self.beta2), f64::from(step));
        let decayed = power(beta2, step);
        let correction1 = (1.0 - power(f64::from(self.beta1), step)) as f32;
        let root = libm::sqrt(1.0 - decayed) as f32;
        // Length of the approximated simple moving average, and its limit.
        let limit = 2.0 / (1.0 - beta2) - 1.0;
        let length = limit - 2.0 * t * decayed / (1.0 - decayed);
        let rectified = (length > 5.0).then(|| {
            let variance = (length - 4.0) * (length - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * length);
            libm::sqrt(variance) as f32
        });
        let (first, second) = state.split_at_mut_checked(n).unwrap_or_default();
        for (((p, g), m), v) in params.iter_mut().zip(grads).zip(first).zip(second) {
            let g = g + self.weight_decay * *p;
            update_moments(m, v, g, self.beta1, self.beta2);
            let corrected = *m / correction1;
            let adaptive = match rectified {
                Some(rectification) => root / (libm::sqrtf(*v) + self.eps) * rectification,
                None => 1.0,
            };
            *p -= self.lr * corrected * adaptive;
        }
        Ok(())
    }
}
