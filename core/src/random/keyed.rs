//! Generators that begin at a hashed state instead of a stream's: noise that is made again from a key of 60 bits.

use super::leapfrog::Leapfrog;
use super::{MULTIPLIER, jump, output, uniform};
use crate::kernel::LANES;
use crate::kernel::aligned::Aligned;

/// Their increment.
const INCREMENT: u64 = 0xda3e_39cb_94b9_5bdb;

/// Uniform numbers from a state: sixteen lanes hold one sequence, or sixteen of them.
pub(crate) type Keyed = Leapfrog<1>;

impl Keyed {
    /// One sequence from `state`: sixteen steps at a time where there are sixteen lanes, else one.
    #[inline(always)]
    pub(crate) fn within_row(state: u64, lanes: usize) -> Self {
        let mut states = [0; LANES];
        let mut next = state;
        for slot in states.iter_mut().take(lanes) {
            *slot = next;
            next = next.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        }
        let (multiplier, increment) = jump(INCREMENT, lanes as u64);
        Leapfrog { states: Aligned([states]), multiplier, increment, turn: 0 }
    }

    /// Sixteen sequences side by side, one a lane.
    #[inline(always)]
    pub(crate) fn across_rows(states: [u64; LANES]) -> Self {
        Leapfrog { states: Aligned([states]), multiplier: MULTIPLIER, increment: INCREMENT, turn: 0 }
    }

    /// The first lane's next uniform; the others stay.
    #[inline(always)]
    pub(crate) fn next_single(&mut self) -> f32 {
        let [[state, ..]] = &mut *self.states;
        let out = output(*state);
        *state = state.wrapping_mul(self.multiplier).wrapping_add(self.increment);
        uniform(out)
    }

    /// Leaves out `count` of the first lane's numbers.
    #[inline(always)]
    pub(crate) fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.next_single();
        }
    }
}
