//! Copies of a generator, each many steps at a time: independent chains where one would wait for each product, and
//! together the very same sequence.

use super::{MULTIPLIER, Stream, jump};
use crate::kernel::LANES;
use crate::kernel::aligned::Aligned;
use crate::kernel::lanes::Lanes;

/// N times sixteen copies of the generator, sixteen for each vector of uniforms. Vectors take turns.
#[derive(Clone, Debug)]
pub(crate) struct Leapfrog<const N: usize> {
    /// The state of each copy.
    pub(super) states: Aligned<[[u64; LANES]; N]>,
    /// One step of a copy: to the state that comes after those of all others.
    pub(super) multiplier: u64,
    pub(super) increment: u64,
    /// The states that are next.
    pub(super) turn: usize,
}

impl<const N: usize> Leapfrog<N> {
    /// The next sixteen uniforms.
    #[inline(always)]
    pub(crate) fn next_lanes<L: Lanes>(&mut self) -> L {
        let Leapfrog { states, multiplier, increment, turn } = self;
        let at = *turn % N;
        *turn = (at + 1) % N;
        match states.get_mut(at) {
            Some(states) => L::uniforms(states, *multiplier, *increment),
            None => L::splat(0.5),
        }
    }
}

impl Leapfrog<2> {
    /// Thirty-two copies that together give a stream's outputs `index ..` in order: two vectors, as the product of one
    /// takes as long as all the work on another.
    pub(crate) fn of_stream(stream: &Stream, index: u64) -> Self {
        // What `Pcg32::new` makes of a state and a stream; then `index` steps.
        let one_step = (stream.stream << 1) | 1;
        let start = stream.seed.wrapping_add(one_step).wrapping_mul(MULTIPLIER).wrapping_add(one_step);
        let (multiplier, increment) = jump(one_step, index);
        let mut state = start.wrapping_mul(multiplier).wrapping_add(increment);
        let mut states = Aligned([[0; LANES]; 2]);
        for slot in states.as_flattened_mut() {
            *slot = state;
            state = state.wrapping_mul(MULTIPLIER).wrapping_add(one_step);
        }
        let (multiplier, increment) = jump(one_step, 2 * LANES as u64);
        Leapfrog { states, multiplier, increment, turn: 0 }
    }
}
