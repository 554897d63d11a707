//! The gradients that a VJP adds to.

use super::storage::{Kind, Node};
use crate::Backend;
use crate::op::MAX_INPUTS;

/// The gradients of an operation's inputs, borrowed one at a time: two inputs may be the same tensor.
///
/// At the start of a backward pass the gradient of a computed tensor counts as 0 but is not zeroed in memory: the first
/// contribution overwrites it. [`InputGrads::get_fresh`] says whether a contribution is the first; [`InputGrads::get`]
/// zeroes the memory where it is.
#[derive(Debug)]
pub struct InputGrads<'a, B: Backend> {
    pub(super) slab: &'a mut [f32],
    pub(super) spans: [Option<GradSpan>; MAX_INPUTS],
    pub(super) nodes: &'a mut [Node<B>],
}

/// Where an input's gradient lies, and which node owns it.
#[derive(Clone, Copy, Debug)]
pub(super) struct GradSpan {
    start: usize,
    len: usize,
    owner: usize,
}

impl GradSpan {
    /// The gradient of node number `id`; an alias's belongs to the node it names.
    pub(super) fn new<B: Backend>(id: u32, node: &Node<B>) -> Self {
        let owner = if node.kind == Kind::Alias { node.inputs[0] } else { id };
        GradSpan { start: node.grad as usize, len: node.len(), owner: owner as usize }
    }
}

impl<B: Backend> InputGrads<'_, B> {
    /// The gradient of input `i`, to be added to; `None` where it takes none.
    #[inline]
    pub fn get(&mut self, i: usize) -> Option<&mut [f32]> {
        let (grad, fresh) = self.get_fresh(i)?;
        if fresh {
            grad.fill(0.0);
        }
        Some(grad)
    }

    /// The gradient of input `i`, and whether this is the first contribution to it: then its content is meaningless,
    /// counts as 0, and every element must be written.
    #[inline]
    pub fn get_fresh(&mut self, i: usize) -> Option<(&mut [f32], bool)> {
        let GradSpan { start, len, owner } = (*self.spans.get(i)?)?;
        let node = self.nodes.get_mut(owner)?;
        let fresh = core::mem::take(&mut node.fresh);
        Some((self.slab.get_mut(start..)?.get_mut(..len)?, fresh))
    }
}
