//! Learning-rate schedules: functions of the step.

use super::two_floats::TwoFloats;

/// A factor for the learning rate. Any `Fn(u32) -> f32` is one.
///
/// ```
/// use reinmax_core::optim::{Optimizer, Schedule, Sgd, StepDecay};
/// let (base, schedule) = (Sgd::new(0.5), StepDecay { every: 2, factor: 0.5 });
/// let mut params = [0.0_f32];
/// for step in 1..=3 {
///     base.with_lr(base.lr() * schedule.factor(step)).step(step, &mut params, &[-1.0], &mut [])?;
/// }
/// assert_eq!(params, [0.5 + 0.5 + 0.25]);
/// # Ok::<(), reinmax_core::Error>(())
/// ```
pub trait Schedule {
    /// The factor in step `step`, counted from 1 as in [`super::Optimizer::step`].
    fn factor(&self, step: u32) -> f32;
}

impl<F: Fn(u32) -> f32> Schedule for F {
    fn factor(&self, step: u32) -> f32 {
        self(step)
    }
}

/// Multiplies by `factor` after every `every` steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepDecay {
    /// Steps between two decays; 0 never decays.
    pub every: u32,
    /// What the learning rate is multiplied with.
    pub factor: f32,
}

impl Schedule for StepDecay {
    fn factor(&self, step: u32) -> f32 {
        TwoFloats::new(self.factor).power(step.saturating_sub(1).checked_div(self.every).unwrap_or(0)).round()
    }
}

/// Rises in a straight line over the first `steps` steps, reaches 1 in the last of them and stays there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warmup {
    /// Steps until the full learning rate.
    pub steps: u32,
}

impl Schedule for Warmup {
    fn factor(&self, step: u32) -> f32 {
        if step >= self.steps { 1.0 } else { step.max(1) as f32 / self.steps as f32 }
    }
}
