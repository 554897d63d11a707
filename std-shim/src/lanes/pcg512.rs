//! Sixteen PCG32 generators in 512-bit registers.
//!
//! An output is 32 bits out of 64, and what is done with it needs a register of sixteen where the states fill two: one
//! permutation of two registers takes the lower halves of all states, another one the upper halves.

use core::arch::x86_64::*;

use reinmax_core::kernel::LANES;

/// The uniforms of sixteen states, which take a step.
///
/// # Safety
/// The CPU has AVX-512.
#[inline(always)]
pub(super) unsafe fn uniforms(states: &mut [u64; LANES], multiplier: u64, increment: u64) -> __m512 {
    let states: *mut __m512i = states.as_mut_ptr().cast();
    // SAFETY: there are two registers of states.
    unsafe {
        let (a, b) = (_mm512_loadu_si512(states), _mm512_loadu_si512(states.add(1)));
        let (multiplier, increment) = (_mm512_set1_epi64(multiplier as i64), _mm512_set1_epi64(increment as i64));
        _mm512_storeu_si512(states, _mm512_add_epi64(_mm512_mullo_epi64(a, multiplier), increment));
        _mm512_storeu_si512(states.add(1), _mm512_add_epi64(_mm512_mullo_epi64(b, multiplier), increment));
        let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        let rotation = _mm512_srli_epi32::<27>(_mm512_permutex2var_epi32(a, odd, b));
        let output = _mm512_rorv_epi32(_mm512_permutex2var_epi32(mixed(a), even, mixed(b)), rotation);
        // `reinmax_core::random::uniform`.
        let mantissa = _mm512_or_si512(_mm512_srli_epi32::<9>(output), _mm512_set1_epi32(0x3f80_0000));
        _mm512_sub_ps(_mm512_castsi512_ps(mantissa), _mm512_set1_ps(1.0 - 1.0 / 16_777_216.0))
    }
}

/// Bits 27 to 58 of `state ^ state >> 18` as the lower half of each lane: PCG32's output before its rotation by the
/// upper five bits of the state.
///
/// # Safety
/// The CPU has AVX-512.
#[inline(always)]
unsafe fn mixed(state: __m512i) -> __m512i {
    // SAFETY: arithmetic on registers alone.
    unsafe { _mm512_srli_epi64::<27>(_mm512_xor_si512(_mm512_srli_epi64::<18>(state), state)) }
}
