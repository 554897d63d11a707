//! Finding out how much memory a recording needs before there is any.

use super::{Footprint, Node, Slabs, Tape};
use crate::Backend;

impl<'m, B: Backend> Tape<'m, B> {
    /// A tape that records without computing: it needs nodes but no floats, and the recording code that runs on it is
    /// the one that will run for real. [`Tape::footprint`] then says what that takes.
    pub fn measuring(nodes: &'m mut [Node<B>], backend: B) -> Self {
        let slabs = Slabs { nodes, values: &mut [], grads: &mut [], saved: &mut [] };
        Tape { measuring: true, ..Tape::with_backend(slabs, backend) }
    }

    /// Whether this tape only measures: it has shapes, but no values to read.
    pub fn is_measuring(&self) -> bool {
        self.measuring
    }

    /// The most that has been recorded at any time: exact slab lengths.
    pub fn footprint(&self) -> Footprint {
        self.peak
    }
}
