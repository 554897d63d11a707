//! Mean and spread of an estimator's gradients: over all states where the drawn categories are its only noise, over
//! draws otherwise.

use std::time::Instant;

use rayon::prelude::*;
use reinmax::categorical::{draw, softmax};
use reinmax::estimator::exact::enumerate;
use reinmax::{DrawInputs, Estimator, GradientInputs, Host, Noise, Result, Stream};

use super::moments::Moments;
use super::problem::Problem;
use crate::estimators::Visitor;
use crate::scores::{Drawn, Scores};

/// Gradients computed by one call, and calls in a part. Parts do not depend on the threads, and neither do sums.
const BATCH: usize = 256;
const CALLS: usize = 16;
/// Parts computed at a time, and then kept in memory.
pub(crate) const PARTS: usize = 64;
/// Draws that show whether an estimator draws from softmax(logits) as everyone does.
const PROBE: usize = 16_384;
/// The draws' stream of the seed, and one more for each image; built-in problems take the ones below.
const STREAM: u64 = 1_000;

/// What is known of an estimator's gradients.
#[derive(Debug)]
pub(crate) struct Measured {
    /// Over all states, with their probabilities.
    pub(crate) enumerated: Option<Moments>,
    /// Over draws; the enumeration of the exact gradient has none.
    pub(crate) drawn: Option<Moments>,
    /// Time of one gradient, losses not included.
    pub(crate) microseconds: f64,
}

/// What enumeration gives.
#[derive(Debug)]
pub(crate) struct Exact {
    /// L x k.
    pub(crate) gradient: Vec<f64>,
    pub(crate) expected_loss: f64,
    /// The greatest absolute loss: rounding is relative to it.
    pub(crate) greatest_loss: f64,
}

/// All states in double precision.
pub(crate) fn exact(problem: &Problem) -> Exact {
    let probs = problem.probs();
    let (mut state, mut upstream) = (vec![0; problem.variables], vec![0.0; problem.dim()]);
    let (mut gradient, mut expected, mut greatest) = (vec![0.0; problem.dim()], 0.0, 0.0_f64);
    for at in 0..problem.states {
        problem.state(at, &mut state);
        let probability = probability(&probs, problem.k, &state);
        if probability == 0.0 {
            continue;
        }
        let loss = problem.loss(&state, &mut upstream);
        let weight = probability * loss;
        expected += weight;
        greatest = greatest.max(loss.abs());
        for (row, z) in gradient.chunks_mut(problem.k).zip(&state) {
            row[*z as usize] += weight;
        }
    }
    for (gradient, p) in gradient.iter_mut().zip(&probs) {
        *gradient -= p * expected;
    }
    Exact { gradient, expected_loss: expected, greatest_loss: greatest }
}

fn probability(probs: &[f64], k: usize, state: &[u32]) -> f64 {
    probs.chunks(k).zip(state).map(|(row, z)| row[*z as usize]).product()
}

/// Everything that measuring takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Laboratory<'a> {
    pub(crate) host: Host,
    pub(crate) problem: &'a Problem,
    pub(crate) exact: &'a [f64],
    pub(crate) draws: u64,
    pub(crate) stream: Stream,
}

/// The stream that draws for a problem come from: one for each of those that are looked at together.
pub(crate) fn stream(seed: u64, number: u64) -> Stream {
    Stream::new(seed, STREAM + number)
}

impl Visitor for Laboratory<'_> {
    type Out = Result<Measured>;

    fn exact(self) -> Result<Measured> {
        let problem = self.problem;
        let start = Instant::now();
        let mut probs = vec![0.0; problem.dim()];
        softmax(&self.host, &problem.logits, problem.k, 1.0, &mut probs)?;
        let (mut state, mut upstream) = (vec![0; problem.variables], vec![0.0; problem.dim()]);
        let mut gradient = vec![0.0; problem.dim()];
        enumerate(&probs, problem.k, &mut state, &mut gradient, |state| problem.loss(state, &mut upstream))?;
        let microseconds = start.elapsed().as_secs_f64() * 1e6;
        let mut moments = Moments::new(problem.dim());
        let gradient: Vec<f32> = gradient.iter().map(|g| *g as f32).collect();
        moments.add(1.0, &gradient, self.exact);
        Ok(Measured { enumerated: Some(moments), drawn: None, microseconds })
    }

    fn upstream<E: Estimator + Sync>(self, estimator: E) -> Result<Measured> {
        estimator.check()?;
        self.measure(&Upstream(estimator))
    }

    fn scores(self, scores: Scores) -> Result<Measured> {
        self.measure(&scores)
    }
}

impl Laboratory<'_> {
    fn measure(self, source: &impl GradientSource) -> Result<Measured> {
        let only_indices = source.noise_is_the_index(self)?;
        let enumerated = only_indices.then(|| self.enumerated(source)).transpose()?;
        let drawn = self.drawn(source)?;
        let microseconds = drawn.nanoseconds as f64 / 1e3 / self.draws as f64;
        Ok(Measured { enumerated, drawn: Some(drawn), microseconds })
    }

    fn enumerated(self, source: &impl GradientSource) -> Result<Moments> {
        let probs = self.problem.probs();
        self.parts(source, self.problem.states as u64, |first, buffers, moments| {
            let k = self.problem.k;
            for (at, state) in buffers.drawn.index.chunks_mut(self.problem.variables).enumerate() {
                self.problem.state((first as usize + at).min(self.problem.states - 1), state);
            }
            source.gradients(self, buffers)?;
            let states = buffers.drawn.index.chunks(self.problem.variables);
            let left = self.problem.states - first as usize;
            for (state, gradient) in states.zip(buffers.grad.chunks(self.problem.dim())).take(left) {
                moments.add(probability(&probs, k, state), gradient, self.exact);
            }
            Ok(())
        })
    }

    fn drawn(self, source: &impl GradientSource) -> Result<Moments> {
        let each = source.uniforms_per_variable(self.problem.k) * self.problem.variables as u64;
        self.parts(source, self.draws, |first, buffers, moments| {
            let start = Instant::now();
            source.draw_batch(self, first * each, buffers)?;
            let mut nanoseconds = start.elapsed().as_nanos();
            nanoseconds += source.gradients(self, buffers)?;
            let left = (self.draws - first).min(BATCH as u64);
            // Of a last batch that is not full, the share that counts.
            moments.nanoseconds += nanoseconds * u128::from(left) / BATCH as u128;
            for gradient in buffers.grad.chunks(self.problem.dim()).take(left as usize) {
                moments.add(1.0, gradient, self.exact);
            }
            Ok(())
        })
    }

    /// Runs `batch` on 0, BATCH, 2 BATCH .. below `count`, spread over the threads, and sums in order.
    fn parts<S: GradientSource>(
        self,
        source: &S,
        count: u64,
        batch: impl Fn(u64, &mut Buffers, &mut Moments) -> Result<()> + Sync,
    ) -> Result<Moments> {
        let (dim, each) = (self.problem.dim(), (BATCH * CALLS) as u64);
        let part = |part: u64| -> Result<Moments> {
            let mut buffers = Buffers::new(self, source)?;
            let mut moments = Moments::new(dim);
            let end = count.min((part + 1).saturating_mul(each));
            for first in (part * each..end).step_by(BATCH) {
                batch(first, &mut buffers, &mut moments)?;
            }
            Ok(moments)
        };
        let mut total = Moments::new(dim);
        let parts = count.div_ceil(each);
        for first in (0..parts).step_by(PARTS) {
            let last = parts.min(first + PARTS as u64);
            let moments: Vec<Moments> = (first..last).into_par_iter().map(part).collect::<Result<_>>()?;
            moments.iter().for_each(|part| total.merge(part));
        }
        Ok(total)
    }
}

/// A batch of gradients: the problem's rows, BATCH times over.
struct Buffers {
    logits: Vec<f32>,
    probs: Vec<f32>,
    drawn: Drawn,
    saved: Vec<f32>,
    upstream: Vec<f32>,
    losses: Vec<f32>,
    grad: Vec<f32>,
}

impl Buffers {
    fn new(laboratory: Laboratory<'_>, source: &impl GradientSource) -> Result<Self> {
        let Laboratory { host, problem, .. } = laboratory;
        let logits = problem.logits.repeat(BATCH);
        let mut probs = vec![0.0; logits.len()];
        softmax(&host, &logits, problem.k, 1.0, &mut probs)?;
        let rows = BATCH * problem.variables;
        Ok(Buffers {
            drawn: Drawn::new(rows * source.draws_per_gradient()),
            saved: vec![0.0; rows * source.saved(problem.k)],
            upstream: vec![0.0; logits.len()],
            losses: vec![0.0; rows * source.draws_per_gradient()],
            grad: vec![0.0; logits.len()],
            logits,
            probs,
        })
    }
}

/// Either kind of estimator.
trait GradientSource: Sync {
    /// Draws of each variable for a gradient.
    fn draws_per_gradient(&self) -> usize;
    /// Uniforms for a variable of a gradient.
    fn uniforms_per_variable(&self, k: usize) -> u64;
    /// Floats saved for a variable of a gradient.
    fn saved(&self, k: usize) -> usize;
    /// Whether a gradient is a function of one drawn state, drawn from softmax(logits).
    fn noise_is_the_index(&self, laboratory: Laboratory<'_>) -> Result<bool>;
    /// Fills index and saved.
    fn draw_batch(&self, laboratory: Laboratory<'_>, cursor: u64, buffers: &mut Buffers) -> Result<()>;
    /// From index and saved to the gradients; the nanoseconds that the estimator itself took.
    fn gradients(&self, laboratory: Laboratory<'_>, buffers: &mut Buffers) -> Result<u128>;
}

struct Upstream<E>(E);

impl<E: Estimator + Sync> GradientSource for Upstream<E> {
    fn draws_per_gradient(&self) -> usize {
        1
    }

    fn uniforms_per_variable(&self, k: usize) -> u64 {
        self.0.uniforms_per_draw(k) as u64
    }

    fn saved(&self, k: usize) -> usize {
        self.0.saved_per_draw(k)
    }

    /// Nothing is saved besides the index, and the same uniforms give the indices of plain inversion: an estimator with
    /// a forward temperature of its own draws others.
    fn noise_is_the_index(&self, laboratory: Laboratory<'_>) -> Result<bool> {
        let Laboratory { host, problem, stream, .. } = laboratory;
        let k = problem.k;
        if self.0.saved_per_draw(k) != 0 || self.0.uniforms_per_draw(k) != 1 {
            return Ok(false);
        }
        let mut probs = vec![0.0; problem.dim()];
        softmax(&host, &problem.logits, k, 1.0, &mut probs)?;
        let noise = Noise::stream(&stream, 0);
        let (mut plain, mut own) = (vec![0; problem.variables * PROBE], vec![0; problem.variables * PROBE]);
        draw(&host, &probs, k, PROBE, noise, &mut plain)?;
        let inputs = DrawInputs { logits: &problem.logits, probs: &probs, k, draws: PROBE, noise };
        self.0.draw(&host, inputs, &mut own, &mut [])?;
        Ok(plain == own)
    }

    fn draw_batch(&self, laboratory: Laboratory<'_>, cursor: u64, buffers: &mut Buffers) -> Result<()> {
        let Buffers { logits, probs, drawn, saved, .. } = buffers;
        let noise = Noise::stream(&laboratory.stream, cursor);
        let inputs = DrawInputs { logits, probs, k: laboratory.problem.k, draws: 1, noise };
        self.0.draw(&laboratory.host, inputs, &mut drawn.index, saved)
    }

    fn gradients(&self, laboratory: Laboratory<'_>, buffers: &mut Buffers) -> Result<u128> {
        let Laboratory { host, problem, .. } = laboratory;
        let Buffers { logits, probs, drawn, saved, upstream, grad, .. } = buffers;
        let index = &drawn.index;
        for (state, upstream) in index.chunks(problem.variables).zip(upstream.chunks_mut(problem.dim())) {
            problem.loss(state, upstream);
        }
        grad.fill(0.0);
        let start = Instant::now();
        let inputs = GradientInputs { logits, probs, index, saved, upstream, k: problem.k, draws: 1, column: None };
        self.0.backward(&host, inputs, grad)?;
        Ok(start.elapsed().as_nanos())
    }
}

impl GradientSource for Scores {
    fn draws_per_gradient(&self) -> usize {
        self.draws()
    }

    fn uniforms_per_variable(&self, _k: usize) -> u64 {
        self.uniforms(1, self.draws())
    }

    fn saved(&self, _k: usize) -> usize {
        0
    }

    fn noise_is_the_index(&self, _: Laboratory<'_>) -> Result<bool> {
        Ok(self.draws() == 1)
    }

    fn draw_batch(&self, laboratory: Laboratory<'_>, cursor: u64, buffers: &mut Buffers) -> Result<()> {
        let Laboratory { host, problem, stream, .. } = laboratory;
        self.draw(host, &buffers.probs, problem.k, self.draws(), (&stream, cursor), &mut buffers.drawn)
    }

    fn gradients(&self, laboratory: Laboratory<'_>, buffers: &mut Buffers) -> Result<u128> {
        let Laboratory { host, problem, .. } = laboratory;
        let (variables, draws) = (problem.variables, self.draws());
        let Buffers { probs, drawn, upstream, losses, grad, .. } = buffers;
        let mut state = vec![0; variables];
        let samples = drawn.index.chunks(variables * draws).zip(losses.chunks_mut(variables * draws));
        for ((index, losses), upstream) in samples.zip(upstream.chunks_mut(problem.dim())) {
            for draw in 0..draws {
                for (z, index) in state.iter_mut().zip(index.chunks(draws)) {
                    *z = index[draw];
                }
                let loss = problem.loss(&state, upstream) as f32;
                losses.chunks_mut(draws).for_each(|row| row[draw] = loss);
            }
        }
        grad.fill(0.0);
        let start = Instant::now();
        self.gradient(host, probs, problem.k, drawn, losses, grad)?;
        Ok(start.elapsed().as_nanos())
    }
}
