#![no_std]
#![forbid(unsafe_code)]
//! Backpropagation through categorical samples, without a heap, an operating system or a panic.
//!
//! The layers, top to bottom. Each depends on those below it alone, with three exceptions: [`Backend`] names the
//! kernels of estimators, so that a backend can override them, kernels that draw use [`random`], and [`tape`] and
//! [`op`] are two halves of one thing.
//!
//! | layer | what it does |
//! |---|---|
//! | [`optim`] | Sgd, Adam, RAdam: one loop over one slab of parameters; clipping, schedules |
//! | [`tape`] | records operations over memory that the caller lends; backward, replay, marks, exact footprints |
//! | [`op`] | the operations, forward and vector-Jacobian product side by side; how to add one |
//! | [`estimator`] | Straight-Through, ReinMax, Gumbel-Softmax, REINFORCE, their families, exact enumeration: gradients of draws |
//! | [`categorical`] | softmax, draws and one-hot vectors on plain slices |
//! | [`random`] | uniforms as a function of (seed, stream, index) |
//! | [`kernel`] | loops over slices, written once for any width of lanes |
//! | [`Backend`] | which lanes a kernel runs on |
//!
//! # A training step
//!
//! ```
//! use reinmax_core::optim::{Adam, Optimizer};
//! use reinmax_core::{Draws, Footprint, ReinMax, Shape, Tape, TapeMem};
//!
//! // Four binary variables; minimise the mean of (z - 0.45)^2. Memory is a value of fixed size: no heap.
//! let mut memory = TapeMem::<7, 37, 37, 4>::new();
//! let mut tape = Tape::new(memory.slabs());
//! tape.seed(1, 0);
//! let logits = tape.param(Shape::new(4, 2), &[0.0; 8])?;
//! let mark = tape.mark();
//! let probs = tape.softmax(logits)?;
//! let one_hot = tape.sample(ReinMax { tau: 1.0 }, logits, probs, Draws::Stream)?;
//! let z = tape.column(one_hot, 0)?;
//! let distance = tape.affine(z, 1.0, -0.45)?;
//! let square = tape.abs_pow(distance, 2.0)?;
//! let loss = tape.mean(square)?;
//!
//! let (adam, mut state) = (Adam::new(0.05), [0.0; 16]);
//! for step in 1..=200 {
//!     tape.replay(mark, Draws::Stream)?; // new draws; nothing is recorded again
//!     tape.zero_grad()?;
//!     tape.backward(loss)?;
//!     let (params, grads) = tape.params_and_grads();
//!     adam.step(step, params, grads, &mut state)?;
//! }
//! // Exactly what was lent; on a tape that only measures ([`Tape::measuring`]) the same code says so before.
//! assert_eq!(tape.footprint(), Footprint { nodes: 7, values: 37, grads: 37, saved: 4 });
//! // The best choice is the one nearer to 0.45: category 1, z = 0.
//! assert!(tape.params().chunks(2).all(|logits| logits[1] > logits[0] + 1.0));
//! # Ok::<(), reinmax_core::Error>(())
//! ```
//!
//! # Limits
//!
//! Everything is a matrix of `f32` with fewer than 2^32 elements. A tape belongs to one thread at a time. Reductions
//! have one order on every target, so results have the same bits everywhere; there is no fused multiply-add.

mod backend;
pub mod categorical;
mod check;
mod error;
pub mod estimator;
pub mod kernel;
pub mod op;
pub mod optim;
pub mod random;
mod shape;
pub mod tape;

pub use backend::{Backend, Kernel, OneLane, Outcome, Portable, RowKernel, Split};
pub use error::{Argument, Error, Result, Slab};
pub use estimator::{
    Arm, Darn, DecoupledGumbel, DecoupledSt, DisArm, DrawInputs, Estimator, Gap, GappedSt, GradientInputs, GumbelRao,
    GumbelSoftmax, Mve, ReinMax, ReinMaxRao, ReinMaxTau1, Reinforce, Rloo, ScoreEstimator, ScoreInputs,
    StraightThrough,
};
pub use op::Draws;
pub use random::{Noise, Stream};
pub use shape::Shape;
pub use tape::{Footprint, Mark, Node, Slabs, Tape, TapeMem, Var};
