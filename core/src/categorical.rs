//! Categorical distributions on plain slices, without a tape: softmax, draws, one-hot vectors.
//!
//! ```
//! use reinmax_core::{Estimator, GradientInputs, Noise, Portable, ReinMax, Stream, categorical};
//!
//! let logits = [0.5, -1.0, 0.0, 2.0, 0.1, f32::NEG_INFINITY]; // 2 rows, k = 3; -inf masks a category
//! let (mut probs, mut index, mut grad) = ([0.0; 6], [0; 2], [0.0; 6]);
//! categorical::softmax(&Portable, &logits, 3, 1.0, &mut probs)?;
//! categorical::draw(&Portable, &probs, 3, 1, Noise::stream(&Stream::new(42, 0), 0), &mut index)?;
//! let upstream = [1.0, 0.0, -1.0, 0.5, 0.5, 0.0]; // dLoss/d one_hot, from your own loss
//! let (saved, column) = (&[][..], None);
//! let inputs = GradientInputs {
//!     logits: &logits, probs: &probs, index: &index, saved, upstream: &upstream, k: 3, draws: 1, column,
//! };
//! ReinMax { tau: 1.0 }.backward(&Portable, inputs, &mut grad)?;
//! # assert!((grad[0] + grad[1] + grad[2]).abs() < 1e-6 && grad[5] == 0.0);
//! # Ok::<(), reinmax_core::Error>(())
//! ```

use crate::check::{check_draws, check_indices, check_len, check_noise, check_rows, check_tau, product};
use crate::kernel::sample::{DrawIndex, OneHot, bad_probs};
use crate::kernel::sample_blocks::Sample;
use crate::kernel::softmax::{LogSoftmax, Softmax};
pub use crate::random::Noise;
use crate::{Argument, Backend, Error, Result};

/// `probs = softmax(logits / tau)`, row by row.
///
/// `logits` and `probs` are rows x k. Cost: one exp for each element. -inf masks a category.
///
/// # Errors
/// [`Error::NoCategories`], [`Error::Value`] for tau, [`Error::Length`], [`Error::Logits`] for a row that has no
/// softmax.
pub fn softmax<B: Backend>(backend: &B, logits: &[f32], k: usize, tau: f32, probs: &mut [f32]) -> Result<()> {
    check_tau(tau)?;
    check_rows(Argument::Logits, logits.len(), k)?;
    check_len(Argument::Output, probs.len(), logits.len())?;
    backend.softmax(Softmax { logits, k, scale: 1.0 / tau, out: probs })
}

/// `log_probs = logits - logsumexp(logits)`, row by row. Both are rows x k.
///
/// # Errors
/// As [`softmax`].
pub fn log_softmax<B: Backend>(backend: &B, logits: &[f32], k: usize, log_probs: &mut [f32]) -> Result<()> {
    check_rows(Argument::Logits, logits.len(), k)?;
    check_len(Argument::Output, log_probs.len(), logits.len())?;
    backend.log_softmax(LogSoftmax { logits, k, out: log_probs })
}

/// Draws `draws` categories for each row of `probs` (rows x k) by inverting its cumulative sum: the smallest index
/// whose prefix sum exceeds u times the total. `index` receives rows * draws of them, the draws of a row side by side.
/// One uniform a draw, of 23 bits: a probability below 2^-23 is drawn as often as 2^-23 or never, by where it lies. A
/// category of probability 0 is never drawn.
///
/// # Errors
/// [`Error::NoCategories`], [`Error::Length`], [`Error::TooLarge`], [`Error::Value`] for 0 draws, a uniform outside [0,
/// 1), a forced index of k or more, or a row of [`Argument::Probs`] whose sum is NaN, infinite or 0 (forced draws do
/// not look for one); `index` is unspecified then. Negative probabilities are not checked for: with them the result is
/// unspecified and may differ between backends.
pub fn draw<B: Backend>(
    backend: &B,
    probs: &[f32],
    k: usize,
    draws: usize,
    noise: Noise<'_>,
    index: &mut [u32],
) -> Result<()> {
    let rows = check_rows(Argument::Probs, probs.len(), k)?;
    check_draws(draws)?;
    check_len(Argument::Index, index.len(), product(rows, draws)?)?;
    check_noise(noise, index.len(), k, index)?;
    if backend.draw_index(DrawIndex { probs, k, draws, noise, index }) { Ok(()) } else { Err(bad_probs(probs, k)) }
}

/// What [`sample`] writes.
#[derive(Debug)]
pub struct Samples<'a> {
    /// rows x k: the softmax.
    pub probs: &'a mut [f32],
    /// rows: the category drawn from each.
    pub index: &'a mut [u32],
    /// rows x k: a row of k zeros and a single one for each index.
    pub one_hot: &'a mut [f32],
}

/// [`softmax`], one [`draw`] for each row and [`one_hot`], with the bits of the three. Faster than these where the
/// arrays do not fit in the cache: a block of rows goes through all three before the next.
///
/// An estimator's gradient takes the probabilities of tau = 1, whatever temperature of its own it has: `tau` here
/// tempers what is drawn from, and probabilities of another temperature are not for [`crate::GradientInputs`].
///
/// # Errors
/// Those of the three. After [`Error::Logits`] the outputs are unspecified.
pub fn sample<B: Backend>(
    backend: &B,
    logits: &[f32],
    k: usize,
    tau: f32,
    noise: Noise<'_>,
    out: Samples<'_>,
) -> Result<()> {
    let Samples { probs, index, one_hot } = out;
    check_tau(tau)?;
    let rows = check_rows(Argument::Logits, logits.len(), k)?;
    check_len(Argument::Probs, probs.len(), logits.len())?;
    check_len(Argument::Index, index.len(), rows)?;
    check_len(Argument::Output, one_hot.len(), logits.len())?;
    check_noise(noise, index.len(), k, index)?;
    backend.sample(Sample { logits, k, scale: 1.0 / tau, noise, probs, index, one_hot })
}

/// Writes a row of k zeros and a single one for each index.
///
/// # Errors
/// [`Error::NoCategories`], [`Error::Length`], [`Error::Value`] for an index beyond k.
pub fn one_hot<B: Backend>(backend: &B, index: &[u32], k: usize, out: &mut [f32]) -> Result<()> {
    check_len(Argument::Index, index.len(), check_rows(Argument::Output, out.len(), k)?)?;
    check_indices(index, k)?;
    backend.run_rows(OneHot { index, k, out });
    Ok(())
}

/// The most probable category of each row, the first of several: what evaluation takes in place of a draw. `logits` (or
/// probabilities) is rows x k, `index` has one element for each row.
///
/// # Errors
/// [`Error::NoCategories`], [`Error::Length`], [`Error::Logits`] for a row with NaN, or with nothing but -inf.
pub fn argmax(logits: &[f32], k: usize, index: &mut [u32]) -> Result<()> {
    check_len(Argument::Index, index.len(), check_rows(Argument::Logits, logits.len(), k)?)?;
    for (row, (logits, index)) in crate::kernel::rows::rows(logits, k).zip(index).enumerate() {
        *index = crate::kernel::rows::argmax(logits).ok_or(Error::Logits { row })?;
    }
    Ok(())
}
