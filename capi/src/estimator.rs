//! Estimators. One macro line makes the functions of an estimator; the linker keeps those that a program calls, so
//! firmware with one estimator contains one.

use reinmax_core::estimator::draw_antithetic;
use reinmax_core::{
    Arm, Darn, DecoupledGumbel, DecoupledSt, DisArm, DrawInputs, Estimator, Gap, GappedSt, GradientInputs, GumbelRao,
    GumbelSoftmax, Mve, ReinMax, ReinMaxRao, ReinMaxTau1, Reinforce, Rloo, ScoreEstimator, ScoreInputs,
    StraightThrough, Var,
};

use crate::engine;
use crate::flat::{CNoise, noise, noise_range};
use crate::memory::{product, put, range, read, write};
use crate::status::{Status, status_of};
use crate::tape::{CDraws, CTape, record};

/// The function that records one column of an estimator's samples, by one of the tape's two methods for that.
macro_rules! sample_column {
    ($(#[$doc:meta])* $name:ident($($field:ident: $type:ty),*) $make:expr, $method:ident) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            tape: *mut CTape,
            $($field: $type,)*
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
                    Ok(open.tape.$method($make, logits, probs, repeats, column, draws)?)
                })
            }
        }
    };
}

/// The functions of an estimator that works from the upstream gradient: name, parameters and what is made of them, then
/// six names.
macro_rules! estimator {
    ($core:literal, ($($field:ident: $type:ty),*) $make:expr, $sample:ident, $column:ident, $short:ident, $sizes:ident, $draw:ident, $backward:ident) => {
        #[doc = concat!(" ", $core, ": as many draws for each row of logits (rows x k) as `repeats` says, as one-hot rows,")]
        /// (rows * repeats) x k. The backward pass adds up this estimator's gradients of a row's draws
        /// (docs/estimators.md has its formula and parameters). probs is the softmax of logits, at temperature 1.
        /// draws: NULL for the tape's stream.
        ///
        /// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP,
        /// BOTH_NOISES; besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $sample(
            tape: *mut CTape,
            $($field: $type,)*
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
                    Ok(open.tape.sample_many($make, logits, probs, repeats, draws)?)
                })
            }
        }

        sample_column! {
            #[doc = concat!(" ", $core, ": one column of the one-hot rows, as rows x repeats. Up to k = 16 the rows are not written.")]
            ///
            /// Errors: those of the function above; VALUE for a column beyond k.
            $column($($field: $type),*) $make, sample_column
        }
        sample_column! {
            #[doc = concat!(" ", $core, ": the same for k of up to 16 only, from less code.")]
            ///
            /// Errors: those of the function above; VALUE for more categories.
            $short($($field: $type),*) $make, sample_short_column
        }

        #[doc = concat!(" ", $core, ": how many uniforms a draw among k categories takes, and how many floats it saves.")]
        ///
        /// Errors: NULL, MISALIGNED.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $sizes(
            $($field: $type,)*
            k: usize,
            uniforms: *mut usize,
            saved: *mut usize,
        ) -> Status {
            let estimator = $make;
            // SAFETY: the caller's promise.
            let run = || unsafe {
                put(uniforms, estimator.uniforms_per_draw(k))?;
                put(saved, estimator.saved_per_draw(k))
            };
            status_of(run())
        }

        #[doc = concat!(" ", $core, ": as many draws for each row as `draws` says, on plain arrays. logits and probs (their")]
        /// softmax at temperature 1) are rows x k, index is rows * draws, saved is that times the floats that a draw
        /// saves (NULL where that is 0).
        ///
        /// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE,
        /// OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $draw(
            $($field: $type,)*
            logits: *const f32,
            probs: *const f32,
            rows: usize,
            k: usize,
            draws: usize,
            noise: *const CNoise,
            index: *mut u32,
            saved: *mut f32,
        ) -> Status {
            let estimator = $make;
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

        #[doc = concat!(" ", $core, ": adds the gradient of the logits to grad (rows x k), summed over a row's draws, on plain")]
        /// arrays. logits and probs (their softmax at temperature 1) are rows x k, index is rows * draws, saved is what
        /// the draw saved (NULL where that is nothing), upstream is (rows * draws) x k: the gradient of the loss with
        /// respect to each one-hot row.
        ///
        /// Errors: NO_CATEGORIES, VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $backward(
            $($field: $type,)*
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
            let estimator = $make;
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

/// The function of an estimator that works from losses alone: as above, with one name.
macro_rules! score_estimator {
    ($core:literal, ($($field:ident: $type:ty),*) $make:expr, $gradient:ident) => {
        #[doc = concat!(" ", $core, ": adds the gradient of the logits to grad (rows x k), from the loss of each draw. probs is rows x k,")]
        /// index is rows * draws, losses is losses_len = rows * draws, or draws where all rows share a sample's loss. A
        /// sum over draws: divided by their number it estimates the mean loss's gradient.
        ///
        /// Errors: NO_CATEGORIES, LENGTH (losses), VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL,
        /// MISALIGNED.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $gradient(
            $($field: $type,)*
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
                Ok($make.gradient(&engine(), inputs, grad)?)
            };
            status_of(run())
        }
    };
}

/// The gap of Gapped Straight-Through as C gives it.
fn gap(gap: f32) -> Gap {
    if gap < 0.0 { Gap::Adaptive } else { Gap::Constant(gap) }
}

/// Draws antithetic pairs for ARM and DisARM: probs is rows x 2, uniforms is rows * pairs numbers in [0, 1), index
/// receives two categories for each of them, side by side.
///
/// Errors: VALUE (a uniform, a probability that is not finite), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_draw_antithetic(
    probs: *const f32,
    uniforms: *const f32,
    rows: usize,
    pairs: usize,
    index: *mut u32,
) -> Status {
    // SAFETY: the caller's promise.
    let run = || unsafe {
        let count = product(rows, pairs)?;
        let (probs, uniforms) = (read(probs, product(rows, 2)?)?, read(uniforms, count)?);
        let index = write(index, product(count, 2)?, &[range(probs), range(uniforms)])?;
        Ok(draw_antithetic(probs, 2, uniforms, index)?)
    };
    status_of(run())
}

/// ARM (k = 2): adds the gradient of the logits to grad (rows x 2). probs is rows x 2; index is rows * 2 pairs, drawn
/// by reinmax_draw_antithetic from uniforms (rows * pairs); losses is losses_len = rows * 2 pairs, or 2 pairs where all
/// rows share a sample's loss. A sum over draws, two for each pair: divided by their number it estimates the mean
/// loss's gradient.
///
/// Errors: LENGTH (losses), VALUE (index, a uniform, pairs), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_gradient_arm(
    probs: *const f32,
    index: *const u32,
    uniforms: *const f32,
    losses: *const f32,
    losses_len: usize,
    rows: usize,
    pairs: usize,
    grad: *mut f32,
) -> Status {
    // SAFETY: the caller's promise.
    let run = || unsafe {
        let (elements, count, draws) = (product(rows, 2)?, product(rows, pairs)?, product(pairs, 2)?);
        let (probs, index) = (read(probs, elements)?, read(index, product(count, 2)?)?);
        let (uniforms, losses) = (read(uniforms, count)?, read(losses, losses_len)?);
        let grad = write(grad, elements, &[range(probs), range(index), range(uniforms), range(losses)])?;
        let inputs = ScoreInputs { probs, index, losses, k: 2, draws };
        Ok(Arm { uniforms }.gradient(&engine(), inputs, grad)?)
    };
    status_of(run())
}

#[rustfmt::skip]
mod table {
    use super::*;

    estimator!("ReinMax", (tau: f32) ReinMax { tau }, reinmax_tape_sample_reinmax, reinmax_tape_sample_column_reinmax, reinmax_tape_sample_short_column_reinmax, reinmax_sizes_reinmax, reinmax_draw_reinmax, reinmax_backward_reinmax);
    estimator!("ReinMax at temperature 1 (less code than ReinMax, the same bits)", () ReinMaxTau1, reinmax_tape_sample_reinmax_tau1, reinmax_tape_sample_column_reinmax_tau1, reinmax_tape_sample_short_column_reinmax_tau1, reinmax_sizes_reinmax_tau1, reinmax_draw_reinmax_tau1, reinmax_backward_reinmax_tau1);
    estimator!("Straight-Through", (tau: f32) StraightThrough { tau }, reinmax_tape_sample_straight_through, reinmax_tape_sample_column_straight_through, reinmax_tape_sample_short_column_straight_through, reinmax_sizes_straight_through, reinmax_draw_straight_through, reinmax_backward_straight_through);
    estimator!("Gumbel-Softmax", (tau: f32) GumbelSoftmax { tau }, reinmax_tape_sample_gumbel_softmax, reinmax_tape_sample_column_gumbel_softmax, reinmax_tape_sample_short_column_gumbel_softmax, reinmax_sizes_gumbel_softmax, reinmax_draw_gumbel_softmax, reinmax_backward_gumbel_softmax);
    estimator!("Decoupled Gumbel-Softmax (tau_backward is the gradient's; tau_forward, of a relaxed sample that only the Rust interface gives, changes nothing here)", (tau_forward: f32, tau_backward: f32) DecoupledGumbel { tau_forward, tau_backward }, reinmax_tape_sample_decoupled_gumbel, reinmax_tape_sample_column_decoupled_gumbel, reinmax_tape_sample_short_column_decoupled_gumbel, reinmax_sizes_decoupled_gumbel, reinmax_draw_decoupled_gumbel, reinmax_backward_decoupled_gumbel);
    estimator!("Decoupled Straight-Through (a temperature for the draw, one for the gradient)", (tau_forward: f32, tau_backward: f32) DecoupledSt { tau_forward, tau_backward }, reinmax_tape_sample_decoupled_st, reinmax_tape_sample_column_decoupled_st, reinmax_tape_sample_short_column_decoupled_st, reinmax_sizes_decoupled_st, reinmax_draw_decoupled_st, reinmax_backward_decoupled_st);
    estimator!("Gapped Straight-Through (gap: 1 as published, any constant from 0 on, or negative for the adaptive one)", (tau: f32, gap: f32) GappedSt { tau, gap: self::gap(gap) }, reinmax_tape_sample_gapped_st, reinmax_tape_sample_column_gapped_st, reinmax_tape_sample_short_column_gapped_st, reinmax_sizes_gapped_st, reinmax_draw_gapped_st, reinmax_backward_gapped_st);
    estimator!("Gumbel-Rao (the mean of 1 to 65536 relaxed_samples)", (tau: f32, relaxed_samples: u32) GumbelRao { tau, relaxed_samples }, reinmax_tape_sample_gumbel_rao, reinmax_tape_sample_column_gumbel_rao, reinmax_tape_sample_short_column_gumbel_rao, reinmax_sizes_gumbel_rao, reinmax_draw_gumbel_rao, reinmax_backward_gumbel_rao);
    estimator!("Rao-Blackwellised ReinMax (the mean of 1 to 65536 relaxed_samples)", (tau: f32, relaxed_samples: u32) ReinMaxRao { tau, relaxed_samples }, reinmax_tape_sample_reinmax_rao, reinmax_tape_sample_column_reinmax_rao, reinmax_tape_sample_short_column_reinmax_rao, reinmax_sizes_reinmax_rao, reinmax_draw_reinmax_rao, reinmax_backward_reinmax_rao);
    estimator!("DARN", () Darn, reinmax_tape_sample_darn, reinmax_tape_sample_column_darn, reinmax_tape_sample_short_column_darn, reinmax_sizes_darn, reinmax_draw_darn, reinmax_backward_darn);
    estimator!("Minimum-variance estimation (k up to 32; 5.7 KiB of stack)", () Mve, reinmax_tape_sample_mve, reinmax_tape_sample_column_mve, reinmax_tape_sample_short_column_mve, reinmax_sizes_mve, reinmax_draw_mve, reinmax_backward_mve);
    score_estimator!("REINFORCE (baseline: what is taken from each loss, 0 for none)", (baseline: f32) Reinforce { baseline }, reinmax_gradient_reinforce);
    score_estimator!("RLOO (two draws or more)", () Rloo, reinmax_gradient_rloo);
    score_estimator!("DisARM (k = 2, draws in antithetic pairs)", () DisArm, reinmax_gradient_disarm);
}
pub use table::*;
