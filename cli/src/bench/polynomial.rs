//! One training step of the polynomial task with the paper's settings: draws, backward pass and optimiser.

use indicatif::ProgressBar;
use reinmax::Host;

use super::Measurement;
use super::timing::Timing;
use crate::Failure;
use crate::args::BenchArgs;
use crate::polynomial::config::Config;
use crate::polynomial::train;
use crate::task::Task;

const POWERS: [f32; 3] = [1.5, 2.0, 3.0];
/// Epochs of a sample, 200 steps each.
const EPOCHS: u32 = 2;

/// All estimators of `run polynomial`'s default, all powers.
pub(super) fn measure(args: &BenchArgs, hosts: &[Host]) -> Result<Vec<Measurement>, Failure> {
    let config = Config { epochs: EPOCHS, seeds: "0..1".to_owned(), power: POWERS.to_vec(), ..Config::default() };
    let config = config.finish().map_err(Failure::usage)?;
    let jobs = config.jobs().map_err(Failure::usage)?;
    let things: Vec<_> = jobs.iter().flat_map(|job| hosts.iter().map(move |host| (job, *host))).collect();
    let progress = if args.quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new((usize::from(args.rounds) * things.len()) as u64)
    };
    let mut samples = vec![Vec::new(); things.len()];
    for _ in 0..args.rounds {
        for ((job, host), samples) in things.iter().zip(&mut samples) {
            let curve = train(&config, *host, **job, || true).map_err(|error| Failure::error(error.to_string()))?;
            samples.extend(curve.iter().map(|epoch| epoch.microseconds_per_step * 1e3));
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    let results = things.iter().zip(&samples).map(|((job, host), samples)| {
        let timing = Timing::of(samples);
        let kernel = format!("polynomial {} p={}", job.choice.name(), job.power);
        // An element is a draw.
        let shape = ((config.latents * config.batch) as usize, 1);
        Measurement {
            microseconds_per_step: Some(timing.median / 1e3),
            ..Measurement::new(kernel, shape, host, timing)
        }
    });
    Ok(results.collect())
}
