//! Eight PCG32 generators in 256-bit registers.
//!
//! There is no product of 64 bits: it is put together of three of 32 bits. An output is 32 bits out of 64; a shuffle of
//! two registers takes the lower halves of all states, another one the upper halves, and the eight come into order at
//! the end.

use core::arch::x86_64::*;

/// The uniforms of eight states, which take a step.
///
/// # Safety
/// The CPU has AVX2, and there are eight states.
#[inline(always)]
pub(super) unsafe fn uniforms(states: &mut [u64], multiplier: u64, increment: u64) -> __m256 {
    let states: *mut __m256i = states.as_mut_ptr().cast();
    // SAFETY: there are two registers of states.
    unsafe {
        let (a, b) = (_mm256_loadu_si256(states), _mm256_loadu_si256(states.add(1)));
        _mm256_storeu_si256(states, next(a, multiplier, increment));
        _mm256_storeu_si256(states.add(1), next(b, multiplier, increment));
        let high_halves = _mm256_shuffle_ps::<0xdd>(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b));
        let rotation = _mm256_srli_epi32::<27>(_mm256_castps_si256(high_halves));
        let output = _mm256_castps_si256(_mm256_shuffle_ps::<0x88>(mixed(a), mixed(b)));
        let right = _mm256_srlv_epi32(output, rotation);
        // A shift by 32, where there is no rotation, gives 0.
        let left = _mm256_sllv_epi32(output, _mm256_sub_epi32(_mm256_set1_epi32(32), rotation));
        let output = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_or_si256(left, right));
        // `reinmax_core::random::uniform`.
        let mantissa = _mm256_or_si256(_mm256_srli_epi32::<9>(output), _mm256_set1_epi32(0x3f80_0000));
        _mm256_sub_ps(_mm256_castsi256_ps(mantissa), _mm256_set1_ps(1.0 - 1.0 / 16_777_216.0))
    }
}

/// `state * multiplier + increment`.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn next(state: __m256i, multiplier: u64, increment: u64) -> __m256i {
    // SAFETY: arithmetic on registers alone.
    unsafe {
        let (low, high) = (_mm256_set1_epi64x(multiplier as i64), _mm256_set1_epi64x((multiplier >> 32) as i64));
        let crossed = _mm256_mul_epu32(_mm256_srli_epi64::<32>(state), low);
        let crossed = _mm256_slli_epi64::<32>(_mm256_add_epi64(crossed, _mm256_mul_epu32(state, high)));
        let straight = _mm256_add_epi64(_mm256_mul_epu32(state, low), _mm256_set1_epi64x(increment as i64));
        _mm256_add_epi64(straight, crossed)
    }
}

/// Bits 27 to 58 of `state ^ state >> 18` as the lower half of each lane: PCG32's output before its rotation by the
/// upper five bits of the state.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn mixed(state: __m256i) -> __m256 {
    // SAFETY: arithmetic on registers alone.
    unsafe { _mm256_castsi256_ps(_mm256_srli_epi64::<27>(_mm256_xor_si256(_mm256_srli_epi64::<18>(state), state))) }
}
