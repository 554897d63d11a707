//! Results on stdout: a table, one JSON object, or CSV.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::Epoch;
use super::config::Config;
use crate::args::Format;
use crate::estimators::{Value, spelled, spelled_parameters};
use crate::settings::OptimizerName;
use crate::statistics::{deviation, mean_sd, median};
use crate::task::{Done, report};

#[derive(Debug, Serialize)]
struct Entry {
    estimator: &'static str,
    parameters: BTreeMap<&'static str, Value>,
    seed: u64,
    lr: f32,
    optimizer: OptimizerName,
    /// Negative evidence lower bound of the last epoch, nats an image.
    final_loss: f64,
    final_test_loss: f64,
    /// The divergence in them: the rest is the cross-entropy of the pixels.
    final_divergence: f64,
    final_test_divergence: f64,
    loss_per_epoch: Vec<f64>,
    test_loss_per_epoch: Vec<f64>,
    divergence_per_epoch: Vec<f64>,
    test_divergence_per_epoch: Vec<f64>,
    microseconds_per_step: f64,
}

impl Entry {
    fn spelled(&self) -> String {
        spelled(self.estimator, &self.parameters)
    }

    fn optimizer(&self) -> String {
        format!("{:?}", self.optimizer).to_lowercase()
    }
}

/// The text for stdout.
pub(crate) fn text(config: &Config, runs: &[Done<Config>], format: Format) -> Result<String, String> {
    Ok(match format {
        Format::Human => table(&entries(config, runs)),
        Format::Json => json(config, runs)? + "\n",
        Format::Csv => csv(&entries(config, runs)),
    })
}

pub(super) fn json(config: &Config, runs: &[Done<Config>]) -> Result<String, String> {
    report(config, &entries(config, runs))
}

fn entries(config: &Config, runs: &[Done<Config>]) -> Vec<Entry> {
    let entry = |(job, epochs): &Done<Config>| {
        let hyperparameters = config.hyperparameters(job.choice);
        let over = |of: fn(&Epoch) -> f64| -> Vec<f64> { epochs.iter().map(of).collect() };
        let last = |of: fn(&Epoch) -> f64| epochs.last().map_or(f64::NAN, of);
        Entry {
            estimator: job.choice.name(),
            parameters: job.choice.parameters(),
            seed: job.seed,
            lr: hyperparameters.lr,
            optimizer: hyperparameters.optimizer,
            final_loss: last(|epoch| epoch.loss),
            final_test_loss: last(|epoch| epoch.test_loss),
            final_divergence: last(|epoch| epoch.divergence),
            final_test_divergence: last(|epoch| epoch.test_divergence),
            loss_per_epoch: over(|epoch| epoch.loss),
            test_loss_per_epoch: over(|epoch| epoch.test_loss),
            divergence_per_epoch: over(|epoch| epoch.divergence),
            test_divergence_per_epoch: over(|epoch| epoch.test_divergence),
            microseconds_per_step: median(&over(|epoch| epoch.microseconds_per_step)),
        }
    };
    runs.iter().map(entry).collect()
}

fn csv(entries: &[Entry]) -> String {
    let mut text = "estimator,parameters,seed,optimizer,lr,final_loss,final_test_loss,final_divergence,\
        final_test_divergence,microseconds_per_step\n"
        .to_owned();
    for entry in entries {
        let Entry { estimator, seed, lr, final_loss, final_test_loss, microseconds_per_step, .. } = entry;
        let Entry { final_divergence, final_test_divergence, .. } = entry;
        let (parameters, optimizer) = (spelled_parameters(&entry.parameters, ";"), entry.optimizer());
        let _ = writeln!(
            text,
            "{estimator},{parameters},{seed},{optimizer},{lr},{final_loss},{final_test_loss},{final_divergence},\
            {final_test_divergence},{microseconds_per_step}"
        );
    }
    text
}

/// A line for each estimator: mean and standard deviation over seeds.
fn table(entries: &[Entry]) -> String {
    let mut text = String::new();
    let width = entries.iter().map(|entry| entry.spelled().len()).max().unwrap_or(0).max("estimator".len());
    let header =
        ["estimator", "optimizer", "lr", "train -ELBO", "± sd", "test -ELBO", "± sd", "KL", "us/step", "seeds"];
    let [name, optimizer, lr, train, train_sd, test, test_sd, kl, time, seeds] = header;
    let _ = writeln!(
        text,
        "{name:<width$} {optimizer:<9} {lr:>7} {train:>11} {train_sd:>8} {test:>10} {test_sd:>8} {kl:>6} {time:>8} {seeds:>5}"
    );
    for group in entries.chunk_by(|a, b| a.estimator == b.estimator && a.parameters == b.parameters) {
        let Some(first) = group.first() else { continue };
        let over = |value: fn(&Entry) -> f64| -> Vec<f64> { group.iter().map(value).collect() };
        let (train, train_sd) = mean_sd(&over(|entry| entry.final_loss));
        let (test, test_sd) = mean_sd(&over(|entry| entry.final_test_loss));
        let (kl, _) = mean_sd(&over(|entry| entry.final_test_divergence));
        let time = median(&over(|entry| entry.microseconds_per_step));
        let (name, lr, seeds) = (first.spelled(), first.lr, group.len());
        let optimizer = first.optimizer();
        let (train_sd, test_sd) = (deviation(train_sd, seeds), deviation(test_sd, seeds));
        let _ = writeln!(
            text,
            "{name:<width$} {optimizer:<9} {lr:>7} {train:>11.3} {train_sd:>8} {test:>10.3} {test_sd:>8} {kl:>6.2} {time:>8.0} {seeds:>5}"
        );
    }
    text
}
