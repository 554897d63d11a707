//! Operations that a tape records: what one is, and what it sees when it runs.
//!
//! An operation is a pair of plain functions in a `static`: forward, and its vector-Jacobian product (VJP). The tape
//! stores a reference to the pair, so operations that a program never records are never linked, and an operation of a
//! user's own is as good as ours: see [`crate::Tape::record`].
//!
//! Memory: a node, as many values as the output has elements, and as many gradients where a gradient reaches it; an
//! operation that saves more for its backward pass says so. Elementwise operations are exact up to the rounding of each
//! step, unless they state another error.

mod activation;
mod arithmetic;
mod layout;
mod linear;
mod lookup;
mod loss;
mod mean_abs_pow;
mod reduce;
mod sample;
mod softmax;

use crate::categorical::Noise;
use crate::check::{check_len, product};
use crate::random::{Stream, splitmix64};
pub use crate::tape::InputGrads;
use crate::{Argument, Backend, Error, Result, Shape};

/// A recorded operation: two functions, found through one pointer.
#[derive(Debug)]
pub struct Op<B: Backend> {
    /// For messages and traces.
    pub name: &'static str,
    /// Computes the output from the inputs; writes every element of it.
    pub forward: fn(Forward<'_, '_, B>) -> Result<()>,
    /// Adds the upstream gradient times the Jacobian to the gradients of the inputs.
    pub vjp: fn(Vjp<'_, B>) -> Result<()>,
}

/// Gives an operation its pair of functions for each backend. Implemented by unit structs.
pub trait Operation<B: Backend> {
    /// The pair.
    const OP: &'static Op<B>;
}

/// The most inputs that an operation has.
pub const MAX_INPUTS: usize = 3;

/// A tensor's values and their shape.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Row-major.
    pub values: &'a [f32],
    /// Rows and columns; `rows * cols` values.
    pub shape: Shape,
}

impl Matrix<'_> {
    /// What a missing input looks like.
    pub(crate) const NONE: Matrix<'static> = Matrix { values: &[], shape: Shape::new(0, 0) };

    /// Number of columns.
    #[inline(always)]
    pub fn cols(&self) -> usize {
        self.shape.cols as usize
    }

    /// Number of rows.
    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.shape.rows as usize
    }
}

/// What an operation sees when it runs forward.
#[derive(Debug)]
pub struct Forward<'a, 'n, B: Backend> {
    /// Runs kernels.
    pub backend: &'a B,
    /// Inputs; those that the operation does not have are empty.
    pub inputs: [Matrix<'a>; MAX_INPUTS],
    /// The output's shape.
    pub shape: Shape,
    /// The output, to be written in full.
    pub out: &'a mut [f32],
    /// To be kept for the backward pass.
    pub saved: &'a mut [f32],
    /// The operation's configuration.
    pub config: [f32; 4],
    /// The operation's whole number.
    pub number: u32,
    /// Where draws come from.
    pub noise: &'a mut NoiseSource<'n>,
}

/// What an operation sees when gradients flow back.
#[derive(Debug)]
pub struct Vjp<'a, B: Backend> {
    /// Runs kernels.
    pub backend: &'a B,
    /// Inputs, as in the forward pass.
    pub inputs: [Matrix<'a>; MAX_INPUTS],
    /// The output that the forward pass computed.
    pub out: Matrix<'a>,
    /// The gradient of the loss with respect to the output.
    pub upstream: &'a [f32],
    /// What the forward pass kept.
    pub saved: &'a [f32],
    /// The operation's configuration.
    pub config: [f32; 4],
    /// The operation's whole number.
    pub number: u32,
    /// The gradients of the inputs, to be added to.
    pub grads: InputGrads<'a, B>,
}

/// What a new operation looks like to the tape.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The output's shape.
    pub shape: Shape,
    /// Up to four numbers that the operation's functions get back.
    pub config: [f32; 4],
    /// A whole number that the operation's functions get back: a column, a count.
    pub number: u32,
    /// Number of floats to keep from forward to backward.
    pub saved: usize,
    /// The output takes a gradient if an input that is marked here does. [`Vjp::grads`] may have gradients of inputs
    /// that are not marked, too: a VJP leaves those alone.
    pub differentiable: [bool; MAX_INPUTS],
}

impl Spec {
    /// An output of `shape`, nothing configured or saved, every input differentiable.
    pub fn new(shape: Shape) -> Self {
        Spec { shape, config: [0.0; 4], number: 0, saved: 0, differentiable: [true; MAX_INPUTS] }
    }
}

/// Where the draws of a recording or a replay come from: the tape's form of [`Noise`], without a position, which is the
/// tape's cursor.
#[derive(Clone, Copy, Debug)]
pub enum Draws<'a> {
    /// The tape's stream, at its cursor; see [`crate::Tape::seed`].
    Stream,
    /// Numbers in [0, 1), in the order in which sample nodes use them. All of them must be used.
    Uniforms(&'a [f32]),
    /// Categories, in the order in which sample nodes draw; their probability may be 0. All must be used. The cursor
    /// does not move, so an estimator that needs noise besides the category (Gumbel-Softmax, Gumbel-Rao) gets the same
    /// noise each time; [`crate::Tape::set_cursor`] changes it, by at least as many numbers as all draws together take:
    /// a smaller step moves noise from one row to another.
    Forced(&'a [u32]),
}

/// Hands out a recording's or a replay's noise, node after node.
#[derive(Debug)]
pub struct NoiseSource<'a> {
    /// What is left of the caller's.
    draws: Draws<'a>,
    /// How much that was.
    given: usize,
    stream: Stream,
    pub(crate) cursor: u64,
    /// The node that takes noise.
    pub(crate) node: u32,
}

impl<'a> NoiseSource<'a> {
    pub(crate) fn new(draws: Draws<'a>, stream: Stream, cursor: u64) -> Self {
        let given = match draws {
            Draws::Stream => 0,
            Draws::Uniforms(uniforms) => uniforms.len(),
            Draws::Forced(index) => index.len(),
        };
        NoiseSource { draws, given, stream, cursor, node: 0 }
    }

    /// Noise for `draws` draws that take `uniforms_per_draw` uniforms each.
    ///
    /// # Errors
    /// [`Error::Length`] where the caller's uniforms or forced indices run out: `expected` is what was asked for up to
    /// here, so at least that many are needed.
    pub fn take(&mut self, draws: usize, uniforms_per_draw: usize) -> Result<Noise<'a>> {
        let uniforms = product(draws, uniforms_per_draw)?;
        match &mut self.draws {
            Draws::Stream => {
                let noise = Noise::stream(&self.stream, self.cursor);
                self.cursor = self.cursor.wrapping_add(uniforms as u64);
                Ok(noise)
            }
            Draws::Uniforms(rest) => {
                let short = short(Argument::Uniforms, self.given, rest.len(), uniforms);
                let (mine, others) = rest.split_at_checked(uniforms).ok_or(short)?;
                *rest = others;
                Ok(Noise::Uniforms(mine))
            }
            Draws::Forced(rest) => {
                let short = short(Argument::Index, self.given, rest.len(), draws);
                let (index, others) = rest.split_at_checked(draws).ok_or(short)?;
                *rest = others;
                // Forced draws leave the cursor alone, and two nodes must not share their noise. Not a distance that is
                // a multiple of a power of two: outputs of PCG32 that far apart are correlated.
                let position = self.cursor.wrapping_add(splitmix64(u64::from(self.node)));
                Ok(Noise::Forced { index, stream: self.stream, position })
            }
        }
    }

    /// Refuses noise that nobody used.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.draws {
            Draws::Stream => Ok(()),
            Draws::Uniforms(rest) => check_len(Argument::Uniforms, self.given, self.given - rest.len()),
            Draws::Forced(rest) => check_len(Argument::Index, self.given, self.given - rest.len()),
        }
    }
}

/// What to say where `rest` numbers of `given` are left and `needed` are asked for.
fn short(argument: Argument, given: usize, rest: usize, needed: usize) -> Error {
    Error::Length { argument, expected: (given - rest).saturating_add(needed), got: given }
}
