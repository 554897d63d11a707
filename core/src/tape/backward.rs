//! Running a recorded tape backward.

use super::grads::{GradSpan, InputGrads};
use super::storage::Kind;
use super::{Tape, Var, input_node, offset, span, span_mut};
use crate::check::check_len;
use crate::op::{MAX_INPUTS, Matrix, Vjp};
use crate::{Argument, Backend, Error, Result, Shape};

impl<B: Backend> Tape<'_, B> {
    /// Fills in the gradients of everything that `loss` (1 x 1) depends on. Gradients of leaves and parameters add up
    /// over calls until [`Tape::zero_grad`]; all others start from 0.
    ///
    /// # Errors
    /// [`Error::Stale`], [`Error::NotScalar`], [`Error::NoGrad`], and whatever an operation's VJP returns: gradients
    /// are unspecified then, until [`Tape::zero_grad`].
    pub fn backward(&mut self, loss: Var) -> Result<()> {
        if self.lookup(loss)?.shape != Shape::SCALAR {
            return Err(Error::NotScalar);
        }
        self.backward_with(loss, &[1.0])
    }

    /// [`Tape::backward`] from a tensor of any shape whose upstream gradient the caller brings.
    ///
    /// # Errors
    /// As [`Tape::backward`], [`Error::Length`] in place of [`Error::NotScalar`].
    pub fn backward_with(&mut self, var: Var, upstream: &[f32]) -> Result<()> {
        let node = self.lookup(var)?;
        check_len(Argument::Upstream, upstream.len(), node.len())?;
        if !node.has_grad() {
            return Err(Error::NoGrad);
        }
        if self.measuring {
            return Ok(());
        }
        let span = GradSpan::new(var.node, node);
        for node in self.slabs.nodes.iter_mut().take(self.at.nodes) {
            node.fresh = node.kind == Kind::Computed;
        }
        let mut seed = InputGrads { slab: self.slabs.grads, spans: [Some(span), None, None], nodes: self.slabs.nodes };
        for (grad, upstream) in seed.get(0).unwrap_or_default().iter_mut().zip(upstream) {
            *grad += upstream;
        }
        // Those recorded after `var` too: nothing reaches them, so their gradient is 0.
        for i in (0..offset(self.at.nodes)?).rev() {
            self.pull_back(i)?;
        }
        Ok(())
    }

    /// Runs one node's VJP. Where nothing has reached its gradient, that is 0, and so is all it would pass on.
    fn pull_back(&mut self, node: u32) -> Result<()> {
        let node = *self.node(node)?;
        let Some(op) = node.op.filter(|_| node.has_grad()) else { return Ok(()) };
        let len = node.len();
        if node.fresh {
            span_mut(self.slabs.grads, node.grad, len)?.fill(0.0);
            return Ok(());
        }
        let values = &*self.slabs.values;
        let (lower, upper) = self.slabs.grads.split_at_mut_checked(node.grad as usize).ok_or(Error::Stale)?;
        let mut inputs = [Matrix::NONE; MAX_INPUTS];
        let mut spans = [None; MAX_INPUTS];
        for ((matrix, grad_span), id) in inputs.iter_mut().zip(&mut spans).zip(node.inputs) {
            if let Some(input) = input_node(self.slabs.nodes, id)? {
                *matrix = Matrix { values: span(values, input.value, input.len())?, shape: input.shape };
                *grad_span = input.has_grad().then(|| GradSpan::new(id, input));
            }
        }
        (op.vjp)(Vjp {
            backend: &self.backend,
            inputs,
            out: Matrix { values: span(values, node.value, len)?, shape: node.shape },
            upstream: upper.get(..len).ok_or(Error::Stale)?,
            saved: span(self.slabs.saved, node.saved, node.saved_len as usize)?,
            config: node.config,
            number: node.number,
            grads: InputGrads { slab: lower, spans, nodes: self.slabs.nodes },
        })
    }

    /// Sets the gradients of all leaves and parameters to 0.
    ///
    /// # Errors
    /// [`Error::Stale`] where the tape was resumed on slabs that are too short for what it had recorded.
    pub fn zero_grad(&mut self) -> Result<()> {
        if self.measuring {
            return Ok(());
        }
        for node in self.slabs.nodes.iter().take(self.at.nodes) {
            if node.kind == Kind::Leaf && node.has_grad() {
                span_mut(self.slabs.grads, node.grad, node.len())?.fill(0.0);
            }
        }
        Ok(())
    }
}
