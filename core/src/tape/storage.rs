//! The memory that a caller lends to a tape.

use crate::op::{MAX_INPUTS, Op};
use crate::{Backend, Portable, Shape, Slab};

/// One recorded operation. Opaque; [`Node::EMPTY`] fills a slab.
#[derive(Debug)]
pub struct Node<B: Backend = Portable> {
    /// `None`: a leaf, or another node's values under a new shape.
    pub(super) op: Option<&'static Op<B>>,
    pub(super) inputs: [u32; MAX_INPUTS],
    pub(super) shape: Shape,
    /// Where its values, gradients and saved numbers start in their slabs.
    pub(super) value: u32,
    pub(super) grad: u32,
    pub(super) saved: u32,
    pub(super) saved_len: u32,
    /// The tape's epoch when this was recorded. 0 in a slab that was never used.
    pub(super) epoch: u32,
    pub(super) kind: Kind,
    /// In a backward pass: nothing has been added to the gradient yet, and its memory holds what was there before.
    pub(super) fresh: bool,
    pub(super) config: [f32; 4],
    /// The operation's whole number; in an unused slot, that of [`Node::numbered`].
    pub(super) number: u32,
}

/// Who owns a node's values and gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Set from outside; its gradient accumulates until `zero_grad`.
    Leaf,
    /// Computed; its gradient starts at 0 in each backward pass.
    Computed,
    /// A second name for another node's values (and, unless detached, gradient). That node is its first input.
    Alias,
}

/// In place of an input that a node does not have.
pub(super) const NO_INPUT: u32 = u32::MAX;
/// In place of the gradient of a node that takes none.
pub(super) const NO_GRAD: u32 = u32::MAX;

impl<B: Backend> Node<B> {
    /// An unused slot.
    pub const EMPTY: Self = Node {
        op: None,
        inputs: [NO_INPUT; MAX_INPUTS],
        shape: Shape::new(0, 0),
        value: 0,
        grad: NO_GRAD,
        saved: 0,
        saved_len: 0,
        epoch: 0,
        kind: Kind::Leaf,
        fresh: false,
        config: [0.0; 4],
        number: 0,
    };

    /// An unused slot. Where slabs are made again and again at one address, give each a new `number`: a tape on it then
    /// refuses handles of the tapes before it. [`Node::EMPTY`] is number 0.
    pub const fn numbered(number: u32) -> Self {
        Node { number, ..Self::EMPTY }
    }

    /// Number of elements; when it was recorded, they fitted in 32 bits.
    pub(super) fn len(&self) -> usize {
        self.shape.rows.wrapping_mul(self.shape.cols) as usize
    }

    pub(super) fn has_grad(&self) -> bool {
        self.grad != NO_GRAD
    }
}

// Derived copies would ask for `B: Copy`.
impl<B: Backend> Clone for Node<B> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<B: Backend> Copy for Node<B> {}

/// The four slabs. What floats hold at first does not matter: a tape computes with none that it has not written; nodes
/// are [`Node::EMPTY`], [`Node::numbered`], or what an earlier tape left there.
#[derive(Debug)]
pub struct Slabs<'m, B: Backend = Portable> {
    /// One for each recorded operation.
    pub nodes: &'m mut [Node<B>],
    /// Values; parameters first.
    pub values: &'m mut [f32],
    /// Gradients; those of parameters first.
    pub grads: &'m mut [f32],
    /// What operations keep for the backward pass.
    pub saved: &'m mut [f32],
}

/// How long the slabs must be for what a tape has recorded: exact, an element less gives [`crate::Error::Full`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Elements of [`Slabs::nodes`].
    pub nodes: usize,
    /// Elements of [`Slabs::values`].
    pub values: usize,
    /// Elements of [`Slabs::grads`].
    pub grads: usize,
    /// Elements of [`Slabs::saved`].
    pub saved: usize,
}

impl Footprint {
    /// All four slabs in bytes, on the target this is compiled for; `usize::MAX` where that does not fit.
    pub const fn bytes<B: Backend>(&self) -> usize {
        let floats = self.values.saturating_add(self.grads).saturating_add(self.saved);
        self.nodes.saturating_mul(size_of::<Node<B>>()).saturating_add(floats.saturating_mul(size_of::<f32>()))
    }

    pub(super) fn raise(&mut self, other: &Footprint) {
        self.nodes = self.nodes.max(other.nodes);
        self.values = self.values.max(other.values);
        self.grads = self.grads.max(other.grads);
        self.saved = self.saved.max(other.saved);
    }

    pub(super) fn check(&self, slabs: &Slabs<'_, impl Backend>) -> crate::Result<()> {
        let fits = |slab, need: usize, len: usize| {
            if need <= len { Ok(()) } else { Err(crate::Error::Full { slab, need }) }
        };
        fits(Slab::Values, self.values, slabs.values.len())?;
        fits(Slab::Grads, self.grads, slabs.grads.len())?;
        fits(Slab::Saved, self.saved, slabs.saved.len())
    }
}

/// Slabs of fixed size in one value, for a `static` or a stack frame: N nodes, V values, G gradients, S saved numbers.
///
/// ```
/// use reinmax_core::{Tape, TapeMem};
/// let mut memory = TapeMem::<8, 64, 64, 16>::new();
/// let tape = Tape::new(memory.slabs());
/// # let _ = tape;
/// ```
#[derive(Debug)]
pub struct TapeMem<const N: usize, const V: usize, const G: usize, const S: usize, B: Backend = Portable> {
    nodes: [Node<B>; N],
    values: [f32; V],
    grads: [f32; G],
    saved: [f32; S],
}

impl<const N: usize, const V: usize, const G: usize, const S: usize, B: Backend> TapeMem<N, V, G, S, B> {
    /// Zeroed memory, meant for a `static` or for a variable that lives as long as its handles.
    pub const fn new() -> Self {
        Self::numbered(0)
    }

    /// The same, where memory is made again and again in one place, as in a function that is called often: with
    /// another `number` each time, handles kept from an earlier call are refused. See [`Node::numbered`].
    pub const fn numbered(number: u32) -> Self {
        TapeMem { nodes: [Node::numbered(number); N], values: [0.0; V], grads: [0.0; G], saved: [0.0; S] }
    }

    /// The slabs, to lend to a tape.
    pub fn slabs(&mut self) -> Slabs<'_, B> {
        Slabs { nodes: &mut self.nodes, values: &mut self.values, grads: &mut self.grads, saved: &mut self.saved }
    }
}

impl<const N: usize, const V: usize, const G: usize, const S: usize, B: Backend> Default for TapeMem<N, V, G, S, B> {
    fn default() -> Self {
        Self::new()
    }
}
