//! Where the noise of relaxed samples comes from: made again from keys, or the caller's.
//!
//! The backward pass makes its noise again, so that none is stored: the forward pass saves a key of 60 bits for each
//! draw, and a draw's exponential numbers are -ln of the uniforms of a PCG32 sequence that begins at a hash of its key.
//! With k <= 16 number r * k + j belongs to category j of relaxed sample r; with k > 16 every sample takes k rounded up
//! to a multiple of 16 numbers.

use crate::categorical::{self, Noise};
use crate::check::{check_len, check_rows, product};
use crate::estimator::DrawInputs;
use crate::kernel::LANES;
use crate::kernel::direction::Direction;
use crate::kernel::exp::ln;
use crate::kernel::lanes::Lanes;
use crate::kernel::rows::rows_mut;
use crate::random::keyed::Keyed;
use crate::random::{Stream, splitmix64};
use crate::{Argument, Backend, Result};

/// Floats saved for each draw: the two halves of its key.
pub(in crate::estimator) const SAVED: usize = 2;

/// So many bits of a half that it is never NaN or infinite, and copies as a float keep it.
const HALF: u64 = 30;

/// Draws by inversion, and writes each draw's key. Keys are a function of the stream and the draw's position in it;
/// where the caller gives uniforms, of the draw's uniform and number.
pub(in crate::estimator) fn draw<B: Backend>(
    backend: &B,
    inputs: DrawInputs<'_>,
    index: &mut [u32],
    saved: &mut [f32],
) -> Result<()> {
    let DrawInputs { probs, k, draws, noise, .. } = inputs;
    let count = product(check_rows(Argument::Probs, probs.len(), k)?, draws)?;
    check_len(Argument::Saved, saved.len(), product(count, SAVED)?)?;
    categorical::draw(backend, probs, k, draws, noise, index)?;
    let (base, first) = match noise {
        Noise::Stream { stream, position } => (stream.key(), position),
        Noise::Forced { stream, position, .. } => (stream.key(), position),
        Noise::Uniforms(_) => (Stream::new(0, 0).key(), 0),
    };
    for (at, saved) in rows_mut(saved, SAVED).enumerate() {
        let own = match noise {
            Noise::Uniforms(uniforms) => u64::from(uniforms.get(at).map_or(0, |u| u.to_bits())) << 32,
            _ => 0,
        };
        let key = splitmix64(base.wrapping_add(first).wrapping_add(at as u64) ^ own);
        for (half, saved) in [key >> (64 - HALF), key & ((1 << HALF) - 1)].iter().zip(saved) {
            *saved = f32::from_bits(*half as u32);
        }
    }
    Ok(())
}

/// The two halves of a key as the state of a generator.
#[inline(always)]
fn state(high: f32, low: f32) -> u64 {
    splitmix64(u64::from(high.to_bits()) << HALF | u64::from(low.to_bits()))
}

/// Where exponential numbers come from.
pub(super) trait Source: Copy + Send {
    /// The numbers of a group, from the beginning.
    type Numbers: Clone;
    fn numbers<L: Lanes, D: Direction<L>>(self, saved: &[f32]) -> Self::Numbers;
    /// The numbers of the categories in step `step` of relaxed sample `r`; called in order. `count` says how many
    /// categories are left in the row, this step's included.
    fn next<L: Lanes, D: Direction<L>>(numbers: &mut Self::Numbers, r: usize, step: usize, count: usize) -> L;
}

/// Noise made again from keys.
#[derive(Clone, Copy)]
pub struct Seeded;

impl Source for Seeded {
    type Numbers = Keyed;

    #[inline(always)]
    fn numbers<L: Lanes, D: Direction<L>>(self, saved: &[f32]) -> Keyed {
        if D::ALONG || L::N == 1 {
            let start = match saved {
                [high, low, ..] => state(*high, *low),
                _ => 0,
            };
            Keyed::within_row(start, L::N)
        } else {
            let (high, low) = saved.split_at_checked(LANES).unwrap_or_default();
            let mut states = [0; LANES];
            for ((slot, high), low) in states.iter_mut().zip(high).zip(low) {
                *slot = state(*high, *low);
            }
            Keyed::across_rows(states)
        }
    }

    #[inline(always)]
    fn next<L: Lanes, D: Direction<L>>(numbers: &mut Keyed, _r: usize, step: usize, count: usize) -> L {
        let uniforms = if L::N == 1 {
            let uniform = L::splat(numbers.next_single());
            if D::ALONG && count == 1 {
                numbers.skip((step + 1).wrapping_neg() % LANES);
            }
            uniform
        } else {
            numbers.next_lanes::<L>()
        };
        ln(uniforms).neg()
    }
}

/// One draw's noise as the caller gives it, k x R.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) noise: &'a [f32],
    pub(super) relaxed_samples: usize,
}

impl<'a> Source for Given<'a> {
    type Numbers = Given<'a>;

    #[inline(always)]
    fn numbers<L: Lanes, D: Direction<L>>(self, _saved: &[f32]) -> Self {
        self
    }

    #[inline(always)]
    fn next<L: Lanes, D: Direction<L>>(numbers: &mut Self, r: usize, step: usize, _count: usize) -> L {
        let mut lanes = [1.0; LANES];
        for (lane, slot) in lanes.iter_mut().take(L::N).enumerate() {
            let at = (step * L::N + lane) * numbers.relaxed_samples + r;
            *slot = numbers.noise.get(at).copied().unwrap_or(1.0);
        }
        L::load(&lanes)
    }
}
