//! exp and ln over lanes, from multiplications and additions alone, so every target gives the same bits.
//!
//! Arguments are reduced to one binade and a polynomial is evaluated there. Greatest errors, found by comparing with
//! double precision: exp 0.983 ULP on [-87.3, 0], ln 0.847 on all positive floats, sigmoid 2.41, tanh 1.52, ln(1 + x)
//! 2.47.

use super::LANES;
use super::lanes::{Function, Lanes};

/// Below this exp is 0 in place of a subnormal number.
pub(crate) const EXP_FLUSH: f32 = -87.336_54;

/// 1.5 * 2^23 + 127: adding it rounds to an integer and leaves that integer, biased as an exponent, in the low bits.
const ROUND: f32 = 12_582_912.0 + 127.0;
/// ln 2 in two parts: the first has 10 bits, so an integer times it is exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// e^x for x <= 0: the domain of softmax, sigmoid and tanh.
///
/// exp(-inf) is 0, NaN stays NaN, and results below 2^-126 are 0. Cost: 10 multiplications, 10 additions. At most
/// 0.98 ULP off on [-87.3, 0].
#[inline(always)]
pub fn exp_nonpositive<L: Lanes>(x: L) -> L {
    x.apply(ExpNonpositive)
}

#[derive(Clone, Copy)]
struct ExpNonpositive;
impl Function<1> for ExpNonpositive {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        let biased = biased_exponent(x);
        let t = reduced(x, biased);
        let p = horner(L::splat(f32::from_bits(EXP[0])), t, EXP[1]);
        let p = horner(horner(horner(p, t, EXP[2]), t, EXP[3]), t, EXP[4]);
        scaled(x, biased, last_terms(p, t))
    }
}

/// e^x for |x| <= 87: [`exp_nonpositive`], and its reciprocal for x above 0.
#[inline(always)]
pub(crate) fn exp_any<L: Lanes>(x: L) -> L {
    let e = exp_nonpositive(x.abs().neg());
    L::select_lt(L::splat(0.0), x, L::splat(1.0) / e, e)
}

/// [`exp_nonpositive`] of M vectors, each step for all of them before the next. Within one vector each step waits for
/// the one before, and a CPU does not look far enough ahead to begin the next vector meanwhile. ([`exp_nonpositive`]
/// has no loops, because an optimiser for size would not unroll them.)
#[inline(always)]
pub(crate) fn exp_nonpositive_of_each<L: Lanes, const M: usize>(x: [L; M]) -> [L; M] {
    // Loops, as closures would be functions of their own, without the instructions of the lanes.
    let (mut biased, mut t, mut p) = (x, x, [L::splat(f32::from_bits(EXP[0])); M]);
    for (biased, x) in biased.iter_mut().zip(x) {
        *biased = biased_exponent(x);
    }
    for (t, biased) in t.iter_mut().zip(biased) {
        *t = reduced(*t, biased);
    }
    for coefficient in EXP.into_iter().skip(1) {
        for (p, t) in p.iter_mut().zip(t) {
            *p = horner(*p, t, coefficient);
        }
    }
    for (p, t) in p.iter_mut().zip(t) {
        *p = last_terms(*p, t);
    }
    for ((p, biased), x) in p.iter_mut().zip(biased).zip(x) {
        *p = scaled(x, biased, *p);
    }
    p
}

/// The polynomial for e^t, |t| <= ln 2 / 2: the bits of its coefficients from that of t^6 to that of t^2. The last two
/// are 1.
const EXP: [u32; 5] = [0x3ab5_11e8, 0x3c09_1d10, 0x3d2a_ac79, 0x3e2a_aa49, 0x3eff_fffe];

/// x / ln 2 rounded to an integer, in the low bits of a float.
#[inline(always)]
fn biased_exponent<L: Lanes>(x: L) -> L {
    x.mul_add(L::splat(core::f32::consts::LOG2_E), L::splat(ROUND))
}

/// x without that multiple of ln 2.
#[inline(always)]
fn reduced<L: Lanes>(x: L, biased: L) -> L {
    let n = biased - L::splat(ROUND);
    n.mul_add(L::splat(-LN2_LOW), n.mul_add(L::splat(-LN2_HIGH), x))
}

#[inline(always)]
fn horner<L: Lanes>(p: L, t: L, coefficient: u32) -> L {
    p.mul_add(t, L::splat(f32::from_bits(coefficient)))
}

/// p t^2 + t + 1.
#[inline(always)]
fn last_terms<L: Lanes>(p: L, t: L) -> L {
    if L::FUSED {
        p.mul_add(t, L::splat(1.0)).mul_add(t, L::splat(1.0))
    } else {
        // One rounding less on the way to 1 + t.
        ((t * t) * p + t) + L::splat(1.0)
    }
}

/// e^t times the power of two, or 0.
#[inline(always)]
fn scaled<L: Lanes>(x: L, biased: L, p: L) -> L {
    L::select_lt(x, L::splat(EXP_FLUSH), L::splat(0.0), p * biased.shift_to_exponent())
}

/// ln x for x >= 0: ln 0 is -inf, ln inf is inf, NaN stays NaN, subnormal numbers are exact arguments.
///
/// The polynomial is that of Cephes `logf` on [sqrt(1/2), sqrt(2)]. Cost: 15 multiplications, 17 additions.
#[inline(always)]
pub fn ln<L: Lanes>(x: L) -> L {
    x.apply(Ln)
}

#[derive(Clone, Copy)]
struct Ln;
impl Function<1> for Ln {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        let (e, t) = exponent_and_mantissa(x);
        joined(x, e, t, ln_polynomial(t))
    }
}

/// Elements that [`ln_of_block`] takes.
pub(crate) const LN_BLOCK: usize = 8 * LANES;

/// [`ln`] of each element of a block, in three passes: one logarithm is a long chain of operations, and a CPU begins
/// the next one meanwhile if what it has to look ahead over is short.
#[inline(always)]
pub(crate) fn ln_of_block<L: Lanes>(x: &mut [f32]) {
    let (mut e, mut t, mut p) = ([0.0; LN_BLOCK], [0.0; LN_BLOCK], [0.0; LN_BLOCK]);
    for ((x, e), t) in x.chunks(L::N).zip(e.chunks_mut(L::N)).zip(t.chunks_mut(L::N)) {
        let (exponent, mantissa) = exponent_and_mantissa(L::load(x));
        exponent.store(e);
        mantissa.store(t);
    }
    for (t, p) in t.chunks(L::N).zip(p.chunks_mut(L::N)).take(x.len().div_ceil(L::N)) {
        ln_polynomial(L::load(t)).store(p);
    }
    let parts = e.chunks(L::N).zip(t.chunks(L::N)).zip(p.chunks(L::N));
    for (x, ((e, t), p)) in x.chunks_mut(L::N).zip(parts) {
        joined(L::load(x), L::load(e), L::load(t), L::load(p)).store(x);
    }
}

/// The bits of that polynomial's coefficients, from that of t^8 to that of 1.
const LN: [u32; 9] = [
    0x3d90_21bb,
    0xbdeb_d1b8,
    0x3def_251b,
    0xbdfe_5d4f,
    0x3e11_e9bf,
    0xbe2a_ae50,
    0x3e4c_cead,
    0xbe7f_fffc,
    0x3eaa_aaaa,
];

/// x = (1 + t) 2^e with 1 + t in [sqrt(1/2), sqrt(2)): e and t.
#[inline(always)]
fn exponent_and_mantissa<L: Lanes>(x: L) -> (L, L) {
    const SMALLEST_NORMAL: f32 = f32::MIN_POSITIVE;
    // Subnormal numbers are scaled by 2^24 first.
    let tiny = |yes: f32, no: f32| L::select_lt(x, L::splat(SMALLEST_NORMAL), L::splat(yes), L::splat(no));
    let scaled = x * tiny(16_777_216.0, 1.0);
    // 2^23 + biased exponent, as a float: the integer or-ed under the bits of 2^23.
    let biased = scaled.shift_from_exponent().or_bits(0x4b00_0000) - L::splat(8_388_608.0);
    let e = biased - tiny(126.0 + 24.0, 126.0);
    // Mantissa in [1/2, 1), then moved to [sqrt(1/2), sqrt(2)).
    let m = scaled.and_bits(0x007f_ffff).or_bits(0x3f00_0000);
    let root = L::splat(core::f32::consts::FRAC_1_SQRT_2);
    let e = L::select_lt(m, root, e - L::splat(1.0), e);
    (e, L::select_lt(m, root, m + m, m) - L::splat(1.0))
}

/// (ln(1 + t) - t + t^2 / 2) / t^3.
#[inline(always)]
fn ln_polynomial<L: Lanes>(t: L) -> L {
    let p = horner(horner(horner(L::splat(f32::from_bits(LN[0])), t, LN[1]), t, LN[2]), t, LN[3]);
    let p = horner(horner(horner(p, t, LN[4]), t, LN[5]), t, LN[6]);
    horner(horner(p, t, LN[7]), t, LN[8])
}

/// e ln 2 + t - t^2 / 2 + t^3 p; what x itself gives where it is 0, infinite or NaN.
#[inline(always)]
fn joined<L: Lanes>(x: L, e: L, t: L, p: L) -> L {
    let z = t * t;
    let tail = (t * z) * p + e * L::splat(LN2_LOW) - L::splat(0.5) * z;
    let y = (t + tail) + e * L::splat(LN2_HIGH);
    // x itself where it is inf or NaN; -inf at 0. `!(x < inf)` catches NaN too.
    let y = L::select_lt(x, L::splat(f32::INFINITY), y, x);
    L::select_eq(x, L::splat(0.0), L::splat(f32::NEG_INFINITY), y)
}

/// ln(1 + x) for x in [0, 1], 2.47 ULP at most (Kahan's correction of the rounding of 1 + x).
#[inline(always)]
pub fn ln_1p_unit<L: Lanes>(x: L) -> L {
    let one = L::splat(1.0);
    let u = one + x;
    let corrected = ln(u) * (x / L::select_eq(u, one, one, u - one));
    L::select_eq(u, one, x, corrected)
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub fn sigmoid<L: Lanes>(x: L) -> L {
    let e = exp_nonpositive(x.abs().neg());
    let one = L::splat(1.0);
    L::select_lt(x, L::splat(0.0), e, one) / (one + e)
}

/// tanh x: a polynomial (Cephes `tanhf`) below 0.625, where 1 - e^-2|x| would cancel.
#[inline(always)]
pub fn tanh<L: Lanes>(x: L) -> L {
    let one = L::splat(1.0);
    let magnitude = x.abs();
    let e = exp_nonpositive((magnitude + magnitude).neg());
    let far = (one - e) / (one + e);
    let far = L::select_lt(x, L::splat(0.0), far.neg(), far);
    let z = x * x;
    let mut p = L::splat(-5.704_988_7e-3);
    p = p * z + L::splat(2.063_909e-2);
    p = p * z + L::splat(-5.373_971_6e-2);
    p = p * z + L::splat(1.333_147_4e-1);
    p = p * z + L::splat(-3.333_328e-1);
    let near = (p * z) * x + x;
    L::select_lt(magnitude, L::splat(0.625), near, far)
}
