//! Random numbers as a function of (seed, stream, index), so that a draw can be repeated, skipped to, or made by any
//! worker, with the same bits on every target.
//!
//! The generator is PCG32 (O'Neill, 2014; `rand_pcg::Pcg32`), its state `splitmix64(seed)` and its stream
//! `splitmix64(stream)`: small raw stream numbers give correlated sequences, mixed ones do not. A uniform is
//! `(2 * (x >> 9) + 1) * 2^-24` of an output x: strictly inside (0, 1), `1 - u` exact, safe under a logarithm.

pub(crate) mod keyed;
mod leapfrog;
mod noise;

pub use noise::Noise;

use leapfrog::Leapfrog;
use rand_core::Rng;
use rand_pcg::Pcg32;

use crate::kernel::LANES;
use crate::kernel::aligned::Aligned;
use crate::kernel::exp::{ln, ln_of_block};
use crate::kernel::lanes::Lanes;
use crate::kernel::rows::cut_mut;
use crate::{Backend, Kernel, Portable, Split};

/// PCG32's multiplier.
const MULTIPLIER: u64 = 6_364_136_223_846_793_005;

/// One of 2^63 sequences for each of 2^64 seeds (a generator takes 63 bits of the stream's number, mixed). Sixteen
/// bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// splitmix64 of the seed.
    seed: u64,
    /// splitmix64 of the stream's number.
    stream: u64,
}

impl Stream {
    /// The sequence `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        Stream { seed: splitmix64(seed), stream: splitmix64(stream) }
    }

    /// A second sequence that goes with this one: for noise besides the draws themselves, at the draws' positions.
    pub fn companion(&self) -> Self {
        Stream { seed: self.seed, stream: splitmix64(self.stream) }
    }

    /// 64 bits that stand for this stream, for keys of draws.
    pub(crate) fn key(&self) -> u64 {
        splitmix64(self.seed ^ splitmix64(self.stream))
    }

    /// The generator itself, about to give output number `index`.
    ///
    /// Cost: O(log index).
    pub fn pcg32(&self, index: u64) -> Pcg32 {
        let mut generator = Pcg32::new(self.seed, self.stream);
        generator.advance(index);
        generator
    }

    /// Uniform numbers `index ..` of this stream.
    ///
    /// Cost: O(log index), and a multiplication of 64 bits a number.
    pub fn fill_uniforms(&self, index: u64, out: &mut [f32]) {
        self.fill_uniforms_on(&Portable, index, out);
    }

    /// The same on a backend's lanes, which may be wider.
    pub fn fill_uniforms_on<B: Backend>(&self, backend: &B, index: u64, out: &mut [f32]) {
        backend.run_rows(FillUniforms { stream: *self, index, out });
    }
}

/// Uniforms `index ..` of a stream.
struct FillUniforms<'a> {
    stream: Stream,
    index: u64,
    out: &'a mut [f32],
}

impl Kernel for FillUniforms<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut uniforms = Uniforms::stream(&self.stream, self.index, L::N);
        for out in self.out.chunks_mut(L::N) {
            uniforms.lanes::<L>(out.len()).store(out);
        }
    }
}

impl Split for FillUniforms<'_> {
    fn rows(&self) -> usize {
        self.out.len()
    }
    fn work(&self) -> usize {
        self.out.len()
    }
    fn split(self, row: usize) -> (Self, Self) {
        let (a, b) = cut_mut(self.out, 1, row);
        (FillUniforms { out: a, ..self }, FillUniforms { out: b, index: self.index.wrapping_add(row as u64), ..self })
    }
}

/// SplitMix64's output function (Steele, Lea and Flood, 2014) after one step from `x`.
pub(crate) fn splitmix64(x: u64) -> u64 {
    let z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The multiplier and increment of `steps` steps of the generator at once (Brown, 1994).
fn jump(increment: u64, mut steps: u64) -> (u64, u64) {
    let (mut multiplier, mut sum) = (1_u64, 0_u64);
    let (mut square, mut square_sum) = (MULTIPLIER, increment);
    while steps > 0 {
        if steps & 1 == 1 {
            multiplier = multiplier.wrapping_mul(square);
            sum = sum.wrapping_mul(square).wrapping_add(square_sum);
        }
        square_sum = square.wrapping_add(1).wrapping_mul(square_sum);
        square = square.wrapping_mul(square);
        steps >>= 1;
    }
    (multiplier, sum)
}

/// PCG32's output for a state.
#[inline(always)]
pub(crate) fn output(state: u64) -> u32 {
    let rotation = (state >> 59) as u32;
    let xorshifted = (((state >> 18) ^ state) >> 27) as u32;
    xorshifted.rotate_right(rotation)
}

/// The uniform number that belongs to a generator's output: 23 of its bits and a half, so never 0 and never 1.
#[inline(always)]
pub fn uniform(output: u32) -> f32 {
    // 23 bits as the mantissa of a number in [1, 2). Less 1 - 2^-24 it is exact: an odd multiple of 2^-24 below 1.
    f32::from_bits((output >> 9) | 0x3f80_0000) - (1.0 - 1.0 / 16_777_216.0)
}

/// Fills `out` with uniform numbers from any generator, one 32-bit output each; see [`uniform`].
pub fn fill_uniforms(rng: &mut impl Rng, out: &mut [f32]) {
    for out in out {
        *out = uniform(rng.next_u32());
    }
}

/// Standard Gumbel noise -ln(-ln u) from a uniform. A caller's 0 counts as 2^-25: the noise stays finite.
#[inline(always)]
pub(crate) fn gumbel<L: Lanes>(uniform: L) -> L {
    let exponential = ln(uniform.max(L::splat(SMALLEST_UNIFORM))).neg();
    ln(exponential).neg()
}

/// [`gumbel`] of each number of a block, which is as long as [`ln_of_block`] takes.
#[inline(always)]
pub(crate) fn gumbel_of_block<L: Lanes>(x: &mut [f32]) {
    for x in x.chunks_mut(L::N) {
        L::load(x).max(L::splat(SMALLEST_UNIFORM)).store(x);
    }
    for _ in 0..2 {
        ln_of_block::<L>(x);
        for x in x.chunks_mut(L::N) {
            L::load(x).neg().store(x);
        }
    }
}

/// What noise is made of in place of a smaller number of the caller's.
const SMALLEST_UNIFORM: f32 = 1.0 / 33_554_432.0;

/// A stream's uniforms, sixteen at a time, or one at a time out of sixteen.
#[derive(Clone, Debug)]
pub(crate) struct Many {
    generator: Leapfrog<2>,
    singles: Aligned<[f32; LANES]>,
    /// How many of `singles` have been taken.
    taken: usize,
}

impl Many {
    #[inline(always)]
    fn next<L: Lanes>(&mut self) -> f32 {
        if self.taken == LANES {
            self.generator.next_lanes::<L>().store(&mut *self.singles);
            self.taken = 0;
        }
        let single = self.singles.get(self.taken).copied().unwrap_or(0.5);
        self.taken += 1;
        single
    }
}

/// Uniforms in order, a few at a time: from a stream or from a caller's slice.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is no heap to box it in; it lives on the stack of one kernel")]
pub(crate) enum Uniforms<'a> {
    /// One generator: least code and stack.
    Single(Pcg32),
    /// Many of them, for lanes.
    Many(Many),
    /// The caller's.
    Slice(&'a [f32]),
}

impl<'a> Uniforms<'a> {
    /// Uniforms `index ..` of a stream; sixteen at once where there are sixteen lanes.
    #[inline(always)]
    pub(crate) fn stream(stream: &Stream, index: u64, lanes: usize) -> Self {
        if lanes == 1 {
            Uniforms::Single(stream.pcg32(index))
        } else {
            let generator = Leapfrog::of_stream(stream, index);
            Uniforms::Many(Many { generator, singles: Aligned([0.5; LANES]), taken: LANES })
        }
    }

    /// The next uniform; 1/2 beyond the end of a slice.
    #[inline(always)]
    pub(crate) fn next<L: Lanes>(&mut self) -> f32 {
        match self {
            Uniforms::Single(generator) => uniform(generator.next_u32()),
            Uniforms::Slice(rest) => {
                let (first, tail) = rest.split_first().unwrap_or((&0.5, &[]));
                *rest = tail;
                *first
            }
            // Never reached with one lane: `stream` makes a single generator for it, and without the comparison the
            // compiler would not know.
            Uniforms::Many(_) if L::N == 1 => 0.5,
            Uniforms::Many(many) => many.next::<L>(),
        }
    }

    /// The next `count` (up to N) uniforms; lanes beyond hold 1/2. A slice that ends early gives 1/2 too (the caller
    /// has compared lengths).
    #[inline(always)]
    pub(crate) fn lanes<L: Lanes>(&mut self, count: usize) -> L {
        match self {
            Uniforms::Single(generator) => L::splat(uniform(generator.next_u32())),
            Uniforms::Slice(rest) => {
                let (head, tail) = rest.split_at_checked(count).unwrap_or((rest, &[]));
                *rest = tail;
                L::load_or(head, 0.5)
            }
            Uniforms::Many(_) if L::N == 1 => L::splat(0.5),
            // Whole vectors, as long as nobody has taken less than one.
            Uniforms::Many(many) if count == LANES && many.taken == LANES => many.generator.next_lanes(),
            Uniforms::Many(many) => {
                let mut lanes = [0.5; LANES];
                for lane in lanes.iter_mut().take(count) {
                    *lane = many.next::<L>();
                }
                L::load(&lanes)
            }
        }
    }
}
