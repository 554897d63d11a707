//! The command line of `run polynomial`.

use clap::Args;

use super::config::Config;
use crate::args::{NO_NUMBER, RunArgs};
use crate::settings::OptimizerName;

/// The end of its help page.
pub(crate) const HELP: &str = "\
Examples:
  reinmax-cli run polynomial                                    four estimators, ten seeds, a table and a picture
  reinmax-cli run polynomial --estimator reinmax:tau=1.1 --estimator st --seeds 0..3
  reinmax-cli run polynomial --power 1.5,2,3 --out runs/powers
  reinmax-cli run polynomial --threads 1 --format json --quiet  for figures to quote
  reinmax-cli run polynomial --resume runs/polynomial-1         go on after an interruption

A file for --config:
  estimator = [\"reinmax:tau=1.1\", \"st\"]
  power = 2
  steps_per_epoch = 100
  seeds = \"0..3\"

Results are in the order of estimators, powers, seeds, whatever the threads.";

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub(crate) struct PolynomialArgs {
    #[command(flatten)]
    pub(crate) settings: PolynomialSettings,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What is run.
#[derive(Debug, Args)]
#[group(id = "settings", multiple = true)]
pub(crate) struct PolynomialSettings {
    /// Estimator, with parameters after a colon (--help lists all); repeatable [default: exact, reinmax,
    /// straight_through, gumbel_softmax]
    #[arg(long, value_name = "NAME")]
    pub(crate) estimator: Vec<String>,
    /// Exponent p; several separated by commas [default: 2]
    #[arg(long, value_delimiter = ',')]
    pub(crate) power: Vec<f32>,
    /// Number of variables [default: 128]
    #[arg(long)]
    pub(crate) latents: Option<u32>,
    /// Categories of each variable [default: 2]
    #[arg(long)]
    pub(crate) categories: Option<u32>,
    /// Samples a step [default: 64]
    #[arg(long)]
    pub(crate) batch: Option<u32>,
    /// Number of epochs: a curve has a point for each [default: 40]
    #[arg(long)]
    pub(crate) epochs: Option<u32>,
    /// Steps in an epoch [default: 200]
    #[arg(long)]
    pub(crate) steps_per_epoch: Option<u32>,
    /// Learning rate [default: 0.001]
    #[arg(long)]
    pub(crate) lr: Option<f32>,
    /// Update rule [default: adam]
    #[arg(long, value_enum)]
    pub(crate) optimizer: Option<OptimizerName>,
    /// Temperature of estimators given without one [default: 1]
    #[arg(long, value_parser = one_tau)]
    pub(crate) tau: Option<f32>,
    /// The constant c [default: 0.45]
    #[arg(long)]
    pub(crate) target: Option<f32>,
}

impl PolynomialSettings {
    /// Replaces what is given here.
    pub(crate) fn apply(&self, config: &mut Config) {
        let PolynomialSettings { estimator, power, latents, categories, batch, epochs, steps_per_epoch, .. } = self;
        if !estimator.is_empty() {
            config.estimator.clone_from(estimator);
        }
        if !power.is_empty() {
            config.power.clone_from(power);
        }
        config.latents = latents.unwrap_or(config.latents);
        config.categories = categories.unwrap_or(config.categories);
        config.batch = batch.unwrap_or(config.batch);
        config.epochs = epochs.unwrap_or(config.epochs);
        config.steps_per_epoch = steps_per_epoch.unwrap_or(config.steps_per_epoch);
        config.lr = self.lr.unwrap_or(config.lr);
        config.optimizer = self.optimizer.unwrap_or(config.optimizer);
        config.tau = self.tau.unwrap_or(config.tau);
        config.target = self.target.unwrap_or(config.target);
    }
}

/// A sweep takes several temperatures; here they stand with the estimators.
fn one_tau(text: &str) -> Result<f32, String> {
    let each = || text.split(',').map(|tau| format!("--estimator reinmax:tau={tau}")).collect::<Vec<_>>().join(" ");
    text.parse().map_err(|_| {
        if text.contains(',') {
            format!("give one number; for several there is {}", each())
        } else {
            NO_NUMBER.to_owned()
        }
    })
}
