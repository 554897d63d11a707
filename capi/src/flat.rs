//! Kernels on plain arrays, for a runtime that has an autodiff of its own.

use reinmax_core::{Noise, Stream, categorical};

use crate::engine;
use crate::memory::{get, product, range, read, write};
use crate::status::{CError, Result, Status, status_of};

/// Where the draws of a plain array come from. A function that draws needs one: NULL is an error there. (On a tape NULL
/// draws are those of the tape's stream.)
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CNoise {
    /// Numbers in [0, 1), as many as the draws take; or NULL.
    pub uniforms: *const f32,
    /// Categories, one for each draw, even such of probability 0; or NULL.
    pub forced: *const u32,
    /// Elements of whichever is not NULL; 0 where both are.
    pub len: usize,
    /// With both NULL: the sequence. With forced categories: noise that an estimator needs besides.
    pub seed: u64,
    /// Which sequence of this seed.
    pub stream: u64,
    /// The first output to take. The next call continues with this plus the number of uniforms taken.
    pub position: u64,
}

/// # Safety
/// As [`read`], for the struct and for what it points to.
pub(crate) unsafe fn noise<'a>(pointer: *const CNoise) -> Result<Noise<'a>> {
    // SAFETY: the caller's promise.
    let CNoise { uniforms, forced, len, seed, stream, position } = unsafe { get(pointer)? };
    let stream = Stream::new(seed, stream);
    match (uniforms.is_null(), forced.is_null()) {
        // A length with nothing behind it is an allocation that failed.
        (true, true) if len != 0 => Err(CError::of(Status::Null)),
        (true, true) => Ok(Noise::stream(&stream, position)),
        // SAFETY: the caller's promise.
        (false, true) => Ok(Noise::Uniforms(unsafe { read(uniforms, len)? })),
        // SAFETY: the caller's promise.
        (true, false) => Ok(Noise::Forced { index: unsafe { read(forced, len)? }, stream, position }),
        (false, false) => Err(CError::of(Status::BothNoises)),
    }
}

/// The addresses of what a noise reads: outputs must lie elsewhere.
pub(crate) fn noise_range(noise: &Noise<'_>) -> core::ops::Range<usize> {
    match noise {
        Noise::Uniforms(uniforms) => range(uniforms),
        Noise::Forced { index, .. } => range(index),
        Noise::Stream { .. } => 0..0,
    }
}

/// probs = softmax(logits / tau), row by row; both rows x k. -inf masks a category.
///
/// Errors: NO_CATEGORIES, VALUE for tau, LOGITS, TOO_LARGE, OVERLAP, NULL, MISALIGNED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_softmax(
    logits: *const f32,
    rows: usize,
    k: usize,
    tau: f32,
    probs: *mut f32,
) -> Status {
    // SAFETY: the caller's promise.
    let run = || unsafe {
        let logits = read(logits, product(rows, k)?)?;
        let probs = write(probs, logits.len(), &[range(logits)])?;
        Ok(categorical::softmax(&engine(), logits, k, tau, probs)?)
    };
    status_of(run())
}

/// log_probs = logits - logsumexp(logits), row by row; both rows x k.
///
/// Errors: NO_CATEGORIES, LOGITS, TOO_LARGE, OVERLAP, NULL, MISALIGNED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_log_softmax(logits: *const f32, rows: usize, k: usize, log_probs: *mut f32) -> Status {
    // SAFETY: the caller's promise.
    let run = || unsafe {
        let logits = read(logits, product(rows, k)?)?;
        let log_probs = write(log_probs, logits.len(), &[range(logits)])?;
        Ok(categorical::log_softmax(&engine(), logits, k, log_probs)?)
    };
    status_of(run())
}

/// For each row of probs (rows x k) as many categories as `draws` says: rows * draws indices, those of a row side by
/// side. One uniform u a draw; the index is the smallest whose prefix sum exceeds u times the row's total. A row of
/// zeros gives 0. Negative probabilities are not looked for: what they give is unspecified.
///
/// Errors: NO_CATEGORIES, VALUE for 0 draws, LENGTH and VALUE for the noise, VALUE for probabilities whose sum is NaN
/// or infinite, TOO_LARGE, OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_draw(
    probs: *const f32,
    rows: usize,
    k: usize,
    draws: usize,
    noise: *const CNoise,
    index: *mut u32,
) -> Status {
    // SAFETY: the caller's promise.
    let run = || unsafe {
        let (probs, noise) = (read(probs, product(rows, k)?)?, self::noise(noise)?);
        let index = write(index, product(rows, draws)?, &[range(probs), noise_range(&noise)])?;
        Ok(categorical::draw(&engine(), probs, k, draws, noise, index)?)
    };
    status_of(run())
}

/// A row of k zeros and a single one for each of rows indices: out is rows x k.
///
/// Errors: NO_CATEGORIES, VALUE for an index beyond k, TOO_LARGE, OVERLAP, NULL, MISALIGNED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_one_hot(index: *const u32, rows: usize, k: usize, out: *mut f32) -> Status {
    // SAFETY: the caller's promise.
    let run = || unsafe {
        let index = read(index, rows)?;
        let out = write(out, product(rows, k)?, &[range(index)])?;
        Ok(categorical::one_hot(&engine(), index, k, out)?)
    };
    status_of(run())
}

/// softmax at temperature tau, one draw for each row and its one-hot vector, with the results of reinmax_softmax,
/// reinmax_draw and reinmax_one_hot: probs and one_hot are rows x k, index is rows. Faster than these where the arrays
/// do not fit in the cache. Estimators take probs of temperature 1. After an error the outputs are unspecified.
///
/// Errors: NO_CATEGORIES, VALUE for tau, LOGITS, LENGTH and VALUE for the noise, TOO_LARGE, OVERLAP, BOTH_NOISES, NULL,
/// MISALIGNED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_sample(
    logits: *const f32,
    rows: usize,
    k: usize,
    tau: f32,
    noise: *const CNoise,
    probs: *mut f32,
    index: *mut u32,
    one_hot: *mut f32,
) -> Status {
    // SAFETY: the caller's promise.
    let run = || unsafe {
        let (logits, noise) = (read(logits, product(rows, k)?)?, self::noise(noise)?);
        let [a, b] = [range(logits), noise_range(&noise)];
        let probs = write(probs, logits.len(), &[a.clone(), b.clone()])?;
        let index = write(index, rows, &[a.clone(), b.clone(), range(probs)])?;
        let one_hot = write(one_hot, logits.len(), &[a, b, range(probs), range(index)])?;
        Ok(categorical::sample(&engine(), logits, k, tau, noise, categorical::Samples { probs, index, one_hot })?)
    };
    status_of(run())
}

/// Outputs position .. position + len of the sequence (seed, stream), as numbers strictly between 0 and 1.
///
/// Errors: TOO_LARGE, NULL, MISALIGNED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_uniforms(seed: u64, stream: u64, position: u64, out: *mut f32, len: usize) -> Status {
    // SAFETY: the caller's promise.
    let run = || unsafe {
        Stream::new(seed, stream).fill_uniforms(position, write(out, len, &[])?);
        Ok(())
    };
    status_of(run())
}
