//! What the caller gives a tape: parameters, and tensors with or without a gradient.

use super::storage::{Kind, Node};
use super::{Tape, Var, span_mut};
use crate::check::check_len;
use crate::{Argument, Backend, Error, Result, Shape};

impl<B: Backend> Tape<'_, B> {
    /// Declares a parameter and sets it. Parameters come before everything else; see [`Tape::params`].
    ///
    /// # Errors
    /// [`Error::ParamAfterOp`], [`Error::Length`], [`Error::Full`], [`Error::TooLarge`], [`Error::EpochsExhausted`].
    pub fn param(&mut self, shape: Shape, values: &[f32]) -> Result<Var> {
        self.declare(shape, Some(values))
    }

    /// [`Tape::param`], all zeros: for initial values that are made in place, with [`Tape::value_mut`], so that no
    /// second buffer need hold them.
    ///
    /// # Errors
    /// As [`Tape::param`].
    pub fn param_zeros(&mut self, shape: Shape) -> Result<Var> {
        self.declare(shape, None)
    }

    fn declare(&mut self, shape: Shape, values: Option<&[f32]>) -> Result<Var> {
        if self.at.values != self.params || self.at.grads != self.params {
            return Err(Error::ParamAfterOp);
        }
        let var = self.leaf(Argument::Params, shape, values, true)?;
        self.params = self.at.values;
        Ok(var)
    }

    /// Records the caller's tensor, which takes no gradient.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Full`], [`Error::TooLarge`], [`Error::EpochsExhausted`].
    pub fn input(&mut self, shape: Shape, values: &[f32]) -> Result<Var> {
        self.leaf(Argument::Input, shape, Some(values), false)
    }

    /// [`Tape::input`], all zeros: room for what [`Tape::set`] or [`Tape::value_mut`] brings before each replay.
    ///
    /// # Errors
    /// As [`Tape::input`].
    pub fn input_zeros(&mut self, shape: Shape) -> Result<Var> {
        self.leaf(Argument::Input, shape, None, false)
    }

    /// Records the caller's tensor, which takes a gradient, and accumulates it until [`Tape::zero_grad`].
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Full`], [`Error::TooLarge`], [`Error::EpochsExhausted`].
    pub fn differentiable_input(&mut self, shape: Shape, values: &[f32]) -> Result<Var> {
        self.leaf(Argument::Input, shape, Some(values), true)
    }

    /// A tensor of `values`, or of zeros.
    fn leaf(&mut self, argument: Argument, shape: Shape, values: Option<&[f32]>, grad: bool) -> Result<Var> {
        let len = shape.checked_len()? as usize;
        if let Some(values) = values {
            check_len(argument, values.len(), len)?;
        }
        let node = Node { shape, kind: Kind::Leaf, ..Node::EMPTY };
        let var = self.push(&node, grad, 0)?;
        self.peak.raise(&self.at);
        if !self.measuring {
            match values {
                Some(values) => self.set(var, values)?,
                None => self.value_mut(var)?.fill(0.0),
            }
            if grad {
                let start = self.node(var.node)?.grad;
                span_mut(self.slabs.grads, start, len)?.fill(0.0);
            }
        }
        Ok(var)
    }

    /// Gives a leaf or a parameter new values, for the next [`Tape::replay`].
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotALeaf`], [`Error::Length`].
    pub fn set(&mut self, var: Var, values: &[f32]) -> Result<()> {
        let (start, len) = self.leaf_span(var)?;
        check_len(Argument::Input, values.len(), len)?;
        if self.measuring {
            return Ok(());
        }
        // By the length of what is copied: a copy of slices whose lengths the compiler does not see equal could panic.
        span_mut(self.slabs.values, start, values.len())?.copy_from_slice(values);
        Ok(())
    }

    /// The values of a leaf or a parameter, row-major, to be written. Empty while measuring.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotALeaf`].
    pub fn value_mut(&mut self, var: Var) -> Result<&mut [f32]> {
        let (start, len) = self.leaf_span(var)?;
        if self.measuring { Ok(&mut []) } else { span_mut(self.slabs.values, start, len) }
    }

    /// Where the values of a leaf begin, and how many there are.
    fn leaf_span(&self, var: Var) -> Result<(u32, usize)> {
        let node = self.lookup(var)?;
        if node.kind == Kind::Leaf { Ok((node.value, node.len())) } else { Err(Error::NotALeaf) }
    }

    /// All parameters, one after the other in the order of their declaration. Empty while measuring.
    pub fn params(&self) -> &[f32] {
        self.slabs.values.get(..self.params).unwrap_or(&[])
    }

    /// All parameters, to be written: loaded, or stepped by an optimiser.
    pub fn params_mut(&mut self) -> &mut [f32] {
        self.slabs.values.get_mut(..self.params).unwrap_or_default()
    }

    /// The gradients of all parameters.
    pub fn param_grads(&self) -> &[f32] {
        self.slabs.grads.get(..self.params).unwrap_or(&[])
    }

    /// The gradients of all parameters, to be scaled or clipped.
    pub fn param_grads_mut(&mut self) -> &mut [f32] {
        self.slabs.grads.get_mut(..self.params).unwrap_or_default()
    }

    /// Parameters and their gradients, for an optimiser's step.
    pub fn params_and_grads(&mut self) -> (&mut [f32], &[f32]) {
        let params = self.slabs.values.get_mut(..self.params).unwrap_or_default();
        (params, self.slabs.grads.get(..self.params).unwrap_or(&[]))
    }
}
