//! One training step over several threads.
//!
//! A batch is cut into blocks whose number the program chooses, each with slabs of its own. Threads take blocks as they
//! come; losses and gradients are added up in the order of the blocks. So the result is a function of the blocks, never
//! of the threads.
//!
//! ```
//! use reinmax::{DataParallel, Draws, Host, ReinMax, Result, Shape, Tape, measure};
//!
//! // One block: eight draws of three variables, and the gradient of their mean squared distance from 0.45.
//! fn block(logits: &[f32], tape: &mut Tape<'_, Host>) -> Result<f32> {
//!     let logits = tape.param(Shape::new(3, 2), logits)?;
//!     let probs = tape.softmax(logits)?;
//!     let one_hot = tape.sample_many(ReinMax { tau: 1.0 }, logits, probs, 8, Draws::Stream)?;
//!     let z = tape.column(one_hot, 0)?;
//!     let distance = tape.affine(z, 1.0, -0.45)?;
//!     let square = tape.abs_pow(distance, 2.0)?;
//!     let loss = tape.mean(square)?;
//!     tape.backward(loss)?;
//!     if tape.is_measuring() { Ok(0.0) } else { tape.value(loss).map(|loss| loss[0]) }
//! }
//!
//! let (mut logits, mut grads) = ([0.0; 6], [0.0; 6]);
//! let footprint = measure(Host::detect(), |tape| block(&logits, tape).map(drop))?;
//! let mut parallel = DataParallel::new(Host::detect(), &footprint, 4, 2).expect("threads");
//! parallel.seed(7);
//! for _ in 0..3 {
//!     parallel.step(&mut grads, |_, tape| block(&logits, tape))?;
//!     logits.iter_mut().zip(grads).for_each(|(logit, grad)| *logit -= 0.1 * grad);
//! }
//! # assert!(logits.iter().any(|x| *x != 0.0));
//! # Ok::<(), reinmax::Error>(())
//! ```

use std::num::NonZero;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use reinmax_core::{Argument, Backend, Error, Footprint, Result, Tape};

use crate::Memory;

/// Slabs for each block and threads to work on them.
#[derive(Debug)]
pub struct DataParallel<B: Backend> {
    backend: B,
    blocks: Vec<Memory<B>>,
    /// None: everything on the caller's thread.
    pool: Option<ThreadPool>,
    seed: u64,
    /// The number of the next stream that a block draws from.
    stream: u64,
}

impl<B: Backend + Clone + Send + Sync> DataParallel<B> {
    /// Slabs of `footprint` for each of `blocks` blocks, and `threads` threads (0: one for each core). Threads start
    /// here, once; more threads than blocks are not started.
    ///
    /// # Errors
    /// Where threads cannot be started.
    pub fn new(
        backend: B,
        footprint: &Footprint,
        blocks: usize,
        threads: usize,
    ) -> std::result::Result<Self, ThreadPoolBuildError> {
        let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = if threads == 0 { cores() } else { threads }.min(blocks);
        let pool = if threads > 1 { Some(ThreadPoolBuilder::new().num_threads(threads).build()?) } else { None };
        Ok(DataParallel { backend, blocks: vec![Memory::new(footprint); blocks], pool, seed: 0, stream: 0 })
    }

    /// Draws from now on come from streams 0, 1, 2, .. of this seed, one for each block of each step. It is 0 until
    /// then.
    pub fn seed(&mut self, seed: u64) {
        (self.seed, self.stream) = (seed, 0);
    }

    /// The next stream's number: with the seed, all there is to know about future draws. Part of a checkpoint.
    pub fn stream(&self) -> u64 {
        self.stream
    }

    /// Draws from now on come from streams `stream`, `stream` + 1, .. of the seed: goes on where a checkpoint was made.
    pub fn set_stream(&mut self, stream: u64) {
        self.stream = stream;
    }

    /// Runs `block(b, tape)` for each block b on a fresh tape; it declares the parameters, records its part of the
    /// batch, runs backward and returns its loss. Each tape has a stream of its own ([`DataParallel::seed`]). Writes
    /// the sum of the parameters' gradients to `grads` and returns the sum of the losses, both added in the order of
    /// the blocks.
    ///
    /// # Errors
    /// The error of the first block (in their order) that failed; [`Error::Length`] where `grads` is not as long as the
    /// parameters of a block. `grads` is unspecified then.
    pub fn step<F>(&mut self, grads: &mut [f32], block: F) -> Result<f32>
    where
        F: Fn(usize, &mut Tape<'_, B>) -> Result<f32> + Sync,
    {
        let (backend, seed, stream) = (&self.backend, self.seed, self.stream);
        self.stream = stream.wrapping_add(self.blocks.len() as u64);
        let run = |(b, memory): (usize, &mut Memory<B>)| -> Result<(f32, usize)> {
            let mut tape = Tape::with_backend(memory.slabs(), backend.clone());
            tape.seed(seed, stream.wrapping_add(b as u64));
            Ok((block(b, &mut tape)?, tape.param_grads().len()))
        };
        let blocks = &mut self.blocks;
        let losses: Vec<Result<(f32, usize)>> = match &self.pool {
            Some(pool) => pool.install(|| blocks.par_iter_mut().enumerate().map(run).collect()),
            None => blocks.iter_mut().enumerate().map(run).collect(),
        };
        grads.fill(0.0);
        let mut total = 0.0;
        for (memory, loss) in self.blocks.iter().zip(losses) {
            let (loss, params) = loss?;
            if grads.len() != params {
                return Err(Error::Length { argument: Argument::Grad, expected: params, got: grads.len() });
            }
            total += loss;
            for (sum, grad) in grads.iter_mut().zip(memory.grads()) {
                *sum += grad;
            }
        }
        Ok(total)
    }
}
