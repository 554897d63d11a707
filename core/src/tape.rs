//! A tape over memory that the caller lends: record operations, run them backward, run them again.
//!
//! Nodes lie in one slab; values, gradients and saved numbers in three slabs of floats. Offsets only grow, so a node's
//! inputs lie before its output and the slabs split between them. Parameters are the prefix of their slabs.
//!
//! [`Tape::mark`] and [`Tape::reset`] rewind in O(1) and leave parameter gradients alone, so a batch can be
//! accumulated sample by sample. [`Tape::replay`] runs what is recorded again, on new leaves and new noise, and cannot
//! run out of memory.

mod backward;
mod grads;
mod leaves;
mod measure;
mod replay;
mod storage;
mod suspend;

pub use storage::{Footprint, Node, Slabs, TapeMem};

pub use grads::InputGrads;
pub use suspend::Suspended;

use storage::{Kind, NO_GRAD, NO_INPUT};

use crate::op::{Draws, Forward, MAX_INPUTS, Matrix, NoiseSource, Op, Spec};
use crate::random::{Stream, splitmix64};
use crate::{Argument, Backend, Error, Portable, Result, Shape, Slab};

/// A recorded tensor. A handle from before a reset or of another tape gives [`Error::Stale`]; one of another tape
/// passes unnoticed with a chance of about 2^-30, as epochs begin at a hash of the address of the slab. Slabs that are
/// made again and again at one address need numbers: [`TapeMem::numbered`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Var {
    node: u32,
    epoch: u32,
}

impl Var {
    /// The handle as one number, for foreign interfaces.
    pub const fn to_bits(self) -> u64 {
        (self.epoch as u64) << 32 | self.node as u64
    }

    /// The handle back from [`Var::to_bits`]. Any number is safe: a wrong one gives [`Error::Stale`].
    pub const fn from_bits(bits: u64) -> Self {
        Var { node: bits as u32, epoch: (bits >> 32) as u32 }
    }
}

/// A place to rewind to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    at: Footprint,
    /// The epoch of the last node before the mark, 0 where there is none: it tells a mark that no longer holds.
    epoch: u32,
}

/// The tape. `B` runs the kernels.
///
/// ```
/// use reinmax_core::{Draws, ReinMax, Shape, Tape, TapeMem};
///
/// let mut memory = TapeMem::<8, 40, 40, 4>::new();
/// let mut tape = Tape::new(memory.slabs());
/// tape.seed(7, 0);
/// let logits = tape.param(Shape::new(2, 3), &[0.1, 0.2, 0.3, -1.0, 0.0, 1.0])?;
/// let probs = tape.softmax(logits)?;
/// let one_hot = tape.sample(ReinMax { tau: 1.0 }, logits, probs, Draws::Stream)?;
/// let square = tape.mul(one_hot, one_hot)?;
/// let loss = tape.sum(square)?;
/// tape.backward(loss)?;
/// assert_eq!(tape.value(loss)?, &[2.0]);
/// assert_eq!(tape.grad(logits)?.len(), 6);
/// # Ok::<(), reinmax_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Tape<'m, B: Backend = Portable> {
    slabs: Slabs<'m, B>,
    backend: B,
    /// How much of each slab is in use.
    at: Footprint,
    peak: Footprint,
    /// Number of parameters (floats): the prefix of values and gradients.
    params: usize,
    /// The epoch that it began with: what a mark before the first node carries.
    first_epoch: u32,
    epoch: u32,
    measuring: bool,
    stream: Stream,
    cursor: u64,
}

impl<'m> Tape<'m> {
    /// A tape on the portable backend.
    pub fn new(slabs: Slabs<'m>) -> Self {
        Tape::with_backend(slabs, Portable)
    }
}

impl<'m, B: Backend> Tape<'m, B> {
    /// A tape on a backend of the caller's choice. Draws come from `Stream::new(0, 0)` until [`Tape::seed`]. Cost:
    /// O(nodes), to find the epochs of earlier tapes on this slab.
    pub fn with_backend(slabs: Slabs<'m, B>, backend: B) -> Self {
        let epoch = first_epoch(slabs.nodes);
        let (at, peak) = (Footprint::default(), Footprint::default());
        let stream = Stream::new(0, 0);
        Tape { slabs, backend, at, peak, params: 0, first_epoch: epoch, epoch, measuring: false, stream, cursor: 0 }
    }

    /// Draws from now on come from output 0 of `Stream::new(seed, stream)`.
    pub fn seed(&mut self, seed: u64, stream: u64) {
        self.stream = Stream::new(seed, stream);
        self.cursor = 0;
    }

    /// The stream's next output: with seed and stream, all there is to know about future draws. Part of a checkpoint.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Moves to output `cursor` of the stream. Outputs that are 2^44 and more apart are correlated (a property of PCG32
    /// on 64 bits): workers that share a seed take a stream each, not a part of one.
    pub fn set_cursor(&mut self, cursor: u64) {
        self.cursor = cursor;
    }

    /// The backend.
    pub fn backend(&self) -> &B {
        &self.backend
    }

    // ---- recording -------------------------------------------------------------------------------------------------

    /// Records an operation and runs it. This is what every operation of this crate is made of, and the way to add one
    /// from outside. On an error nothing has been recorded.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Stale`], [`Error::Length`] for more than three inputs, [`Error::TooLarge`],
    /// [`Error::EpochsExhausted`], and whatever the operation's forward function returns.
    pub fn record(&mut self, op: &'static Op<B>, inputs: &[Var], spec: Spec) -> Result<Var> {
        self.record_with(op, inputs, spec, Draws::Stream)
    }

    /// [`Tape::record`] for an operation that draws.
    ///
    /// # Errors
    /// As [`Tape::record`]; [`Error::Length`] where `draws` holds more or less than the operation takes.
    pub fn record_with(&mut self, op: &'static Op<B>, inputs: &[Var], spec: Spec, draws: Draws<'_>) -> Result<Var> {
        let Spec { shape, config, number, .. } = spec;
        let mut node = Node { op: Some(op), shape, kind: Kind::Computed, config, number, ..Node::EMPTY };
        let mut grad = false;
        if inputs.len() > MAX_INPUTS {
            return Err(Error::Length { argument: Argument::Input, expected: MAX_INPUTS, got: inputs.len() });
        }
        for ((slot, var), differentiable) in node.inputs.iter_mut().zip(inputs).zip(spec.differentiable) {
            grad |= self.lookup(*var)?.has_grad() && differentiable;
            *slot = var.node;
        }
        let before = self.at;
        let var = self.push(&node, grad, spec.saved)?;
        if !self.measuring {
            let mut noise = NoiseSource::new(draws, self.stream, self.cursor);
            if let Err(error) = self.forward(var.node, &mut noise).and_then(|()| noise.finish()) {
                self.at = before;
                return Err(error);
            }
            self.cursor = noise.cursor;
        }
        self.peak.raise(&self.at);
        Ok(var)
    }

    /// A second name for a node's values, under another shape of the same length; without its gradient if detached.
    pub(crate) fn alias(&mut self, var: Var, shape: Shape, detached: bool) -> Result<Var> {
        let source = *self.lookup(var)?;
        if shape.checked_len()? as usize != source.shape.len() {
            return Err(Error::Shape { argument: Argument::Input, expected: shape, got: source.shape });
        }
        let grad = if detached { NO_GRAD } else { source.grad };
        let owner = if source.kind == Kind::Alias { source.inputs[0] } else { var.node };
        let inputs = [owner, NO_INPUT, NO_INPUT];
        let node = Node { shape, kind: Kind::Alias, inputs, value: source.value, grad, ..Node::EMPTY };
        let var = self.push(&node, false, 0)?;
        self.peak.raise(&self.at);
        Ok(var)
    }

    /// The shape of a recorded tensor.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub fn shape(&self, var: Var) -> Result<Shape> {
        Ok(self.lookup(var)?.shape)
    }

    /// Whether gradients reach a tensor.
    pub(crate) fn takes_grad(&self, var: Var) -> Result<bool> {
        Ok(self.lookup(var)?.has_grad())
    }

    /// Refuses what would not fit besides all that is recorded: for operations of several nodes, before the first.
    pub(crate) fn check_room(&self, more: Footprint) -> Result<()> {
        // Every node begins below `u32::MAX`: refused here, the first of them would be recorded already.
        let sum = |x: usize, y: usize| x.checked_add(y).filter(|sum| *sum < u32::MAX as usize).ok_or(Error::TooLarge);
        let need = Footprint {
            nodes: sum(self.at.nodes, more.nodes)?,
            values: sum(self.at.values, more.values)?,
            grads: sum(self.at.grads, more.grads)?,
            saved: sum(self.at.saved, more.saved)?,
        };
        if !self.measuring {
            need.check(&self.slabs)?;
        }
        if need.nodes <= self.slabs.nodes.len() {
            Ok(())
        } else {
            Err(Error::Full { slab: Slab::Nodes, need: need.nodes })
        }
    }

    /// Takes room in the slabs and writes the node; nothing runs yet.
    fn push(&mut self, node: &Node<B>, grad: bool, saved: usize) -> Result<Var> {
        // The last epoch is never used: a tape that follows on these slabs begins above all that nodes carry.
        if self.epoch == u32::MAX {
            return Err(Error::EpochsExhausted);
        }
        let len = node.shape.checked_len()? as usize;
        let mut next = self.at;
        if node.kind != Kind::Alias {
            next.values = next.values.checked_add(len).ok_or(Error::TooLarge)?;
            if grad {
                next.grads = next.grads.checked_add(len).ok_or(Error::TooLarge)?;
            }
            next.saved = next.saved.checked_add(saved).ok_or(Error::TooLarge)?;
        }
        next.nodes += 1;
        if !self.measuring {
            next.check(&self.slabs)?;
        }
        let var = Var { node: offset(self.at.nodes)?, epoch: self.epoch };
        let (value, start_of_grad) = (offset(self.at.values)?, offset(self.at.grads)?);
        let (start_of_saved, saved_len) = (offset(self.at.saved)?, offset(saved)?);
        let full = Error::Full { slab: Slab::Nodes, need: next.nodes };
        let slot = self.slabs.nodes.get_mut(self.at.nodes).ok_or(full)?;
        *slot = *node;
        slot.epoch = self.epoch;
        if node.kind != Kind::Alias {
            (slot.value, slot.saved, slot.saved_len) = (value, start_of_saved, saved_len);
            if grad {
                slot.grad = start_of_grad;
            }
        }
        self.at = next;
        Ok(var)
    }

    // ---- reading ---------------------------------------------------------------------------------------------------

    /// The values of a tensor, row-major.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::Measuring`].
    pub fn value(&self, var: Var) -> Result<&[f32]> {
        let node = self.lookup(var)?;
        self.refuse_measuring()?;
        span(self.slabs.values, node.value, node.len())
    }

    /// The gradient of a tensor, row-major. That of a computed tensor is what the last backward pass left there; before
    /// the first it is whatever the slab held.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NoGrad`], [`Error::Measuring`].
    pub fn grad(&self, var: Var) -> Result<&[f32]> {
        let node = self.lookup(var)?;
        if !node.has_grad() {
            return Err(Error::NoGrad);
        }
        self.refuse_measuring()?;
        span(self.slabs.grads, node.grad, node.len())
    }

    // ---- marks -----------------------------------------------------------------------------------------------------

    /// A place to rewind to: everything recorded so far stays.
    pub fn mark(&self) -> Mark {
        Mark { at: self.at, epoch: self.epoch_before(&self.at) }
    }

    /// Forgets everything recorded since `mark`; its memory is free again, its handles are stale. O(1). The noise
    /// cursor stays where it is.
    ///
    /// # Errors
    /// [`Error::Stale`] for a mark that no longer holds, [`Error::EpochsExhausted`].
    pub fn reset(&mut self, mark: Mark) -> Result<()> {
        self.check_mark(&mark)?;
        self.epoch = self.epoch.checked_add(1).ok_or(Error::EpochsExhausted)?;
        self.at = mark.at;
        self.params = self.params.min(mark.at.values);
        Ok(())
    }

    fn check_mark(&self, mark: &Mark) -> Result<()> {
        let held = mark.at.nodes <= self.at.nodes && mark.at.values <= self.at.values;
        if held && self.epoch_before(&mark.at) == mark.epoch { Ok(()) } else { Err(Error::Stale) }
    }

    fn epoch_before(&self, at: &Footprint) -> u32 {
        at.nodes.checked_sub(1).and_then(|last| self.slabs.nodes.get(last)).map_or(self.first_epoch, |node| node.epoch)
    }

    // ---- running ---------------------------------------------------------------------------------------------------

    /// Runs one node forward.
    fn forward(&mut self, node: u32, noise: &mut NoiseSource<'_>) -> Result<()> {
        noise.node = node;
        let nodes = &*self.slabs.nodes;
        let node = nodes.get(node as usize).ok_or(Error::Stale)?;
        let Some(op) = node.op else { return Ok(()) };
        let (lower, upper) = self.slabs.values.split_at_mut_checked(node.value as usize).ok_or(Error::Stale)?;
        let out = upper.get_mut(..node.len()).ok_or(Error::Stale)?;
        let saved = span_mut(self.slabs.saved, node.saved, node.saved_len as usize)?;
        let mut inputs = [Matrix::NONE; MAX_INPUTS];
        for (matrix, input) in inputs.iter_mut().zip(&node.inputs) {
            if let Some(input) = input_node(nodes, *input)? {
                *matrix = Matrix { values: span(lower, input.value, input.len())?, shape: input.shape };
            }
        }
        let Node { shape, config, number, .. } = *node;
        (op.forward)(Forward { backend: &self.backend, inputs, shape, out, saved, config, number, noise })
    }

    // ---- handles ---------------------------------------------------------------------------------------------------

    fn node(&self, index: u32) -> Result<&Node<B>> {
        self.slabs.nodes.get(index as usize).ok_or(Error::Stale)
    }

    fn lookup(&self, var: Var) -> Result<&Node<B>> {
        let node = self.node(var.node)?;
        if (var.node as usize) < self.at.nodes && node.epoch == var.epoch { Ok(node) } else { Err(Error::Stale) }
    }

    fn refuse_measuring(&self) -> Result<()> {
        if self.measuring { Err(Error::Measuring) } else { Ok(()) }
    }
}

/// Above every epoch that handles of an earlier tape on these slabs can carry; on fresh slabs, a start that depends on
/// their address and number, so that tapes alive at the same time, or one after the other, count in different ranges.
fn first_epoch<B: Backend>(nodes: &[Node<B>]) -> u32 {
    let used = nodes.iter().map(|node| node.epoch).max().unwrap_or(0);
    if used > 0 {
        return used.saturating_add(1);
    }
    let address = nodes.as_ptr().addr() as u64;
    let number = nodes.first().map_or(0, |node| node.number);
    (splitmix64(splitmix64(address) ^ u64::from(number)) >> 33) as u32 | 1
}

/// The node of an input; `None` where an operation has none. Borrowed: three copies of a node are a quarter KiB of
/// stack.
fn input_node<B: Backend>(nodes: &[Node<B>], input: u32) -> Result<Option<&Node<B>>> {
    if input == NO_INPUT { Ok(None) } else { nodes.get(input as usize).map(Some).ok_or(Error::Stale) }
}

fn offset(at: usize) -> Result<u32> {
    u32::try_from(at).ok().filter(|at| *at < u32::MAX).ok_or(Error::TooLarge)
}

fn span(slab: &[f32], start: u32, len: usize) -> Result<&[f32]> {
    slab.get(start as usize..).and_then(|slab| slab.get(..len)).ok_or(Error::Stale)
}

fn span_mut(slab: &mut [f32], start: u32, len: usize) -> Result<&mut [f32]> {
    slab.get_mut(start as usize..).and_then(|slab| slab.get_mut(..len)).ok_or(Error::Stale)
}
