//! Training: on a tape, or on plain slices for estimators that know only losses.

use std::time::Instant;

use reinmax::categorical::softmax;
use reinmax::{Backend, Draws, Estimator, Host, Mark, Memory, ReinMax, Result, Shape, Stream, Tape, Var, measure};

use super::config::Config;
use super::{Epoch, Job};
use crate::estimators::Visitor;
use crate::scores::{Drawn, Scores};

/// One step: fills the gradient of theta and returns the loss.
trait Objective {
    fn step(&mut self) -> Result<f32>;
    fn params_and_grads(&mut self) -> (&mut [f32], &[f32]);
}

/// Trains for all epochs; calls `after_epoch` after each and stops early (with what there is) where it says so.
pub(crate) fn train(
    config: &Config,
    host: Host,
    Job { choice, power, seed }: Job,
    after_epoch: impl FnMut() -> bool,
) -> Result<Vec<Epoch>> {
    choice.with_defaults(config.tau).visit(Training { config, host, power, seed, after_epoch })
}

/// One run, once its estimator is known.
struct Training<'a, F> {
    config: &'a Config,
    host: Host,
    power: f32,
    seed: u64,
    after_epoch: F,
}

impl<F: FnMut() -> bool> Training<'_, F> {
    fn on_tape<E: Estimator>(self, estimator: Option<E>) -> Result<Vec<Epoch>> {
        let Training { config, host, power, seed, after_epoch } = self;
        let theta = initial_theta(config, seed);
        let footprint = measure(host, |tape| record(tape, config, power, &theta, estimator).map(drop))?;
        let mut memory = Memory::new(&footprint);
        let mut tape = Tape::with_backend(memory.slabs(), host);
        tape.seed(seed, 1);
        let (mark, loss) = record(&mut tape, config, power, &theta, estimator)?;
        // Recording has drawn once; training starts from the first number again.
        tape.set_cursor(0);
        epochs(config, &host, &mut TapeObjective { tape, mark, loss }, after_epoch)
    }
}

impl<F: FnMut() -> bool> Visitor for Training<'_, F> {
    type Out = Result<Vec<Epoch>>;

    fn exact(self) -> Result<Vec<Epoch>> {
        self.on_tape(None::<ReinMax>)
    }

    fn upstream<E: Estimator + Sync>(self, estimator: E) -> Result<Vec<Epoch>> {
        self.on_tape(Some(estimator))
    }

    fn scores(self, scores: Scores) -> Result<Vec<Epoch>> {
        let mut objective = ScoreObjective::new(self.config, self.host, self.power, self.seed, scores);
        epochs(self.config, &self.host, &mut objective, self.after_epoch)
    }
}

/// theta0, uniform in (-0.01, 0.01), from stream 0 of the seed; the draws take stream 1.
fn initial_theta(config: &Config, seed: u64) -> Vec<f32> {
    let mut theta = vec![0.0; config.latents as usize * config.categories as usize];
    Stream::new(seed, 0).fill_uniforms(0, &mut theta);
    for x in &mut theta {
        *x = *x * 0.02 - 0.01;
    }
    theta
}

/// Records the task: with an estimator on draws, without one on exact probabilities.
fn record<B: Backend, E: Estimator>(
    tape: &mut Tape<'_, B>,
    config: &Config,
    power: f32,
    theta: &[f32],
    estimator: Option<E>,
) -> Result<(Mark, Var)> {
    let shape = Shape::new(config.latents, config.categories);
    let logits = tape.param(shape, theta)?;
    let Some(estimator) = estimator else {
        let row = (0..config.categories).map(|j| {
            let x = if j == 0 { 1.0 } else { 0.0 };
            ((x - config.target).abs().powf(power)) / config.latents as f32
        });
        let row: Vec<f32> = row.collect();
        let table = tape.input(shape, &row.repeat(config.latents as usize))?;
        let mark = tape.mark();
        let probs = tape.softmax(logits)?;
        let weighted = tape.mul(probs, table)?;
        return Ok((mark, tape.sum(weighted)?));
    };
    let mark = tape.mark();
    let probs = tape.softmax(logits)?;
    let x = tape.sample_column(estimator, logits, probs, config.batch, 0, Draws::Stream)?;
    Ok((mark, tape.mean_abs_pow(x, -config.target, power)?))
}

struct TapeObjective<'m> {
    tape: Tape<'m, Host>,
    mark: Mark,
    loss: Var,
}

impl Objective for TapeObjective<'_> {
    fn step(&mut self) -> Result<f32> {
        self.tape.zero_grad()?;
        self.tape.replay(self.mark, Draws::Stream)?;
        self.tape.backward(self.loss)?;
        Ok(self.tape.value(self.loss)?.first().copied().unwrap_or(f32::NAN))
    }

    fn params_and_grads(&mut self) -> (&mut [f32], &[f32]) {
        self.tape.params_and_grads()
    }
}

/// Estimators that know only losses: draws and gradients on plain slices. The loss of a sample (the mean over its L
/// terms) is shared by all of its variables, and all samples of a batch are draws of one row.
struct ScoreObjective {
    host: Host,
    scores: Scores,
    k: usize,
    batch: usize,
    stream: Stream,
    cursor: u64,
    /// |X - c|^p for X = 0 and X = 1.
    terms: [f32; 2],
    theta: Vec<f32>,
    grads: Vec<f32>,
    probs: Vec<f32>,
    drawn: Drawn,
    losses: Vec<f32>,
}

impl ScoreObjective {
    fn new(config: &Config, host: Host, power: f32, seed: u64, scores: Scores) -> Self {
        let theta = initial_theta(config, seed);
        let (n, batch) = (theta.len(), config.batch as usize);
        ScoreObjective {
            host,
            scores,
            k: config.categories as usize,
            batch,
            stream: Stream::new(seed, 1),
            cursor: 0,
            terms: [0.0, 1.0].map(|x: f32| (x - config.target).abs().powf(power)),
            grads: vec![0.0; n],
            probs: vec![0.0; n],
            drawn: Drawn::new(0),
            losses: vec![0.0; batch],
            theta,
        }
    }
}

impl Objective for ScoreObjective {
    fn step(&mut self) -> Result<f32> {
        let ScoreObjective { host, scores, k, batch, probs, drawn, losses, grads, .. } = self;
        let (host, k, batch) = (*host, *k, *batch);
        softmax(&host, &self.theta, k, 1.0, probs)?;
        scores.draw(host, probs, k, batch, (&self.stream, self.cursor), drawn)?;
        let latents = probs.len() / k;
        self.cursor += scores.uniforms(latents, batch);
        losses.fill(0.0);
        for draws in drawn.index.chunks(batch) {
            for (loss, index) in losses.iter_mut().zip(draws) {
                *loss += self.terms[usize::from(*index == 0)];
            }
        }
        losses.iter_mut().for_each(|loss| *loss /= latents as f32);
        grads.fill(0.0);
        scores.gradient(host, probs, k, drawn, losses, grads)?;
        Ok(losses.iter().sum::<f32>() / batch as f32)
    }

    fn params_and_grads(&mut self) -> (&mut [f32], &[f32]) {
        (&mut self.theta, &self.grads)
    }
}

/// All epochs, with the optimiser of the configuration.
fn epochs(
    config: &Config,
    host: &Host,
    objective: &mut impl Objective,
    mut after_epoch: impl FnMut() -> bool,
) -> Result<Vec<Epoch>> {
    let mut state = vec![0.0; config.optimizer.state_len(objective.params_and_grads().0.len())];
    let mut curve = Vec::new();
    let mut step = 0;
    for _ in 0..config.epochs {
        let start = Instant::now();
        let mut total = 0.0;
        for _ in 0..config.steps_per_epoch {
            total += f64::from(objective.step()?);
            step += 1;
            config.optimizer.step(host, (config.lr, step), objective.params_and_grads(), &mut state)?;
        }
        let steps = f64::from(config.steps_per_epoch);
        let microseconds_per_step = start.elapsed().as_secs_f64() * 1e6 / steps;
        curve.push(Epoch { loss: total / steps, microseconds_per_step });
        if !after_epoch() {
            break;
        }
    }
    Ok(curve)
}
