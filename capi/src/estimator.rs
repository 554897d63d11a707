//! Estimators: one invocation each. Nobody calls what it does not use, so a firmware with one estimator links one.

use reinmax_core::{
    DrawInputs, Estimator, GradientInputs, GumbelSoftmax, ReinMax, Reinforce, ScoreEstimator, ScoreInputs,
    StraightThrough, Var,
};

use crate::engine;
use crate::flat::{CNoise, noise, noise_range};
use crate::memory::{product, put, range, read, write};
use crate::status::{Status, status_of};
use crate::tape::{CDraws, CTape, record};

/// The functions of an estimator that works from the upstream gradient: type and configuration, then five names.
macro_rules! estimator {
    ($core:ident { $($field:ident),* }, $sample:ident, $column:ident, $sizes:ident, $draw:ident, $backward:ident) => {
        #[doc = concat!(" ", stringify!($core), ": repeats draws for each row of logits (rows x k), as one-hot rows, (rows * repeats) x k.")]
        /// The gradient of the logits is the estimator's. probs is the softmax of logits. draws: NULL for the tape's stream.
        ///
        /// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP, BOTH_NOISES;
        /// besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $sample(
            tape: *mut CTape,
            $($field: f32,)*
            logits: u64,
            probs: u64,
            repeats: u32,
            draws: *const CDraws,
            out: *mut u64,
        ) -> Status {
            // SAFETY: the caller's promise.
            unsafe {
                record(tape, out, |open| {
                    let (logits, probs, draws) = (Var::from_bits(logits), Var::from_bits(probs), open.draws(draws)?);
                    Ok(open.tape.sample_many($core { $($field),* }, logits, probs, repeats, draws)?)
                })
            }
        }

        #[doc = concat!(" ", stringify!($core), ": one column of the one-hot rows, as rows x repeats; cheaper than the whole.")]
        ///
        /// Errors: those of the function above; VALUE for a column beyond k.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $column(
            tape: *mut CTape,
            $($field: f32,)*
            logits: u64,
            probs: u64,
            repeats: u32,
            column: u32,
            draws: *const CDraws,
            out: *mut u64,
        ) -> Status {
            // SAFETY: the caller's promise.
            unsafe {
                record(tape, out, |open| {
                    let (logits, probs, draws) = (Var::from_bits(logits), Var::from_bits(probs), open.draws(draws)?);
                    Ok(open.tape.sample_column($core { $($field),* }, logits, probs, repeats, column, draws)?)
                })
            }
        }

        #[doc = concat!(" ", stringify!($core), ": how many uniforms a draw among k categories takes, and how many floats it saves.")]
        ///
        /// Errors: NULL, MISALIGNED.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $sizes(
            $($field: f32,)*
            k: usize,
            uniforms: *mut usize,
            saved: *mut usize,
        ) -> Status {
            let estimator = $core { $($field),* };
            // SAFETY: the caller's promise.
            let run = || unsafe {
                put(uniforms, estimator.uniforms_per_draw(k))?;
                put(saved, estimator.saved_per_draw(k))
            };
            status_of(run())
        }

        #[doc = concat!(" ", stringify!($core), ": draws draws for each row, on plain arrays. logits and probs are rows x k, index is")]
        /// rows * draws, saved is that times the floats that a draw saves (NULL where that is 0).
        ///
        /// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE, OVERLAP,
        /// BOTH_NOISES, NULL, MISALIGNED.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $draw(
            $($field: f32,)*
            logits: *const f32,
            probs: *const f32,
            rows: usize,
            k: usize,
            draws: usize,
            noise: *const CNoise,
            index: *mut u32,
            saved: *mut f32,
        ) -> Status {
            let estimator = $core { $($field),* };
            // SAFETY: the caller's promise.
            let run = || unsafe {
                estimator.check()?;
                let (elements, count) = (product(rows, k)?, product(rows, draws)?);
                let (logits, probs, noise) = (read(logits, elements)?, read(probs, elements)?, self::noise(noise)?);
                let inputs = [range(logits), range(probs), noise_range(&noise)];
                let index = write(index, count, &inputs)?;
                let [a, b, c] = inputs;
                let saved = write(saved, product(count, estimator.saved_per_draw(k))?, &[a, b, c, range(index)])?;
                Ok(estimator.draw(&engine(), DrawInputs { logits, probs, k, draws, noise }, index, saved)?)
            };
            status_of(run())
        }

        #[doc = concat!(" ", stringify!($core), ": adds the gradient of the logits to grad (rows x k), on plain arrays. logits and probs are")]
        /// rows x k, index is rows * draws, saved is what the draw saved (NULL where that is nothing), upstream is (rows * draws) x
        /// k: the gradient of the loss with respect to each one-hot row.
        ///
        /// Errors: NO_CATEGORIES, VALUE (configuration, index), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $backward(
            $($field: f32,)*
            logits: *const f32,
            probs: *const f32,
            index: *const u32,
            saved: *const f32,
            upstream: *const f32,
            rows: usize,
            k: usize,
            draws: usize,
            grad: *mut f32,
        ) -> Status {
            let estimator = $core { $($field),* };
            // SAFETY: the caller's promise.
            let run = || unsafe {
                let (elements, count) = (product(rows, k)?, product(rows, draws)?);
                let (logits, probs, index) = (read(logits, elements)?, read(probs, elements)?, read(index, count)?);
                let saved = read(saved, product(count, estimator.saved_per_draw(k))?)?;
                let upstream = read(upstream, product(count, k)?)?;
                let others = [range(logits), range(probs), range(index), range(saved), range(upstream)];
                let grad = write(grad, elements, &others)?;
                let inputs = GradientInputs { logits, probs, index, saved, upstream, k, draws, column: None };
                Ok(estimator.backward(&engine(), inputs, grad)?)
            };
            status_of(run())
        }
    };
}

/// The function of an estimator that works from losses alone: type and configuration, then its name.
macro_rules! score_estimator {
    ($core:ident { $($field:ident),* }, $gradient:ident) => {
        #[doc = concat!(" ", stringify!($core), ": adds the gradient of the logits to grad (rows x k), from the loss of each draw. probs is rows x k,")]
        /// index is rows * draws, losses is losses_len = rows * draws, or draws where all rows share a sample's loss.
        ///
        /// Errors: NO_CATEGORIES, LENGTH (losses), VALUE (configuration, index), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $gradient(
            $($field: f32,)*
            probs: *const f32,
            index: *const u32,
            losses: *const f32,
            losses_len: usize,
            rows: usize,
            k: usize,
            draws: usize,
            grad: *mut f32,
        ) -> Status {
            // SAFETY: the caller's promise.
            let run = || unsafe {
                let elements = product(rows, k)?;
                let (probs, index) = (read(probs, elements)?, read(index, product(rows, draws)?)?);
                let losses = read(losses, losses_len)?;
                let grad = write(grad, elements, &[range(probs), range(index), range(losses)])?;
                let inputs = ScoreInputs { probs, index, losses, k, draws };
                Ok($core { $($field),* }.gradient(&engine(), inputs, grad)?)
            };
            status_of(run())
        }
    };
}

#[rustfmt::skip]
mod table {
    use super::*;

    estimator!(ReinMax { tau }, reinmax_tape_sample_reinmax, reinmax_tape_sample_column_reinmax, reinmax_sizes_reinmax, reinmax_draw_reinmax, reinmax_backward_reinmax);
    estimator!(StraightThrough { tau }, reinmax_tape_sample_straight_through, reinmax_tape_sample_column_straight_through, reinmax_sizes_straight_through, reinmax_draw_straight_through, reinmax_backward_straight_through);
    estimator!(GumbelSoftmax { tau }, reinmax_tape_sample_gumbel_softmax, reinmax_tape_sample_column_gumbel_softmax, reinmax_sizes_gumbel_softmax, reinmax_draw_gumbel_softmax, reinmax_backward_gumbel_softmax);
    score_estimator!(Reinforce { baseline }, reinmax_gradient_reinforce);
}
pub use table::*;
