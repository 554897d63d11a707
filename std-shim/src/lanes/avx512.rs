//! Sixteen lanes in one 512-bit register.
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

use super::transpose512;

/// One register. `KNOWN`: the number of categories in a row is a constant. Named only in [`crate::entry`]: see above.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<const FUSED: bool, const KNOWN: bool>(__m512);

macro_rules! operators {
    ($($operator:ident $method:ident $intrinsic:ident),*) => {
        $(impl<const FUSED: bool, const KNOWN: bool> $operator for Avx512<FUSED, KNOWN> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Avx512(unsafe { $intrinsic(self.0, other.0) })
            }
        })*
    };
}
operators!(Add add _mm512_add_ps, Sub sub _mm512_sub_ps, Mul mul _mm512_mul_ps, Div div _mm512_div_ps);

/// One bit for each of the first `len` lanes.
#[inline(always)]
fn mask(len: usize) -> __mmask16 {
    if len >= LANES { 0xffff } else { (1 << len) - 1 }
}

impl<const FUSED: bool, const KNOWN: bool> Lanes for Avx512<FUSED, KNOWN> {
    const N: usize = LANES;
    const FUSED: bool = FUSED;
    const REGISTERS: usize = 32;
    const WAITS: bool = true;
    const SHUFFLES: bool = true;
    type Sums = Self;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Avx512(unsafe { _mm512_set1_ps(x) })
    }
    #[inline(always)]
    fn load_or(x: &[f32], fill: f32) -> Self {
        match x.first_chunk::<LANES>() {
            Some(full) => Avx512(unsafe { _mm512_loadu_ps(full.as_ptr()) }),
            None => Avx512(unsafe { _mm512_mask_loadu_ps(_mm512_set1_ps(fill), mask(x.len()), x.as_ptr()) }),
        }
    }
    #[inline(always)]
    fn store(self, out: &mut [f32]) {
        match out.first_chunk_mut::<LANES>() {
            Some(full) => unsafe { _mm512_storeu_ps(full.as_mut_ptr(), self.0) },
            None => unsafe { _mm512_mask_storeu_ps(out.as_mut_ptr(), mask(out.len()), self.0) },
        }
    }
    #[inline(always)]
    fn select_lt(a: Self, b: Self, x: Self, y: Self) -> Self {
        // The mask of "not less": where x is 0, as in exp, it zeroes what computes y, and needs no inversion.
        Avx512(unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_NLT_UQ>(a.0, b.0), x.0, y.0) })
    }
    #[inline(always)]
    fn select_eq(a: Self, b: Self, x: Self, y: Self) -> Self {
        Avx512(unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a.0, b.0), y.0, x.0) })
    }
    #[inline(always)]
    fn load_columns(rows: &[f32], k: usize, tile: &mut Tile) {
        // Inlined for every k, transpositions would be most of a kernel.
        if KNOWN || k == 2 {
            unsafe { transpose512::load_columns(rows, k, tile) }
        } else {
            unsafe { transpose512::load_any_columns(rows, k, tile) }
        }
    }
    #[inline(always)]
    fn store_columns(tile: &Tile, k: usize, rows: &mut [f32]) {
        if KNOWN || k == 2 {
            unsafe { transpose512::store_columns(tile, k, rows) }
        } else {
            unsafe { transpose512::store_any_columns(tile, k, rows) }
        }
    }
    #[inline(always)]
    fn uniforms(states: &mut [u64; LANES], multiplier: u64, increment: u64) -> Self {
        Avx512(unsafe { super::pcg512::uniforms(states, multiplier, increment) })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // The instruction gives its second operand where either is NaN, or both are zeros.
        Avx512(unsafe { _mm512_max_ps(other.0, self.0) })
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        if !FUSED {
            return self * factor + addend;
        }
        Avx512(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Avx512(unsafe { _mm512_sqrt_ps(self.0) })
    }
    #[inline(always)]
    fn and_bits(self, mask: u32) -> Self {
        Avx512(unsafe { _mm512_and_ps(self.0, _mm512_castsi512_ps(_mm512_set1_epi32(mask.cast_signed()))) })
    }
    #[inline(always)]
    fn or_bits(self, mask: u32) -> Self {
        Avx512(unsafe { _mm512_or_ps(self.0, _mm512_castsi512_ps(_mm512_set1_epi32(mask.cast_signed()))) })
    }
    #[inline(always)]
    fn shift_to_exponent(self) -> Self {
        Avx512(unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(self.0))) })
    }
    #[inline(always)]
    fn shift_from_exponent(self) -> Self {
        Avx512(unsafe { _mm512_castsi512_ps(_mm512_srli_epi32::<23>(_mm512_castps_si512(self.0))) })
    }
    #[inline(always)]
    fn iota() -> Self {
        Avx512(unsafe {
            _mm512_setr_ps(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0)
        })
    }
    #[inline(always)]
    fn first(self) -> f32 {
        unsafe { _mm512_cvtss_f32(self.0) }
    }
    #[inline(always)]
    fn reduce_max(self) -> f32 {
        unsafe { _mm512_reduce_max_ps(self.0) }
    }
    #[inline(always)]
    fn all_positive_finite(self) -> bool {
        unsafe {
            let positive = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(_mm512_setzero_ps(), self.0);
            _mm512_mask_cmp_ps_mask::<_CMP_LT_OQ>(positive, self.0, _mm512_set1_ps(f32::INFINITY)) == 0xffff
        }
    }
}

impl<const FUSED: bool, const KNOWN: bool> Sums<Avx512<FUSED, KNOWN>> for Avx512<FUSED, KNOWN> {
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
        unsafe {
            let eight = _mm256_add_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0));
            super::avx2::fold_eight(eight)
        }
    }
}
