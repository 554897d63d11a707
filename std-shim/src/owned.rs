//! Slabs on the heap.

use std::sync::atomic::{AtomicU32, Ordering};

use reinmax_core::{Backend, Error, Footprint, Node, Portable, Result, Slab, Slabs, Tape};

use crate::Floats;

/// Heaps give the same memory out again; a number tells a tape on it from those that were there before.
static MADE: AtomicU32 = AtomicU32::new(0);

/// The four slabs of a tape, owned. Handles of a tape on memory that is gone are refused by all others.
#[derive(Debug)]
pub struct Memory<B: Backend = Portable> {
    nodes: Vec<Node<B>>,
    values: Floats,
    grads: Floats,
    saved: Floats,
}

/// The same values and gradients, with nothing recorded: handles of a tape on the one are refused by tapes on the
/// other.
impl<B: Backend> Clone for Memory<B> {
    fn clone(&self) -> Self {
        Memory {
            nodes: fresh_nodes(self.nodes.len()),
            values: self.values.clone(),
            grads: self.grads.clone(),
            saved: self.saved.clone(),
        }
    }
}

/// Nodes under a number that none before them had.
fn fresh_nodes<B: Backend>(len: usize) -> Vec<Node<B>> {
    vec![Node::numbered(MADE.fetch_add(1, Ordering::Relaxed)); len]
}

impl<B: Backend> Memory<B> {
    /// As much as `footprint` says.
    pub fn new(footprint: &Footprint) -> Self {
        Memory {
            nodes: fresh_nodes(footprint.nodes),
            values: Floats::zeros(footprint.values),
            grads: Floats::zeros(footprint.grads),
            saved: Floats::zeros(footprint.saved),
        }
    }

    /// The slabs, to lend to a tape.
    pub fn slabs(&mut self) -> Slabs<'_, B> {
        Slabs { nodes: &mut self.nodes, values: &mut self.values, grads: &mut self.grads, saved: &mut self.saved }
    }

    /// The gradients as the last tape left them, parameters first.
    pub fn grads(&self) -> &[f32] {
        &self.grads
    }
}

/// What `record` needs, found by running it on a measuring tape: no values are computed, so `record` must not read any.
/// It may run several times, until there are nodes enough.
///
/// # Errors
/// Whatever `record` returns.
pub fn measure<B: Backend + Clone>(
    backend: B,
    mut record: impl FnMut(&mut Tape<'_, B>) -> Result<()>,
) -> Result<Footprint> {
    let mut nodes = vec![Node::EMPTY; 64];
    loop {
        let mut tape = Tape::measuring(&mut nodes, backend.clone());
        match record(&mut tape) {
            Ok(()) => return Ok(tape.footprint()),
            Err(Error::Full { slab: Slab::Nodes, need }) => nodes.resize(need.max(nodes.len() * 2), Node::EMPTY),
            Err(error) => return Err(error),
        }
    }
}
