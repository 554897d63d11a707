//! Training one model.

use std::time::{Duration, Instant};

use rand_core::Rng;
use reinmax::{Draws, Estimator, Host, Memory, Numerics, Result, Stream, Tape, measure};

use super::config::Config;
use super::data::{Data, Images};
use super::model::{Network, Recorded};
use super::saved::Saved;
use super::{Epoch, Job};
use crate::args::NumericsName;
use crate::estimators::Visitor;
use crate::folder::Folder;
use crate::scores::Scores;
use crate::task::Run;

/// Streams of a run's seed: first values, the order of images, and for each epoch one for training and one for testing.
const FIRST_VALUES: u64 = 0;
const ORDER: u64 = 1;
const FIRST_EPOCH: u64 = 2;

/// How often an unfinished run is saved.
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
    let saved = Saved::read(folder, &job, &network)?;
    job.choice.visit(Training { config, job, data, host, folder, network: &network, saved, go_on })
}

/// One run, once its estimator is known.
struct Training<'a, F> {
    config: &'a Config,
    job: Job,
    data: &'a Data,
    host: Host,
    folder: &'a Folder,
    network: &'a Network,
    saved: Option<Saved>,
    go_on: F,
}

impl<F: FnMut() -> bool> Visitor for Training<'_, F> {
    type Out = std::result::Result<Vec<Epoch>, String>;

    fn exact(self) -> Self::Out {
        Err("this task has no exact gradient".to_owned())
    }

    fn scores(self, _: Scores) -> Self::Out {
        Err("this task takes estimators that work from the upstream gradient".to_owned())
    }

    fn upstream<E: Estimator>(self, estimator: E) -> Self::Out {
        let Training { config, job, data, host, folder, network, saved, mut go_on } = self;
        let hyperparameters = config.hyperparameters(job.choice);
        let optimizer = hyperparameters.optimizer;
        let mut saved = saved.unwrap_or_else(|| Saved {
            params: network.initial(&Stream::new(job.seed, FIRST_VALUES)),
            state: vec![0.0; optimizer.state_len(network.params())],
            epochs: Vec::new(),
        });
        // Epochs that were done before count as done.
        let mut stopped = false;
        for _ in 0..saved.epochs.len() {
            stopped |= !go_on();
        }
        let named = |error: reinmax::Error| error.to_string();
        let record = |tape: &mut Tape<'_, Host>| network.record(tape, &saved.params, estimator);
        let footprint = measure(host, |tape| record(tape).map(drop)).map_err(named)?;
        let mut memory = Memory::new(&footprint);
        let mut tape = Tape::with_backend(memory.slabs(), host);
        let recorded = record(&mut tape).map_err(named)?;
        let mut batch = vec![0.0; config.batch as usize * data.train.pixels()];
        let mut last_saved = Instant::now();

        while !stopped && saved.epochs.len() < config.epochs as usize {
            let number = saved.epochs.len() as u64;
            // What a gradient or a draw refuses are parameters that have grown beyond all bounds.
            let diverged = |error: reinmax::Error| format!("epoch {}: {error}; try a smaller lr", number + 1);
            let steps = (data.train.len() / config.batch as usize) as u32;
            let mut step = number as u32 * steps;
            let order = order(&Stream::new(job.seed, ORDER), number, data.train.len());
            tape.seed(job.seed, FIRST_EPOCH + 2 * number);
            let begun = Instant::now();
            let mut total = 0.0;
            for images in order.chunks_exact(config.batch as usize) {
                data.train.copy(images.iter().copied(), &mut batch);
                total += f64::from(gradient(&mut tape, &recorded, &batch).map_err(diverged)?);
                step += 1;
                let moved =
                    optimizer.step(&host, (hyperparameters.lr, step), tape.params_and_grads(), &mut saved.state);
                moved.map_err(named)?;
            }
            let microseconds_per_step = begun.elapsed().as_secs_f64() * 1e6 / f64::from(steps);
            tape.seed(job.seed, FIRST_EPOCH + 2 * number + 1);
            let test_loss = test(&mut tape, &recorded, &data.test, &mut batch).map_err(diverged)?;
            let epoch = Epoch { loss: total / f64::from(steps), test_loss, microseconds_per_step };
            if !(epoch.loss + epoch.test_loss).is_finite() {
                return Err(format!("epoch {}: the loss is not finite; try a smaller lr", number + 1));
            }
            saved.epochs.push(epoch);
            stopped = !go_on();
            let finished = saved.epochs.len() == config.epochs as usize;
            if stopped || finished || last_saved.elapsed() >= SAVE_EVERY {
                saved.params.copy_from_slice(tape.params());
                if finished {
                    saved.state.clear();
                }
                saved.write(folder, &job, network)?;
                last_saved = Instant::now();
            }
        }
        Ok(saved.epochs)
    }
}

impl From<NumericsName> for Numerics {
    fn from(name: NumericsName) -> Self {
        match name {
            NumericsName::Portable => Numerics::Portable,
            NumericsName::Fast => Numerics::Fast,
        }
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

/// The loss of a batch, and its gradient on the tape.
fn gradient(tape: &mut Tape<'_, Host>, recorded: &Recorded, images: &[f32]) -> Result<f32> {
    tape.set(recorded.images, images)?;
    tape.zero_grad()?;
    tape.replay(recorded.start, Draws::Stream)?;
    tape.backward(recorded.loss)?;
    Ok(tape.value(recorded.loss)?.first().copied().unwrap_or(f32::NAN))
}

/// The mean loss of all images; what is missing in the last batch is filled with the first image and not counted.
fn test(tape: &mut Tape<'_, Host>, recorded: &Recorded, images: &Images, batch: &mut [f32]) -> Result<f64> {
    let size = batch.len() / images.pixels();
    let mut total = 0.0;
    for first in (0..images.len()).step_by(size) {
        let count = size.min(images.len() - first);
        images.copy((first..first + count).chain(std::iter::repeat_n(0, size - count)), batch);
        tape.set(recorded.images, batch)?;
        tape.replay(recorded.start, Draws::Stream)?;
        let divergence = tape.value(recorded.divergence)?;
        let terms = tape.value(recorded.reconstruction)?.iter().take(count);
        let terms = terms.chain(divergence.iter().take(count * (divergence.len() / size)));
        total += terms.map(|x| f64::from(*x)).sum::<f64>();
    }
    Ok(total / images.len() as f64)
}
