//! The square root, correctly rounded, with no more than multiplications and divisions of floats and some integers.

use super::SIMD;
use super::lanes::is_positive_finite;

/// The square root: in one instruction where the target has one that Rust can name without `unsafe`.
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    if SIMD { libm::sqrtf(x) } else { in_software(x) }
}

/// The square root without such an instruction: Heron's steps, and one to the right rounding. A third of the code of
/// `libm::sqrtf`, which has a table.
pub fn in_software(x: f32) -> f32 {
    if !is_positive_finite(x) {
        // Zero keeps its sign; the root of a negative number is NaN.
        return if x < 0.0 { f32::NAN } else { x };
    }
    // Subnormal numbers are scaled by 2^24 first, their roots by 2^-12 afterwards.
    let tiny = x < f32::MIN_POSITIVE;
    let bits = if tiny { x * 16_777_216.0 } else { x }.to_bits();
    // x = m * 4^e, m in [1, 4).
    let m = f32::from_bits((bits & 0x00ff_ffff) + if bits & 0x0080_0000 == 0 { 0x4000_0000 } else { 0x3f00_0000 });
    // Halving the exponent bits halves the exponent: off by 3.5 % at most, and by a rounding after three steps.
    let mut root = f32::from_bits((m.to_bits() >> 1) + 0x1fbb_4f2e);
    for _ in 0..3 {
        root = 0.5 * (root + m / root);
    }
    // As whole numbers r = root * 2^23 and m * 2^46: r is right where m * 2^46 is in (r^2 - r, r^2 + r]. The low 32
    // bits of the difference are all of it.
    let r = (root * 8_388_608.0) as u32;
    let shift = if m < 2.0 { 23 } else { 24 };
    let rest = (((m.to_bits() & 0x007f_ffff | 0x0080_0000) << shift).wrapping_sub(r.wrapping_mul(r))) as i32;
    let r = r + u32::from(rest > r as i32) - u32::from(rest <= -(r as i32));
    // The root's exponent is half that of 4^e.
    let exponent = ((bits >> 24) + 63 + u32::from(bits & 0x0080_0000 != 0)) << 23;
    let root = f32::from_bits(exponent.wrapping_add(r).wrapping_sub(0x0080_0000));
    if tiny { root * (1.0 / 4096.0) } else { root }
}
