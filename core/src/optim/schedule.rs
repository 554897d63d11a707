//! Learning-rate schedules: functions of the step.

use super::double::Double;

/// A factor for the learning rate. Any `Fn(u32) -> f32` is one.
///
/// ```
/// use reinmax_core::optim::{Adam, Optimizer, Schedule, StepDecay};
/// let (base, schedule) = (Adam::new(1e-3), StepDecay { every: 1000, factor: 0.5 });
/// assert_eq!(base.with_lr(base.lr() * schedule.factor(1000)).lr, 0.5e-3);
/// ```
pub trait Schedule {
    /// The factor in step `step`, counted from 0.
    fn factor(&self, step: u32) -> f32;
}

impl<F: Fn(u32) -> f32> Schedule for F {
    fn factor(&self, step: u32) -> f32 {
        self(step)
    }
}

/// Multiplies by `factor` every `every` steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepDecay {
    /// Steps between two decays; 0 never decays.
    pub every: u32,
    /// What the learning rate is multiplied with.
    pub factor: f32,
}

impl Schedule for StepDecay {
    fn factor(&self, step: u32) -> f32 {
        Double::new(self.factor).power(step.checked_div(self.every).unwrap_or(0)).round()
    }
}

/// Rises in a straight line over the first `steps` steps, then stays at 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warmup {
    /// Steps until the full learning rate.
    pub steps: u32,
}

impl Schedule for Warmup {
    fn factor(&self, step: u32) -> f32 {
        if step >= self.steps { 1.0 } else { (step + 1) as f32 / self.steps as f32 }
    }
}
