//! Results on stdout: a table, one JSON object, or CSV.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::config::Config;
use crate::args::Format;
use crate::estimators::{Value, spelled, spelled_parameters};
use crate::statistics::{deviation, fixed, mean_sd, median};
use crate::task::{Done, report};

/// The text for stdout.
pub(crate) fn text(config: &Config, runs: &[Done<Config>], format: Format) -> Result<String, String> {
    let report = Report::new(config, runs);
    Ok(match format {
        Format::Human => report.table(),
        Format::Json => report.json()? + "\n",
        Format::Csv => report.csv(),
    })
}

/// The results of a folder.
pub(crate) struct Report<'a> {
    config: &'a Config,
    results: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    estimator: &'static str,
    parameters: BTreeMap<&'static str, Value>,
    power: f32,
    seed: u64,
    final_loss: f64,
    loss_per_epoch: Vec<f64>,
    microseconds_per_step: f64,
}

impl Entry {
    fn spelled(&self) -> String {
        spelled(self.estimator, &self.parameters)
    }
}

impl<'a> Report<'a> {
    pub(crate) fn new(config: &'a Config, runs: &[Done<Config>]) -> Self {
        let entry = |(job, epochs): &Done<Config>| {
            let (losses, times): (Vec<_>, Vec<_>) =
                epochs.iter().map(|epoch| (epoch.loss, epoch.microseconds_per_step)).unzip();
            Entry {
                estimator: job.choice.name(),
                parameters: job.choice.parameters(),
                power: job.power,
                seed: job.seed,
                final_loss: losses.last().copied().unwrap_or(f64::NAN),
                loss_per_epoch: losses,
                microseconds_per_step: median(&times),
            }
        };
        let results = runs.iter().map(entry).collect();
        Report { config, results }
    }

    pub(crate) fn json(&self) -> Result<String, String> {
        report(self.config, &self.results)
    }

    pub(crate) fn csv(&self) -> String {
        let mut text = "estimator,parameters,power,seed,final_loss,microseconds_per_step\n".to_owned();
        for entry in &self.results {
            let Entry { estimator, power, seed, final_loss, microseconds_per_step, .. } = entry;
            let parameters = spelled_parameters(&entry.parameters, ";");
            let _ = writeln!(text, "{estimator},{parameters},{power},{seed},{final_loss},{microseconds_per_step}");
        }
        text
    }

    /// A line for each estimator and power: mean and standard deviation over seeds.
    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let header = ["estimator", "p", "final loss", "± sd", "above optimum", "us/step", "seeds"];
        let [name, p, loss, sd, distance, time, seeds] = header;
        let width = self.results.iter().map(|entry| entry.spelled().len()).max().unwrap_or(0).max(name.len());
        let _ = writeln!(text, "{name:<width$} {p:>4} {loss:>11} {sd:>9} {distance:>14} {time:>9} {seeds:>6}");
        for group in self.groups() {
            let losses: Vec<f64> = group.iter().map(|entry| entry.final_loss).collect();
            let times: Vec<f64> = group.iter().map(|entry| entry.microseconds_per_step).collect();
            let (mean, sd) = mean_sd(&losses);
            let Some(first) = group.first() else { continue };
            let optimum = optimum(self.config, first.power);
            let (name, power, time, seeds) = (first.spelled(), first.power, median(&times), group.len());
            let (sd, distance) = (deviation(sd, seeds), fixed(mean - optimum, 5));
            let _ =
                writeln!(text, "{name:<width$} {power:>4} {mean:>11.5} {sd:>9} {distance:>14} {time:>9.1} {seeds:>6}");
        }
        text
    }

    /// Runs of one estimator and power; they are neighbours.
    fn groups(&self) -> Vec<&[Entry]> {
        let same =
            |a: &Entry, b: &Entry| a.estimator == b.estimator && a.parameters == b.parameters && a.power == b.power;
        self.results.chunk_by(same).collect()
    }
}

/// The least loss there is: every variable at the nearer of 0 and 1.
pub(crate) fn optimum(config: &Config, power: f32) -> f64 {
    let distance = |x: f64| (x - f64::from(config.target)).abs().powf(f64::from(power));
    distance(0.0).min(distance(1.0))
}
