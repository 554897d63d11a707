//! The vector that kernels are written over: sixteen floats, or one.
//!
//! Only operations that give the same bits on every target are here: IEEE add, subtract, multiply, divide and square
//! root, comparisons, and moves of bits. There is no fused multiply-add unless a backend asks for it, no approximate
//! reciprocal and no reduction: sums go through [`Sums`], whose order is fixed.

use core::ops::{Add, Div, Mul, Sub};

use wide::{bytemuck, f32x16, u32x16};

use super::LANES;
use super::tile::{Tile, gather_columns, scatter_columns};
use crate::random::{output, uniform};

/// A vector of [`Lanes::N`] floats.
pub trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + 'static
{
    /// Number of floats: 16 or 1.
    const N: usize;
    /// Whether [`Lanes::mul_add`] rounds once.
    const FUSED: bool = false;
    /// How many of these vectors the registers hold: what a matrix product can keep in hand.
    const REGISTERS: usize;
    /// Whether a vector is so few registers (one or two) that a chain of operations on it alone leaves the CPU waiting:
    /// kernels then have several vectors in hand.
    const WAITS: bool = false;
    /// Whether [`Lanes::load_columns`] is made of shuffles, which can run ahead of arithmetic.
    const SHUFFLES: bool = false;
    /// The sixteen running sums of a long row.
    type Sums: Sums<Self>;

    /// The same number in every lane.
    fn splat(x: f32) -> Self;
    /// The first `N` elements of `x`; lanes beyond its end hold `fill`.
    fn load_or(x: &[f32], fill: f32) -> Self;
    /// Writes the first `N` elements of `out`, or as many as there are.
    fn store(self, out: &mut [f32]);
    /// `x` where `a < b`, else `y` (also where `a` or `b` is NaN).
    fn select_lt(a: Self, b: Self, x: Self, y: Self) -> Self;
    /// `x` where `a == b`, else `y`.
    fn select_eq(a: Self, b: Self, x: Self, y: Self) -> Self;
    /// The square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// The bits of each lane, and-ed with `mask`.
    fn and_bits(self, mask: u32) -> Self;
    /// The bits of each lane, or-ed with `mask`.
    fn or_bits(self, mask: u32) -> Self;
    /// The bits of each lane, moved up by 23: an integer becomes an exponent.
    fn shift_to_exponent(self) -> Self;
    /// The bits of each lane, moved down by 23: sign and exponent become an integer.
    fn shift_from_exponent(self) -> Self;
    /// 0, 1, 2, ... one a lane.
    fn iota() -> Self;
    /// The first lane.
    fn first(self) -> f32;
    /// The greatest lane (for a vector without NaN).
    fn reduce_max(self) -> f32;
    /// Whether every lane is above 0 and below infinity; NaN is not.
    fn all_positive_finite(self) -> bool;

    /// Sixteen rows of `k <= 16` elements become the columns of a tile: element j of row r is `tile[j][r]`.
    #[inline(always)]
    fn load_columns(rows: &[f32], k: usize, tile: &mut Tile) {
        gather_columns(rows, k, tile);
    }
    /// The columns of a tile become sixteen rows of `k <= 16` elements again.
    #[inline(always)]
    fn store_columns(tile: &Tile, k: usize, rows: &mut [f32]) {
        scatter_columns(tile, k, rows);
    }
    /// A uniform number from each of sixteen PCG32 generators, which take one step: [`crate::random::uniform`] of their
    /// outputs, and `state * multiplier + increment` as their new states.
    #[inline(always)]
    fn uniforms(states: &mut [u64; LANES], multiplier: u64, increment: u64) -> Self {
        let mut out = [0.0; LANES];
        for (out, state) in out.iter_mut().zip(states) {
            *out = uniform(output(*state));
            *state = state.wrapping_mul(multiplier).wrapping_add(increment);
        }
        Self::load(&out)
    }
    /// `f(self)`, for a function of some length. Inlined, except with one lane: there all callers share one copy.
    #[inline(always)]
    fn apply<F: Function<1>>(self, f: F) -> Self {
        f.call([self])
    }
    /// The first `N` elements of `x`; lanes beyond its end hold 0.
    #[inline(always)]
    fn load(x: &[f32]) -> Self {
        Self::load_or(x, 0.0)
    }
    /// `self * factor + addend`: rounded twice on portable lanes, once on those of a backend that gives up equal bits.
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        self * factor + addend
    }
    /// The greater of the two, lane by lane; `self` where either is NaN.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self::select_lt(self, other, other, self)
    }
    /// The magnitude.
    #[inline(always)]
    fn abs(self) -> Self {
        self.and_bits(0x7fff_ffff)
    }
    /// 0 - x: the negative, and +0 of either zero.
    #[inline(always)]
    fn neg(self) -> Self {
        Self::splat(0.0) - self
    }
}

/// Sixteen running sums: element j of a row belongs to sum j mod 16.
pub trait Sums<L>: Copy {
    /// Sixteen zeros.
    fn zero() -> Self;
    /// These sixteen numbers.
    fn of(sums: &[f32; LANES]) -> Self;
    /// Adds the lanes that begin at element `step * N`.
    fn add(&mut self, step: usize, x: L);
    /// The total: folded 8, 4, 2, 1.
    fn fold(&self) -> f32;
}

/// A function of `M` numbers, given for lanes.
pub trait Function<const M: usize>: Copy + Send {
    /// The function, on every lane at once.
    fn call<L: Lanes>(self, x: [L; M]) -> L;
}

/// Adds sixteen numbers, or vectors lane by lane, in the order that every backend uses: the upper half onto the lower
/// one, four times.
#[inline(always)]
pub fn fold<T: Copy + Add<Output = T>>(x: [T; LANES]) -> T {
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15] = x;
    let (b0, b1, b2, b3) = (a0 + a8, a1 + a9, a2 + a10, a3 + a11);
    let (b4, b5, b6, b7) = (a4 + a12, a5 + a13, a6 + a14, a7 + a15);
    let (c0, c1, c2, c3) = (b0 + b4, b1 + b5, b2 + b6, b3 + b7);
    (c0 + c2) + (c1 + c3)
}

/// Whether x is above 0 and below infinity; NaN is not. As a comparison of bits: compilers make many instructions of
/// the two comparisons of floats.
#[inline(always)]
pub(crate) fn is_positive_finite(x: f32) -> bool {
    x.to_bits().wrapping_sub(1) < f32::INFINITY.to_bits() - 1
}

/// One lane: for targets without SIMD, where sixteen unrolled lanes would cost stack and code and buy nothing.
#[derive(Clone, Copy, Debug)]
pub struct Scalar(f32);

/// Sixteen lanes, on whatever SIMD registers the build's target features give.
#[derive(Clone, Copy, Debug)]
pub struct Vector(f32x16);

macro_rules! operators {
    ($lanes:ident: $($operator:ident $method:ident),*) => {
        $(impl $operator for $lanes {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                $lanes($operator::$method(self.0, other.0))
            }
        })*
    };
}
operators!(Scalar: Add add, Sub sub, Mul mul, Div div);
operators!(Vector: Add add, Sub sub, Mul mul, Div div);

impl Scalar {
    #[inline(always)]
    fn map_bits(self, f: impl FnOnce(u32) -> u32) -> Self {
        Scalar(f32::from_bits(f(self.0.to_bits())))
    }
}

impl Lanes for Scalar {
    const N: usize = 1;
    const REGISTERS: usize = 16;
    type Sums = [f32; LANES];

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Scalar(x)
    }
    #[inline(always)]
    fn load_or(x: &[f32], fill: f32) -> Self {
        Scalar(x.first().copied().unwrap_or(fill))
    }
    #[inline(always)]
    fn store(self, out: &mut [f32]) {
        if let Some(out) = out.first_mut() {
            *out = self.0;
        }
    }
    #[inline(always)]
    fn select_lt(a: Self, b: Self, x: Self, y: Self) -> Self {
        if a.0 < b.0 { x } else { y }
    }
    #[inline(always)]
    fn select_eq(a: Self, b: Self, x: Self, y: Self) -> Self {
        if a.0 == b.0 { x } else { y }
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Scalar(super::sqrt::sqrt(self.0))
    }
    #[inline(always)]
    fn and_bits(self, mask: u32) -> Self {
        self.map_bits(|x| x & mask)
    }
    #[inline(always)]
    fn or_bits(self, mask: u32) -> Self {
        self.map_bits(|x| x | mask)
    }
    #[inline(always)]
    fn shift_to_exponent(self) -> Self {
        self.map_bits(|x| x << 23)
    }
    #[inline(always)]
    fn shift_from_exponent(self) -> Self {
        self.map_bits(|x| x >> 23)
    }
    #[inline(always)]
    fn iota() -> Self {
        Scalar(0.0)
    }
    #[inline(always)]
    fn first(self) -> f32 {
        self.0
    }
    #[inline(always)]
    fn reduce_max(self) -> f32 {
        self.0
    }
    #[inline(always)]
    fn all_positive_finite(self) -> bool {
        is_positive_finite(self.0)
    }
    // On targets without SIMD the compiler decides: where several kernels call a function, one copy of it is linked.
    #[cfg_attr(any(target_feature = "sse2", target_feature = "neon", target_feature = "simd128"), inline(always))]
    fn apply<F: Function<1>>(self, f: F) -> Self {
        f.call([self])
    }
}

impl Sums<Scalar> for [f32; LANES] {
    #[inline(always)]
    fn zero() -> Self {
        [0.0; LANES]
    }
    #[inline(always)]
    fn of(sums: &[f32; LANES]) -> Self {
        *sums
    }
    #[inline(always)]
    fn add(&mut self, step: usize, x: Scalar) {
        if let Some(sum) = self.get_mut(step % LANES) {
            *sum += x.0;
        }
    }
    #[inline(always)]
    fn fold(&self) -> f32 {
        fold_in_one_place(self)
    }
}

/// [`fold`], once for all sums of long rows with one lane.
#[inline(never)]
pub(super) fn fold_in_one_place(x: &[f32; LANES]) -> f32 {
    fold(*x)
}

impl Vector {
    #[inline(always)]
    fn bits(self) -> u32x16 {
        bytemuck::cast(self.0)
    }
    #[inline(always)]
    fn from_bits(bits: u32x16) -> Self {
        Vector(bytemuck::cast(bits))
    }
}

impl Lanes for Vector {
    const N: usize = LANES;
    const REGISTERS: usize = if cfg!(target_feature = "neon") { 8 } else { 4 };
    type Sums = Self;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Vector(f32x16::splat(x))
    }
    #[inline(always)]
    fn load_or(x: &[f32], fill: f32) -> Self {
        let lanes = match x.first_chunk::<LANES>() {
            Some(full) => *full,
            None => {
                let mut lanes = [fill; LANES];
                for (lane, x) in lanes.iter_mut().zip(x) {
                    *lane = *x;
                }
                lanes
            }
        };
        Vector(f32x16::new(lanes))
    }
    #[inline(always)]
    fn store(self, out: &mut [f32]) {
        let lanes = self.0.to_array();
        match out.first_chunk_mut::<LANES>() {
            Some(full) => *full = lanes,
            None => {
                for (out, lane) in out.iter_mut().zip(lanes) {
                    *out = lane;
                }
            }
        }
    }
    #[inline(always)]
    fn select_lt(a: Self, b: Self, x: Self, y: Self) -> Self {
        Vector(a.0.simd_lt(b.0).select(x.0, y.0))
    }
    #[inline(always)]
    fn select_eq(a: Self, b: Self, x: Self, y: Self) -> Self {
        Vector(a.0.simd_eq(b.0).select(x.0, y.0))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Vector(self.0.sqrt())
    }
    #[inline(always)]
    fn and_bits(self, mask: u32) -> Self {
        Self::from_bits(self.bits() & u32x16::splat(mask))
    }
    #[inline(always)]
    fn or_bits(self, mask: u32) -> Self {
        Self::from_bits(self.bits() | u32x16::splat(mask))
    }
    #[inline(always)]
    fn shift_to_exponent(self) -> Self {
        Self::from_bits(self.bits() << 23_u32)
    }
    #[inline(always)]
    fn shift_from_exponent(self) -> Self {
        Self::from_bits(self.bits() >> 23_u32)
    }
    #[inline(always)]
    fn iota() -> Self {
        const RAMP: [f32; LANES] =
            [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];
        Vector(f32x16::new(RAMP))
    }
    #[inline(always)]
    fn first(self) -> f32 {
        let [first, ..] = self.0.to_array();
        first
    }
    #[inline(always)]
    fn reduce_max(self) -> f32 {
        let mut greatest = f32::NEG_INFINITY;
        for lane in self.0.to_array() {
            greatest = if greatest < lane { lane } else { greatest };
        }
        greatest
    }
    #[inline(always)]
    fn all_positive_finite(self) -> bool {
        (f32x16::splat(0.0).simd_lt(self.0) & self.0.simd_lt(f32x16::splat(f32::INFINITY))).all()
    }
}

impl Sums<Vector> for Vector {
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }
    #[inline(always)]
    fn of(sums: &[f32; LANES]) -> Self {
        Self::load(sums)
    }
    #[inline(always)]
    fn add(&mut self, _step: usize, x: Vector) {
        *self = *self + x;
    }
    #[inline(always)]
    fn fold(&self) -> f32 {
        fold(self.0.to_array())
    }
}
