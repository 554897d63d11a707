//! What a run of the polynomial task is: defaults, then a configuration file, then the command line. The resolved form
//! is what a run folder keeps.

use serde::{Deserialize, Serialize};

use crate::estimators::Choice;
use crate::settings::{
    OptimizerName, check_least, check_positive, check_product, check_runs, one_or_many, repeated, spelled_out,
    text_or_number,
};
use crate::task::Task;

/// Every setting of the polynomial task, resolved. Paper's defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Which task this is; it may be missing in a file written by hand.
    pub(crate) task: String,
    /// The version that began the run; empty in a file written by hand.
    pub(crate) version: String,
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) estimator: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) power: Vec<f32>,
    pub(crate) latents: u32,
    pub(crate) categories: u32,
    pub(crate) batch: u32,
    pub(crate) epochs: u32,
    #[serde(alias = "steps-per-epoch")]
    pub(crate) steps_per_epoch: u32,
    pub(crate) lr: f32,
    pub(crate) optimizer: OptimizerName,
    pub(crate) tau: f32,
    pub(crate) target: f32,
    /// Half-open, as in `0..10`.
    #[serde(deserialize_with = "text_or_number")]
    pub(crate) seeds: String,
    /// In a file in place of `seeds`.
    #[serde(skip_serializing)]
    pub(crate) seed: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            task: Config::NAME.to_owned(),
            version: String::new(),
            estimator: Choice::defaults(),
            power: vec![2.0],
            latents: 128,
            categories: 2,
            batch: 64,
            epochs: 40,
            steps_per_epoch: 200,
            lr: 1e-3,
            optimizer: OptimizerName::Adam,
            tau: 1.0,
            target: 0.45,
            seeds: "0..10".to_owned(),
            seed: None,
        }
    }
}

impl Config {
    /// Looks at every value, and spells estimators out.
    pub(super) fn checked(mut self) -> Result<Self, String> {
        check_least(&[
            ("latents", self.latents, 1),
            ("categories", self.categories, 2),
            ("batch", self.batch, 1),
            ("epochs", self.epochs, 1),
            ("steps-per-epoch", self.steps_per_epoch, 1),
        ])?;
        // Tensors have fewer than 2^32 elements, and optimisers count steps in 32 bits.
        let products = [
            ("latents", self.latents, "categories", self.categories),
            ("latents", self.latents, "batch", self.batch),
            ("epochs", self.epochs, "steps-per-epoch", self.steps_per_epoch),
        ];
        products.into_iter().try_for_each(check_product)?;
        let powers = self.power.iter().map(|power| ("power", *power));
        check_positive([("tau", self.tau), ("lr", self.lr)].into_iter().chain(powers))?;
        if !self.target.is_finite() {
            return Err(format!("target = {}: it must be finite", self.target));
        }
        if self.power.is_empty() || self.estimator.is_empty() {
            return Err("there must be at least one power and one estimator".to_owned());
        }
        let (tau, batch) = (self.tau, self.batch);
        self.estimator = spelled_out(&self.estimator, self.categories, |choice| {
            choice.check_draws(batch as usize).map_err(|error| format!("batch = {batch}: {error}"))?;
            Ok(choice.with_defaults(tau))
        })?;
        if let Some(twice) = repeated(&self.power) {
            return Err(format!("power {twice} is given twice; give each once"));
        }
        check_runs(&self.seeds, (self.estimator.len() as u64).saturating_mul(self.power.len() as u64))?;
        Ok(self)
    }
}
