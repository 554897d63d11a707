//! Sixteen lanes in two 256-bit registers.
//!
//! With `FUSED` a multiply-add is rounded once, for `Numerics::Fast`; without, the bits are those of every other level.
//! Sums fold by halves, in the order of [`reinmax_core::kernel::lanes::fold`].
//!
//! Safety of every unsafe block here: the CPU has the instructions, and pointers come from slices and stay inside them.
//! The first holds because this type is named in `entry` alone, in functions that [`crate::Host`] calls only on a CPU
//! that has them: also for methods that need no value of the type.

// One argument for all blocks, above; the same sentence at each would hide the code.
#![allow(clippy::undocumented_unsafe_blocks)]

use core::arch::x86_64::*;
use core::ops::{Add, Div, Mul, Sub};

use reinmax_core::kernel::LANES;
use reinmax_core::kernel::lanes::{Lanes, Sums};
use reinmax_core::kernel::tile::Tile;

use super::pcg256;
use super::transpose::{self, mask, store_part};

/// Lanes 0..8 and 8..16. `KNOWN`: the number of categories in a row is a constant. Named only in [`crate::entry`]: see
/// above.
#[derive(Clone, Copy)]
pub(crate) struct Avx2<const FUSED: bool, const KNOWN: bool>(__m256, __m256);

macro_rules! operators {
    ($($operator:ident $method:ident $intrinsic:ident),*) => {
        $(impl<const FUSED: bool, const KNOWN: bool> $operator for Avx2<FUSED, KNOWN> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Avx2(unsafe { $intrinsic(self.0, other.0) }, unsafe { $intrinsic(self.1, other.1) })
            }
        })*
    };
}
operators!(Add add _mm256_add_ps, Sub sub _mm256_sub_ps, Mul mul _mm256_mul_ps, Div div _mm256_div_ps);

/// Adds eight lanes: 4, 2, 1.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn fold_eight(x: __m256) -> f32 {
    unsafe {
        let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

/// The first `len` (up to eight) floats at `x`; the other lanes hold `fill`.
///
/// # Safety
/// The CPU has AVX2, and `len` floats lie at `x`.
#[inline(always)]
unsafe fn load_part(x: *const f32, len: usize, fill: f32) -> __m256 {
    unsafe {
        let lanes = mask(len);
        _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(x, lanes), _mm256_castsi256_ps(lanes))
    }
}

/// Whether all eight lanes are above 0 and below infinity.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn positive_finite(x: __m256) -> bool {
    unsafe {
        let positive = _mm256_cmp_ps::<_CMP_LT_OQ>(_mm256_setzero_ps(), x);
        let finite = _mm256_cmp_ps::<_CMP_LT_OQ>(x, _mm256_set1_ps(f32::INFINITY));
        _mm256_movemask_ps(_mm256_and_ps(positive, finite)) == 0xff
    }
}

/// The same expression for both halves. A closure would not do: it is a function of its own, without AVX2.
macro_rules! both {
    (|$x:ident| $self:ident, $half:expr) => {{
        let low = {
            let $x = $self.0;
            unsafe { $half }
        };
        let high = {
            let $x = $self.1;
            unsafe { $half }
        };
        Avx2(low, high)
    }};
}

impl<const FUSED: bool, const KNOWN: bool> Lanes for Avx2<FUSED, KNOWN> {
    const N: usize = LANES;
    const FUSED: bool = FUSED;
    const REGISTERS: usize = 8;
    const WAITS: bool = true;
    const SHUFFLES: bool = true;
    type Sums = Self;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        let x = unsafe { _mm256_set1_ps(x) };
        Avx2(x, x)
    }
    #[inline(always)]
    fn load_or(x: &[f32], fill: f32) -> Self {
        match x.first_chunk::<LANES>() {
            Some(full) => {
                Avx2(unsafe { _mm256_loadu_ps(full.as_ptr()) }, unsafe { _mm256_loadu_ps(full.as_ptr().add(8)) })
            }
            None => unsafe {
                let (low, high) = (x.len().min(8), x.len().saturating_sub(8));
                Avx2(load_part(x.as_ptr(), low, fill), load_part(x.as_ptr().add(low), high, fill))
            },
        }
    }
    #[inline(always)]
    fn store(self, out: &mut [f32]) {
        match out.first_chunk_mut::<LANES>() {
            Some(full) => unsafe {
                _mm256_storeu_ps(full.as_mut_ptr(), self.0);
                _mm256_storeu_ps(full.as_mut_ptr().add(8), self.1);
            },
            None => unsafe {
                let (at, len) = (out.as_mut_ptr(), out.len());
                if len >= 8 {
                    _mm256_storeu_ps(at, self.0);
                    store_part(at.add(8), len - 8, self.1);
                } else {
                    store_part(at, len, self.0);
                }
            },
        }
    }
    #[inline(always)]
    fn select_lt(a: Self, b: Self, x: Self, y: Self) -> Self {
        let low = unsafe { _mm256_blendv_ps(y.0, x.0, _mm256_cmp_ps::<_CMP_LT_OQ>(a.0, b.0)) };
        let high = unsafe { _mm256_blendv_ps(y.1, x.1, _mm256_cmp_ps::<_CMP_LT_OQ>(a.1, b.1)) };
        Avx2(low, high)
    }
    #[inline(always)]
    fn select_eq(a: Self, b: Self, x: Self, y: Self) -> Self {
        let low = unsafe { _mm256_blendv_ps(y.0, x.0, _mm256_cmp_ps::<_CMP_EQ_OQ>(a.0, b.0)) };
        let high = unsafe { _mm256_blendv_ps(y.1, x.1, _mm256_cmp_ps::<_CMP_EQ_OQ>(a.1, b.1)) };
        Avx2(low, high)
    }
    #[inline(always)]
    fn load_columns(rows: &[f32], k: usize, tile: &mut Tile) {
        // Inlined for every k, transpositions would be most of a kernel.
        if KNOWN || k == 2 {
            unsafe { transpose::load_columns(rows, k, tile) }
        } else {
            unsafe { transpose::load_any_columns(rows, k, tile) }
        }
    }
    #[inline(always)]
    fn store_columns(tile: &Tile, k: usize, rows: &mut [f32]) {
        if KNOWN || k == 2 {
            unsafe { transpose::store_columns(tile, k, rows) }
        } else {
            unsafe { transpose::store_any_columns(tile, k, rows) }
        }
    }
    #[inline(always)]
    fn uniforms(states: &mut [u64; LANES], multiplier: u64, increment: u64) -> Self {
        let (low, high) = states.split_at_mut(LANES / 2);
        Avx2(unsafe { pcg256::uniforms(low, multiplier, increment) }, unsafe {
            pcg256::uniforms(high, multiplier, increment)
        })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // The instruction gives its second operand where either is NaN, or both are zeros.
        Avx2(unsafe { _mm256_max_ps(other.0, self.0) }, unsafe { _mm256_max_ps(other.1, self.1) })
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        if !FUSED {
            return self * factor + addend;
        }
        let low = unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) };
        Avx2(low, unsafe { _mm256_fmadd_ps(self.1, factor.1, addend.1) })
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        both!(|x| self, _mm256_sqrt_ps(x))
    }
    #[inline(always)]
    fn and_bits(self, mask: u32) -> Self {
        both!(|x| self, _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(mask.cast_signed()))))
    }
    #[inline(always)]
    fn or_bits(self, mask: u32) -> Self {
        both!(|x| self, _mm256_or_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(mask.cast_signed()))))
    }
    #[inline(always)]
    fn shift_to_exponent(self) -> Self {
        both!(|x| self, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(x))))
    }
    #[inline(always)]
    fn shift_from_exponent(self) -> Self {
        both!(|x| self, _mm256_castsi256_ps(_mm256_srli_epi32::<23>(_mm256_castps_si256(x))))
    }
    #[inline(always)]
    fn iota() -> Self {
        unsafe {
            Avx2(
                _mm256_setr_ps(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0),
                _mm256_setr_ps(8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0),
            )
        }
    }
    #[inline(always)]
    fn first(self) -> f32 {
        unsafe { _mm256_cvtss_f32(self.0) }
    }
    #[inline(always)]
    fn reduce_max(self) -> f32 {
        unsafe {
            let eight = _mm256_max_ps(self.0, self.1);
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[inline(always)]
    fn all_positive_finite(self) -> bool {
        unsafe { positive_finite(self.0) && positive_finite(self.1) }
    }
}

impl<const FUSED: bool, const KNOWN: bool> Sums<Avx2<FUSED, KNOWN>> for Avx2<FUSED, KNOWN> {
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }
    #[inline(always)]
    fn of(sums: &[f32; LANES]) -> Self {
        Self::load(sums)
    }
    #[inline(always)]
    fn add(&mut self, _step: usize, x: Self) {
        *self = *self + x;
    }
    #[inline(always)]
    fn fold(&self) -> f32 {
        unsafe { fold_eight(_mm256_add_ps(self.0, self.1)) }
    }
}
