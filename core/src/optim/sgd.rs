//! Stochastic gradient descent with momentum: `v = momentum v + g`, `params -= lr v`.

use super::{Optimizer, check};
use crate::check::{at_least_zero, in_unit, require};
use crate::{Argument, Backend, Result};

/// Gradient descent. One float of state for each parameter, the velocity; without momentum `state` may be empty, and is
/// neither read nor written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f32,
    /// How much of the velocity stays, in [0, 1).
    pub momentum: f32,
    /// Added to the gradient: weight_decay * params.
    pub weight_decay: f32,
}

impl Sgd {
    /// Without momentum or decay.
    pub const fn new(lr: f32) -> Self {
        Sgd { lr, momentum: 0.0, weight_decay: 0.0 }
    }
}

impl Optimizer for Sgd {
    const NAME: &'static str = "sgd";

    fn state_len(params: usize) -> usize {
        params
    }

    fn lr(&self) -> f32 {
        self.lr
    }

    fn with_lr(self, lr: f32) -> Self {
        Sgd { lr, ..self }
    }

    /// A plain loop whatever the backend: compilers make vectors of it.
    fn step_on<B: Backend>(
        &self,
        _backend: &B,
        step: u32,
        params: &mut [f32],
        grads: &[f32],
        state: &mut [f32],
    ) -> Result<()> {
        let n = params.len();
        let plain = self.momentum == 0.0;
        let floats = if plain && state.is_empty() { 0 } else { n };
        check(self.lr, step, [(Argument::Grad, grads.len(), n), (Argument::State, state.len(), floats)])?;
        require(in_unit(self.momentum), Argument::Momentum, 0)?;
        require(at_least_zero(self.weight_decay), Argument::WeightDecay, 0)?;
        if plain {
            for (p, g) in params.iter_mut().zip(grads) {
                *p -= self.lr * (g + self.weight_decay * *p);
            }
            return Ok(());
        }
        for ((p, g), v) in params.iter_mut().zip(grads).zip(state) {
            let g = g + self.weight_decay * *p;
            *v = self.momentum * *v + g;
            *p -= self.lr * *v;
        }
        Ok(())
    }
}
