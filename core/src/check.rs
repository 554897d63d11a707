//! Checks of arguments. Every public function refuses what it cannot compute before it writes anything.

use crate::kernel::lanes::is_positive_finite;
use crate::kernel::{LANES, SIMD};
use crate::random::Noise;
use crate::{Argument, Error, Result};

/// Refuses element `at` of an argument unless it is fine.
#[inline]
pub(crate) fn require(fine: bool, argument: Argument, at: usize) -> Result<()> {
    if fine { Ok(()) } else { Err(Error::Value { argument, at }) }
}

/// Refuses the first element that is not fine.
#[inline]
pub(crate) fn require_each(x: &[f32], fine: impl Fn(f32) -> bool, argument: Argument) -> Result<()> {
    match x.iter().position(|x| !fine(*x)) {
        Some(at) => Err(Error::Value { argument, at }),
        None => Ok(()),
    }
}

/// Whether a number is finite and not negative.
#[inline]
pub(crate) fn at_least_zero(x: f32) -> bool {
    // One comparison of integers: the bits of negative numbers, infinity and NaN are at least those of infinity, and
    // adding 0 makes 0 of -0. 164 bytes less of Adam on a Cortex-M4.
    (x + 0.0).to_bits() < f32::INFINITY.to_bits()
}

/// Whether a number is in [0, 1), as uniforms and decay rates are.
#[inline]
pub(crate) fn in_unit(x: f32) -> bool {
    (0.0..1.0).contains(&x)
}

/// Refuses a slice that is not `expected` elements long.
#[inline]
pub(crate) fn check_len(argument: Argument, got: usize, expected: usize) -> Result<()> {
    if got == expected { Ok(()) } else { Err(Error::Length { argument, expected, got }) }
}

/// The number of rows of `argument`, a slice of `len` elements.
pub(crate) fn check_rows(argument: Argument, len: usize, k: usize) -> Result<usize> {
    // checked_div and checked_rem keep the division's panic out.
    let rows = len.checked_div(k).ok_or(Error::NoCategories)?;
    check_len(argument, len, rows * k)?;
    Ok(rows)
}

/// The number of elements that `rows` times `cols` are.
#[inline]
pub(crate) fn product(rows: usize, cols: usize) -> Result<usize> {
    rows.checked_mul(cols).ok_or(Error::TooLarge)
}

/// Refuses an exponent that is not positive and finite.
#[inline]
pub(crate) fn check_power(power: f32) -> Result<()> {
    require(is_positive_finite(power), Argument::Power, 0)
}

/// Refuses no draws at all.
#[inline]
pub(crate) fn check_draws(draws: usize) -> Result<()> {
    require(draws > 0, Argument::Repeats, 0)
}

/// Refuses more than `max` categories.
#[inline]
pub(crate) fn check_categories(k: usize, max: usize) -> Result<()> {
    require(k <= max, Argument::Categories, k)
}

/// Refuses a temperature that is not positive and finite (NaN included: no comparison holds for it), or whose
/// reciprocal is not.
#[inline]
pub(crate) fn check_tau(tau: f32) -> Result<()> {
    // The reciprocal of infinity is 0, so this is all of it.
    require(is_positive_finite(1.0 / tau), Argument::Tau, 0)
}

/// Refuses noise that does not suit the draws that `index` holds, which take `uniforms` numbers. Forced categories are
/// copied to `index`.
#[inline]
pub(crate) fn check_noise(noise: Noise<'_>, uniforms: usize, k: usize, index: &mut [u32]) -> Result<()> {
    match noise {
        Noise::Forced { index: forced, .. } => force(forced, k, index),
        Noise::Uniforms(given) => {
            check_len(Argument::Uniforms, given.len(), uniforms)?;
            check_uniforms(given)
        }
        Noise::Stream { .. } => Ok(()),
    }
}

/// Copies forced categories after checking each.
fn force(forced: &[u32], k: usize, index: &mut [u32]) -> Result<()> {
    check_len(Argument::Index, forced.len(), index.len())?;
    check_indices(forced, k)?;
    for (index, forced) in index.iter_mut().zip(forced) {
        *index = *forced;
    }
    Ok(())
}

/// Refuses a number outside [0, 1); NaN too.
pub(crate) fn check_uniforms(uniforms: &[f32]) -> Result<()> {
    require_each(uniforms, in_unit, Argument::Uniforms)
}

/// Refuses a category that does not exist.
pub(crate) fn check_indices(index: &[u32], k: usize) -> Result<()> {
    // A whole block at a time without an early exit: such a loop becomes vector instructions. No index is greater than
    // all of their bits together: for two categories, where there are most indices, that decides. Else, below 2^31, the
    // top bit of `index` or of `last - index` is set exactly where the index is beyond the last one; few instruction
    // sets compare unsigned numbers.
    let end = u32::try_from(k).unwrap_or(u32::MAX);
    if !SIMD {
        return match index.iter().position(|index| *index >= end) {
            Some(at) => Err(Error::Value { argument: Argument::Index, at }),
            None => Ok(()),
        };
    }
    let last = end.wrapping_sub(1);
    for (block, indices) in index.chunks(LANES * LANES).enumerate() {
        if end > 0 && all_bits(indices) <= last {
            continue;
        }
        let sign = indices.iter().fold(0, |sign, index| sign | index | last.wrapping_sub(*index)) >> 31;
        if (sign != 0 || end > 1 << 31 || end == 0) && indices.iter().any(|index| *index >= end) {
            let within = indices.iter().position(|index| *index >= end).unwrap_or(0);
            return Err(Error::Value { argument: Argument::Index, at: block * LANES * LANES + within });
        }
    }
    Ok(())
}

/// The bits of all indices together. Sixteen at a time: the registers that hold them do not wait for each other.
fn all_bits(indices: &[u32]) -> u32 {
    let (blocks, rest) = indices.as_chunks::<LANES>();
    let mut bits = [0; LANES];
    for block in blocks {
        for (bits, index) in bits.iter_mut().zip(block) {
            *bits |= index;
        }
    }
    bits.iter().chain(rest).fold(0, |bits, index| bits | index)
}
