//! Training one model.

use std::time::{Duration, Instant};

use rand_core::Rng;
use reinmax::{Draws, Error, Estimator, Host, Memory, Result, Stream, Tape, measure};

use super::config::{Config, NO_ENUMERATION};
use super::data::{Data, Images};
use super::model::{Network, Recorded};
use super::paper::Hyperparameters;
use super::saved::{Place, Saved};
use super::scored::Scored;
use super::{Epoch, Job};
use crate::estimators::Visitor;
use crate::scores::Scores;
use crate::task::Run;

/// Streams of a run's seed: first values, the order of images, and for each epoch one for training and one for testing.
const FIRST_VALUES: u64 = 0;
const ORDER: u64 = 1;
const FIRST_EPOCH: u64 = 2;

/// An unfinished run is saved after an epoch, but not more often than this.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// All epochs of a run, from where its file has it; fewer where `go_on`, which is called after each, says so.
pub(super) fn train(
    config: &Config,
    run: Run<'_, Config>,
    go_on: impl FnMut() -> bool,
) -> std::result::Result<Vec<Epoch>, String> {
    let Run { job, data, host, folder } = run;
    let host = host.with_numerics(config.numerics.into());
    let network = Network::new(config, data.train.pixels());
    let place = Place { folder, job: &job, config, network: &network };
    let saved = place.read()?;
    job.choice.visit(Training { place, data, host, saved, go_on })
}

/// One run, once its estimator is known.
struct Training<'a, F> {
    place: Place<'a>,
    data: &'a Data,
    host: Host,
    saved: Option<Saved>,
    go_on: F,
}

impl<F: FnMut() -> bool> Visitor for Training<'_, F> {
    type Out = std::result::Result<Vec<Epoch>, String>;

    fn exact(self) -> Self::Out {
        Err(NO_ENUMERATION.to_owned())
    }

    fn scores(self, scores: Scores) -> Self::Out {
        let Place { config, network, .. } = self.place;
        let shape = (config.latents as usize, config.categories as usize);
        self.run(|tape, params| {
            let given = network.record_given_codes(tape, params, scores.draws() as u32)?;
            Ok((given.recorded, Some(Scored::new(scores, given, shape))))
        })
    }

    fn upstream<E: Estimator>(self, estimator: E) -> Self::Out {
        let Place { job, network, .. } = self.place;
        let estimator = (estimator, job.choice.tau_of_draws());
        self.run(|tape, params| Ok((network.record(tape, params, estimator)?, None)))
    }
}

impl<F: FnMut() -> bool> Training<'_, F> {
    /// All epochs of what `record` records.
    fn run(
        self,
        record: impl Fn(&mut Tape<'_, Host>, &[f32]) -> Result<(Recorded, Option<Scored>)>,
    ) -> std::result::Result<Vec<Epoch>, String> {
        let Training { place, data, host, saved, mut go_on } = self;
        let Place { job, config, network, .. } = place;
        let hyperparameters = config.hyperparameters(job.choice);
        let mut saved = saved.unwrap_or_else(|| first(network, job, hyperparameters));
        // Epochs that were done before count as done.
        let mut stopped = (0..saved.epochs.len()).fold(false, |stopped, _| stopped | !go_on());

        let named = |error: Error| error.to_string();
        let footprint = measure(host, |tape| record(tape, &saved.params).map(drop)).map_err(named)?;
        let mut memory = Memory::new(&footprint);
        let mut tape = Tape::with_backend(memory.slabs(), host);
        let (recorded, scored) = record(&mut tape, &saved.params).map_err(named)?;
        let batch = vec![0.0; config.batch as usize * data.train.pixels()];
        let mut session = Session { tape, recorded, scored, batch, seed: job.seed, hyperparameters };

        let mut last_saved = Instant::now();
        while !stopped && saved.epochs.len() < config.epochs as usize {
            let number = saved.epochs.len() as u32;
            let epoch = session.epoch(number, data, &mut saved.state);
            // What a gradient or a draw refuses are parameters that have grown beyond all bounds.
            let epoch = epoch.map_err(|error| format!("epoch {}: {error}; try a smaller lr", number + 1))?;
            if !(epoch.loss + epoch.test_loss).is_finite() {
                return Err(format!("epoch {}: the loss is not finite; try a smaller lr", number + 1));
            }
            saved.epochs.push(epoch);
            stopped = !go_on();
            let finished = saved.epochs.len() == config.epochs as usize;
            if stopped || finished || last_saved.elapsed() >= SAVE_EVERY {
                saved.params.copy_from_slice(session.tape.params());
                if finished {
                    saved.state.clear();
                }
                place.write(&saved)?;
                last_saved = Instant::now();
            }
        }
        Ok(saved.epochs)
    }
}

/// A run before its first epoch.
fn first(network: &Network, job: &Job, hyperparameters: Hyperparameters) -> Saved {
    let params = network.initial(&Stream::new(job.seed, FIRST_VALUES));
    let state = vec![0.0; hyperparameters.optimizer.state_len(params.len())];
    Saved { params, state, epochs: Vec::new() }
}

/// A model on a tape.
struct Session<'m> {
    tape: Tape<'m, Host>,
    recorded: Recorded,
    /// Where codes are not drawn by the tape.
    scored: Option<Scored>,
    /// The pixels of a batch.
    batch: Vec<f32>,
    seed: u64,
    hyperparameters: Hyperparameters,
}

impl Session<'_> {
    /// Trains on all images, and tests on all others. Epochs count from 0.
    fn epoch(&mut self, number: u32, data: &Data, state: &mut [f32]) -> Result<Epoch> {
        let size = self.batch.len() / data.train.pixels();
        let steps = (data.train.len() / size) as u32;
        let streams = FIRST_EPOCH + 2 * u64::from(number);
        let order = order(&Stream::new(self.seed, ORDER), u64::from(number), data.train.len());
        self.seed(streams);
        let begun = Instant::now();
        let (mut total, mut divergence) = (0.0, 0.0);
        for (images, step) in order.chunks_exact(size).zip(number * steps + 1..) {
            data.train.copy(images.iter().copied(), &mut self.batch);
            let (loss, part) = self.step(step, state)?;
            total += f64::from(loss);
            divergence += f64::from(part);
        }
        let microseconds_per_step = begun.elapsed().as_secs_f64() * 1e6 / f64::from(steps);
        self.seed(streams + 1);
        let (test_loss, test_divergence) = self.test(&data.test)?;
        let (loss, divergence) = (total / f64::from(steps), divergence / f64::from(steps));
        Ok(Epoch { loss, divergence, test_loss, test_divergence, microseconds_per_step })
    }

    /// Draws come from the beginning of this stream of the run's seed.
    fn seed(&mut self, stream: u64) {
        self.tape.seed(self.seed, stream);
        if let Some(scored) = &mut self.scored {
            scored.seed(self.seed, stream);
        }
    }

    /// The batch with new draws.
    fn forward(&mut self) -> Result<()> {
        let Session { tape, recorded, scored, batch, .. } = self;
        tape.set(recorded.images, batch)?;
        match scored {
            Some(scored) => scored.forward(tape),
            None => tape.replay(recorded.start, Draws::Stream),
        }
    }

    /// One step on the batch; its loss, and the divergence in it.
    fn step(&mut self, step: u32, state: &mut [f32]) -> Result<(f32, f32)> {
        self.forward()?;
        let Session { tape, recorded, scored, hyperparameters, .. } = self;
        tape.zero_grad()?;
        tape.backward(recorded.loss)?;
        if let Some(scored) = scored {
            scored.backward(tape)?;
        }
        let scalar = |var| tape.value(var).map(|value| value.first().copied().unwrap_or(f32::NAN));
        let losses = (scalar(recorded.loss)?, scalar(recorded.mean_divergence)?);
        let host = *tape.backend();
        let Hyperparameters { lr, optimizer, .. } = *hyperparameters;
        optimizer.step(&host, (lr, step), tape.params_and_grads(), state)?;
        Ok(losses)
    }

    /// The mean loss of all images, and the divergence in it; what is missing in the last batch is filled with the
    /// first image and not counted.
    fn test(&mut self, images: &Images) -> Result<(f64, f64)> {
        let size = self.batch.len() / images.pixels();
        let (mut total, mut total_divergence) = (0.0, 0.0);
        for first in (0..images.len()).step_by(size) {
            let count = size.min(images.len() - first);
            images.copy((first..first + count).chain(std::iter::repeat_n(0, size - count)), &mut self.batch);
            self.forward()?;
            // The sum over the first images of a batch of what belongs to them, in double precision.
            let sum =
                |terms: &[f32]| -> f64 { terms.iter().take(count * (terms.len() / size)).map(|x| f64::from(*x)).sum() };
            let Session { tape, recorded, .. } = self;
            total += sum(tape.value(recorded.reconstruction)?) / f64::from(recorded.draws);
            let divergence = sum(tape.value(recorded.divergence)?);
            total += divergence;
            total_divergence += divergence;
        }
        let count = images.len() as f64;
        Ok((total / count, total_divergence / count))
    }
}

/// The numbers of all images in the order of an epoch: a shuffle (Fisher and Yates, from the end) that is a function of
/// the stream and the epoch.
fn order(stream: &Stream, epoch: u64, images: usize) -> Vec<usize> {
    let mut rng = stream.pcg32(epoch * images as u64);
    let mut order: Vec<usize> = (0..images).collect();
    for last in (1..images).rev() {
        let below = last as u64 + 1;
        order.swap(last, ((u64::from(rng.next_u32()) * below) >> 32) as usize);
    }
    order
}
