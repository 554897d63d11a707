//! A tape apart from its memory, for callers that can lend memory only for the length of a call.

use super::{Footprint, Slabs, Tape};
use crate::{Backend, Stream};

/// All of a tape but its slabs and its backend: plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspended {
    at: Footprint,
    peak: Footprint,
    params: usize,
    first_epoch: u32,
    epoch: u32,
    measuring: bool,
    stream: Stream,
    cursor: u64,
}

impl<'m, B: Backend> Tape<'m, B> {
    /// Ends the loan of the slabs. What is recorded stays in them.
    pub fn suspend(self) -> Suspended {
        let Tape { at, peak, params, first_epoch, epoch, measuring, stream, cursor, .. } = self;
        Suspended { at, peak, params, first_epoch, epoch, measuring, stream, cursor }
    }

    /// The tape again, on the slabs (unchanged) and the backend that it had. On others, or on shorter ones, operations
    /// return errors or numbers without meaning; nothing worse.
    pub fn resume(slabs: Slabs<'m, B>, backend: B, suspended: Suspended) -> Self {
        let Suspended { at, peak, params, first_epoch, epoch, measuring, stream, cursor } = suspended;
        Tape { slabs, backend, at, peak, params, first_epoch, epoch, measuring, stream, cursor }
    }
}
