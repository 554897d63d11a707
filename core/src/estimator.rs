//! Gradient estimators for discrete draws.
//!
//! Two kinds. An [`Estimator`] turns the gradient of the loss with respect to the one-hot sample (the upstream
//! gradient) into a gradient of the logits; it is what a tape's sample node holds. A [`ScoreEstimator`] needs only the
//! loss of each draw. Estimators are configuration: `Copy`, at most four floats, no state; noise comes from outside.
//! [`exact`] enumerates instead of estimating.

/// The configuration methods of an [`Estimator`] whose one parameter is its temperature.
macro_rules! configured_by_tau {
    () => {
        fn check(&self) -> $crate::Result<()> {
            $crate::check::check_tau(self.tau)
        }

        fn to_config(self) -> [f32; 4] {
            [self.tau, 0.0, 0.0, 0.0]
        }

        fn from_config([tau, ..]: [f32; 4]) -> Self {
            Self { tau }
        }
    };
}

/// tau = 1 by default.
macro_rules! default_tau_of_one {
    ($estimator:ident) => {
        impl Default for $estimator {
            fn default() -> Self {
                Self { tau: 1.0 }
            }
        }
    };
}

/// The configuration methods of an [`Estimator`] with a temperature forward and one backward.
macro_rules! configured_by_two_taus {
    () => {
        fn check(&self) -> $crate::Result<()> {
            $crate::check::check_tau(self.tau_forward)?;
            $crate::check::check_tau(self.tau_backward)
        }

        fn to_config(self) -> [f32; 4] {
            [self.tau_forward, self.tau_backward, 0.0, 0.0]
        }

        fn from_config([tau_forward, tau_backward, ..]: [f32; 4]) -> Self {
            Self { tau_forward, tau_backward }
        }
    };
}

/// Both temperatures are 1 by default.
macro_rules! default_taus_of_one {
    ($estimator:ident) => {
        impl Default for $estimator {
            fn default() -> Self {
                Self { tau_forward: 1.0, tau_backward: 1.0 }
            }
        }
    };
}

mod arm;
mod conditional;
mod darn;
mod decoupled_gumbel;
mod decoupled_st;
mod disarm;
pub mod exact;
mod gapped_st;
mod gumbel_rao;
mod gumbel_softmax;
mod mve;
mod reinforce;
mod reinmax;
mod reinmax_rao;
mod rloo;
mod straight_through;

pub use arm::{Arm, draw_antithetic};
pub use darn::Darn;
pub use decoupled_gumbel::DecoupledGumbel;
pub use decoupled_st::DecoupledSt;
pub use disarm::DisArm;
pub use gapped_st::{Gap, GappedSt};
pub use gumbel_rao::GumbelRao;
pub use gumbel_softmax::GumbelSoftmax;
pub use mve::{MAX_MVE_CATEGORIES, Mve};
pub use reinforce::Reinforce;
pub use reinmax::{ReinMax, ReinMaxTau1};
pub use reinmax_rao::ReinMaxRao;
pub use rloo::Rloo;
pub use straight_through::StraightThrough;

/// The kernels of estimators, by name, for a backend that overrides the methods of [`Backend`] that run them. They are
/// made in the estimators' `draw` and `backward`.
pub mod formula {
    use super::{conditional, gapped_st, gumbel_softmax, reinmax, straight_through};

    pub use super::darn::Darn;
    pub use conditional::{Conditional, Seeded};
    pub use gapped_st::GappedStFormula;
    pub use gumbel_softmax::{GumbelSoftmaxFormula, Perturb};
    pub use reinmax::{ReinMaxFormula, ReinMaxTau1Formula};
    pub use straight_through::{StFormula, StTau1Formula};
}

use crate::categorical::{self, Noise};
use crate::check::{check_categories, check_draws, check_indices, check_len, check_rows, product};
pub use crate::kernel::gradient::GradientInputs;
use crate::{Argument, Backend, Error, Result};

/// The most categories that a gradient takes: formulas compare indices as floats, which are exact up to here.
pub const MAX_CATEGORIES: usize = 1 << 24;

/// An estimator that works from the upstream gradient.
pub trait Estimator: Copy + 'static {
    /// Its name in tables and on the command line.
    const NAME: &'static str;

    /// The most categories that it takes.
    const MAX_CATEGORIES: usize = MAX_CATEGORIES;

    /// Checks the configuration.
    ///
    /// # Errors
    /// [`Error::Value`] for a parameter out of its range.
    fn check(&self) -> Result<()>;

    /// The configuration as a tape's node stores it.
    fn to_config(self) -> [f32; 4];

    /// The configuration back from a node.
    fn from_config(config: [f32; 4]) -> Self;

    /// How many uniforms a draw among k categories takes.
    fn uniforms_per_draw(&self, _k: usize) -> usize {
        1
    }

    /// How many floats a draw keeps for the backward pass, besides its index.
    fn saved_per_draw(&self, _k: usize) -> usize {
        0
    }

    /// Draws an index for each of `inputs.draws` draws of each row, and writes what backward needs to `saved`. The
    /// default inverts the cumulative sum of `probs`. Forced draws do not look for rows without a distribution.
    ///
    /// # Errors
    /// As [`categorical::draw`].
    fn draw<B: Backend>(
        &self,
        backend: &B,
        inputs: DrawInputs<'_>,
        index: &mut [u32],
        _saved: &mut [f32],
    ) -> Result<()> {
        categorical::draw(backend, inputs.probs, inputs.k, inputs.draws, inputs.noise, index)
    }

    /// Adds the gradient of the logits (rows x k) to `grad`, summed over the draws of a row.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Value`] for the configuration or an index beyond k, [`Error::NoCategories`].
    fn backward<B: Backend>(&self, backend: &B, inputs: GradientInputs<'_>, grad: &mut [f32]) -> Result<()>;
}

/// What a forward pass reads.
#[derive(Clone, Copy, Debug)]
pub struct DrawInputs<'a> {
    /// rows x k.
    pub logits: &'a [f32],
    /// rows x k: softmax of the logits (tau = 1).
    pub probs: &'a [f32],
    /// Categories in a row.
    pub k: usize,
    /// Draws for each row, at least 1.
    pub draws: usize,
    /// Where the draws come from.
    pub noise: Noise<'a>,
}

/// An estimator that works from the loss of each draw alone; the loss need not be differentiable.
pub trait ScoreEstimator: Copy {
    /// Its name in tables and on the command line.
    const NAME: &'static str;

    /// Adds the gradient of the logits to `grad`, summed over the draws of a row: the estimate of the mean loss's
    /// gradient is that divided by `draws`, whichever the estimator.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Value`] for the configuration or an index beyond k, [`Error::NoCategories`].
    fn gradient<B: Backend>(&self, backend: &B, inputs: ScoreInputs<'_>, grad: &mut [f32]) -> Result<()>;
}

/// What a [`ScoreEstimator`] reads.
#[derive(Clone, Copy, Debug)]
pub struct ScoreInputs<'a> {
    /// rows x k: softmax of the logits.
    pub probs: &'a [f32],
    /// rows * draws: the category of each draw.
    pub index: &'a [u32],
    /// rows * draws: the loss of each draw, or draws of them where all rows share a sample's loss.
    pub losses: &'a [f32],
    /// Categories in a row.
    pub k: usize,
    /// Draws for each row, at least 1.
    pub draws: usize,
}

impl GradientInputs<'_> {
    /// Compares all lengths; `saved_per_draw` is the estimator's. For use in [`Estimator::backward`].
    ///
    /// # Errors
    /// [`Error::Length`] for the first slice that does not fit, [`Error::Value`] for no draws, an index beyond k, a
    /// column that is not possible or more than [`MAX_CATEGORIES`], [`Error::NoCategories`] for k = 0,
    /// [`Error::TooLarge`] for a size beyond `usize`.
    pub fn check(&self, saved_per_draw: usize, grad: usize) -> Result<()> {
        let rows = check_rows(Argument::Probs, self.probs.len(), self.k)?;
        check_categories(self.k, MAX_CATEGORIES)?;
        check_draws(self.draws)?;
        let draws = product(rows, self.draws)?;
        check_len(Argument::Logits, self.logits.len(), self.probs.len())?;
        check_len(Argument::Index, self.index.len(), draws)?;
        let upstream = match self.column {
            None => product(draws, self.k)?,
            Some(column) if (column as usize) < self.k && self.k <= crate::kernel::SHORT => draws,
            Some(column) => return Err(Error::Value { argument: Argument::Columns, at: column as usize }),
        };
        check_len(Argument::Upstream, self.upstream.len(), upstream)?;
        check_len(Argument::Saved, self.saved.len(), product(draws, saved_per_draw)?)?;
        check_len(Argument::Grad, grad, self.probs.len())?;
        check_indices(self.index, self.k)
    }
}
