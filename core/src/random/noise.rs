//! The noise of draws: a stream's, the caller's, or none.

use super::Stream;
use crate::check::{check_len, check_uniforms};
use crate::{Argument, Backend, Result};

/// Where the randomness of draws comes from.
#[derive(Clone, Copy, Debug)]
pub enum Noise<'a> {
    /// Outputs `position ..` of a stream.
    Stream {
        /// The sequence.
        stream: Stream,
        /// The first output to take.
        position: u64,
    },
    /// Numbers in [0, 1), as many as the draws take.
    Uniforms(&'a [f32]),
    /// Forced draws: these categories, one for each draw, whatever their probabilities. An estimator whose backward
    /// pass needs noise besides the index makes it from the stream and `position`, too: Gumbel-Softmax from outputs of
    /// the stream's companion, Gumbel-Rao from keys.
    Forced {
        /// The categories.
        index: &'a [u32],
        /// For noise that is conditioned on the index.
        stream: Stream,
        /// The first output of that stream to take.
        position: u64,
    },
}

impl Noise<'_> {
    /// The uniforms themselves, in [0, 1): what an operation with draws of its own reads, a mask or a perturbation.
    /// With forced categories they come from the stream's companion, as an estimator's noise besides the category does.
    ///
    /// # Errors
    /// [`crate::Error::Length`] and [`crate::Error::Value`] for numbers of the caller's: `out` takes all of them.
    pub fn fill_uniforms<B: Backend>(&self, backend: &B, out: &mut [f32]) -> Result<()> {
        match self {
            Noise::Stream { stream, position } => stream.fill_uniforms_on(backend, *position, out),
            Noise::Forced { stream, position, .. } => stream.companion().fill_uniforms_on(backend, *position, out),
            Noise::Uniforms(given) => {
                check_len(Argument::Uniforms, given.len(), out.len())?;
                check_uniforms(given)?;
                out.copy_from_slice(given);
            }
        }
        Ok(())
    }

    /// The noise of the first `draws` draws, of `width` uniforms each, and that of the others.
    pub(crate) fn split(self, draws: usize, width: usize) -> (Self, Self) {
        let uniforms = draws.saturating_mul(width);
        match self {
            Noise::Stream { stream, position } => {
                (self, Noise::Stream { stream, position: position.wrapping_add(uniforms as u64) })
            }
            Noise::Uniforms(all) => {
                let (first, second) = all.split_at_checked(uniforms).unwrap_or((all, &[]));
                (Noise::Uniforms(first), Noise::Uniforms(second))
            }
            Noise::Forced { index, stream, position } => {
                let (first, second) = index.split_at_checked(draws).unwrap_or((index, &[]));
                let first = Noise::Forced { index: first, stream, position };
                (first, Noise::Forced { index: second, stream, position: position.wrapping_add(uniforms as u64) })
            }
        }
    }
}

impl Noise<'static> {
    /// Outputs `position ..` of `stream`.
    pub fn stream(stream: &Stream, position: u64) -> Self {
        Noise::Stream { stream: *stream, position }
    }
}
