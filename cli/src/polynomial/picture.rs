//! The curves of all estimators, with a band over seeds.

use super::config::Config;
use super::report::optimum;
use crate::plot::{Curves, Series};
use crate::task::Done;

/// All runs of one power, as an SVG.
pub(crate) fn curves(config: &Config, power: f32, runs: &[Done<Config>]) -> Result<String, String> {
    let Config { latents, categories, lr, optimizer, seeds, epochs, steps_per_epoch, batch, target, .. } = config;
    let mine: Vec<_> = runs.iter().filter(|(job, _)| job.power == power).collect();
    let series = mine.chunk_by(|(a, _), (b, _)| a.choice == b.choice).map(|seeds| {
        let curves: Vec<Vec<f64>> =
            seeds.iter().map(|(_, epochs)| epochs.iter().map(|epoch| epoch.loss).collect()).collect();
        Series::new(seeds.first().map_or_else(String::new, |(job, _)| job.choice.label()), &curves)
    });
    let curves = Curves {
        caption: format!("{latents} variables of {categories} categories, {optimizer:?} at {lr}, seeds {seeds}"),
        epoch: format!("epoch ({steps_per_epoch} steps of {batch} samples)"),
        loss: (format!("mean of |X - {target}|^{power}"), 3),
        epochs: *epochs,
        optimum: Some(optimum(config, power)),
        room_from: 1,
        series: series.collect(),
    };
    curves.picture()
}
