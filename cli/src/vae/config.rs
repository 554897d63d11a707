//! What a run of the autoencoder is: the paper's settings, then a configuration file, then the command line.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::data::{DIGITS, Images};
use super::model::Network;
use super::paper::{Hyperparameters, hyperparameters};
use crate::args::NumericsName;
use crate::estimators::{Choice, Kind};
use crate::settings::{
    OptimizerName, check_least, check_positive, check_product, check_runs, one_or_many, spelled_out, text_or_number,
};
use crate::task::Task;

/// What rectifies the output of each layer but the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Activation {
    /// max(x, 0)
    #[default]
    Relu,
    /// x where it is positive, else x / 100
    LeakyRelu,
}

/// Every setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Which task this is; it may be missing in a file written by hand.
    pub(crate) task: String,
    /// The version that began the run; empty in a file written by hand.
    pub(crate) version: String,
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) estimator: Vec<String>,
    /// The images: `digits`, or a folder.
    pub(crate) data: String,
    pub(crate) categories: u32,
    pub(crate) latents: u32,
    /// Widths of the encoder's hidden layers; the decoder has them in reverse.
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) hidden: Vec<u32>,
    /// What stands between layers.
    pub(crate) activation: Activation,
    pub(crate) batch: u32,
    pub(crate) epochs: u32,
    /// These three are the paper's for the estimator and the shape where they are not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lr: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) optimizer: Option<OptimizerName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tau: Option<f32>,
    pub(crate) numerics: NumericsName,
    /// Half-open, as in `0..3`.
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
            estimator: ["reinmax", "straight_through", "gumbel_softmax"].map(str::to_owned).to_vec(),
            data: DIGITS.to_owned(),
            categories: 8,
            latents: 4,
            hidden: vec![512, 256],
            activation: Activation::Relu,
            batch: 100,
            epochs: 160,
            lr: None,
            optimizer: None,
            tau: None,
            numerics: NumericsName::Fast,
            seeds: "0..3".to_owned(),
            seed: None,
        }
    }
}

/// Why one estimator is refused.
pub(super) const NO_ENUMERATION: &str = "exact: the codes of every image at every step are too many to enumerate";

/// More epochs than this are a slip of the pen; the numbers of all stand in the head of a model's file.
const MAX_EPOCHS: u32 = 100_000;
/// More parameters than this are one, too: with gradients and the optimiser's state they would take gigabytes.
const MAX_PARAMS: usize = 1 << 28;

impl Config {
    /// What an estimator trains with: what is given, or else the paper's.
    pub(super) fn hyperparameters(&self, choice: Choice) -> Hyperparameters {
        let paper = hyperparameters(choice.kind(), self.categories, self.latents);
        Hyperparameters {
            lr: self.lr.unwrap_or(paper.lr),
            tau: self.tau.unwrap_or(paper.tau),
            optimizer: self.optimizer.unwrap_or(paper.optimizer),
        }
    }

    /// Looks at every value, spells estimators out, and makes the folder of images one that is found from anywhere.
    pub(super) fn checked(mut self) -> Result<Self, String> {
        check_least(&[
            ("latents", self.latents, 1),
            ("categories", self.categories, 2),
            ("batch", self.batch, 1),
            ("epochs", self.epochs, 1),
        ])?;
        if let Some(width) = self.hidden.iter().find(|width| **width == 0) {
            return Err(format!("hidden = {width}: a layer is at least 1 wide"));
        }
        check_product(("latents", self.latents, "categories", self.categories))?;
        check_product(("batch", self.batch, "latents", self.latents))?;
        if self.epochs > MAX_EPOCHS {
            return Err(format!("epochs = {}: give at most {MAX_EPOCHS}", self.epochs));
        }
        check_positive([("tau", self.tau), ("lr", self.lr)].into_iter().filter_map(|(name, x)| Some((name, x?))))?;
        if self.estimator.is_empty() {
            return Err("there must be at least one estimator".to_owned());
        }
        self.estimator = spelled_out(&self.estimator, self.categories, |choice| {
            if choice.kind() == Kind::Exact {
                return Err(NO_ENUMERATION.to_owned());
            }
            Ok(choice.with_defaults(self.hyperparameters(choice).tau))
        })?;
        if self.data.is_empty() {
            return Err(format!("data = '': give {DIGITS}, or a folder of images"));
        }
        if self.data != DIGITS {
            let path = std::path::absolute(&self.data).map_err(|error| format!("data = '{}': {error}", self.data))?;
            self.data = path.into_os_string().into_string().map_err(|_| "data: give a path in UTF-8".to_owned())?;
        }
        check_runs(&self.seeds, self.estimator.len() as u64)?;
        Ok(self)
    }

    /// Refuses what the images make impossible.
    pub(super) fn check_images(&self, images: &Images) -> Result<(), String> {
        let (name, batch) = (&self.data, self.batch as usize);
        if images.len() < batch {
            return Err(format!("{name}: {} images to train on, fewer than a batch of {batch}", images.len()));
        }
        // Optimisers count steps in 32 bits.
        let steps = u32::try_from(images.len() / batch).unwrap_or(u32::MAX);
        check_product(("epochs", self.epochs, "steps an epoch", steps))?;
        self.check_params(images)
    }

    /// Refuses a network that is too large for images of this size.
    pub(super) fn check_params(&self, images: &Images) -> Result<(), String> {
        let Config { hidden, latents, categories, .. } = self;
        match Network::new(self, images.pixels()).params() {
            Some(params) if params <= MAX_PARAMS => Ok(()),
            params => Err(format!(
                "hidden = {hidden:?}, latents = {latents} and categories = {categories} make {} parameters; at most \
                 {MAX_PARAMS} are possible",
                params.map_or_else(|| "too many".to_owned(), |params| params.to_string())
            )),
        }
    }
}
