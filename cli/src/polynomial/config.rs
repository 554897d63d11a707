//! What a run is: defaults, then a configuration file, then the command line. The resolved form is what a run folder
//! keeps.

use std::fmt::{Display, Formatter};
use std::path::Path;
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Deserializer, Serialize};

use crate::Failure;
use crate::args::PolynomialArgs;
use crate::estimators::Choice;

/// The update rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OptimizerName {
    Adam,
    Radam,
    Sgd,
}

/// Every setting of the polynomial task, resolved. Paper's defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
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

/// Options that say how to run, not what.
const NOT_SETTINGS: [&str; 7] = ["threads", "config", "out", "overwrite", "resume", "format", "quiet"];

/// `power = 2` is as good as `power = [2]`.
fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "one value, or a list of them")]
    enum OneOrMany<T> {
        One(T),
        Many(Vec<T>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

/// One seed, as a range.
fn one_seed(seed: u64) -> String {
    format!("{seed}..{}", seed.saturating_add(1))
}

/// A number is no range, but the error that says so should be the one of the command line.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a range such as \"0..10\"")]
    enum Seeds {
        Number(u64),
        Text(String),
    }
    Ok(match Seeds::deserialize(deserializer)? {
        Seeds::Number(number) => number.to_string(),
        Seeds::Text(text) => text,
    })
}

impl Default for Config {
    fn default() -> Self {
        Config {
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

/// More runs than this are a slip of the pen; all of their curves are kept in memory.
const MAX_RUNS: u64 = 1_000_000;

/// One training run of a folder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) choice: Choice,
    pub(crate) power: f32,
    pub(crate) seed: u64,
}

/// The run's name in messages.
impl Display for Job {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} p = {} seed {}", self.choice.spelled(), self.power, self.seed)
    }
}

impl Config {
    /// Defaults, the file of `--config`, then what the command line says.
    pub(crate) fn resolve(args: &PolynomialArgs) -> Result<Self, Failure> {
        let mut config = match &args.config {
            Some(path) => Config::read(path)?,
            None => Config::default(),
        };
        config.version = env!("CARGO_PKG_VERSION").to_owned();
        if !args.estimator.is_empty() {
            config.estimator.clone_from(&args.estimator);
        }
        if !args.power.is_empty() {
            config.power.clone_from(&args.power);
        }
        let PolynomialArgs { latents, categories, batch, epochs, steps_per_epoch, lr, optimizer, tau, target, .. } =
            args;
        config.latents = latents.unwrap_or(config.latents);
        config.categories = categories.unwrap_or(config.categories);
        config.batch = batch.unwrap_or(config.batch);
        config.epochs = epochs.unwrap_or(config.epochs);
        config.steps_per_epoch = steps_per_epoch.unwrap_or(config.steps_per_epoch);
        config.lr = lr.unwrap_or(config.lr);
        config.optimizer = optimizer.unwrap_or(config.optimizer);
        config.tau = tau.unwrap_or(config.tau);
        config.target = target.unwrap_or(config.target);
        if let Some(seeds) = args.seeds.clone().or(args.seed.map(one_seed)) {
            config.seeds = seeds;
        }
        config.finish().map_err(Failure::usage)
    }

    /// A configuration file, by hand or from a run folder. One that is no TOML fails; what it says wrongly is wrong
    /// usage.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let named = |error: &dyn Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| Failure::error(named(&error)))?;
        let table: toml::Table = text.parse().map_err(|error| Failure::error(named(&error)))?;
        if let Some(option) = NOT_SETTINGS.iter().find(|option| table.contains_key(**option)) {
            return Err(Failure::usage(named(&format!("{option} is no setting; give --{option} on the command line"))));
        }
        if table.contains_key("seed") && table.contains_key("seeds") {
            return Err(Failure::usage(named(&"seed and seeds stand there both; give one of them")));
        }
        // From the text again, not from the table: its errors show the line.
        let mut config: Config = toml::from_str(&text).map_err(|error| Failure::usage(named(&error)))?;
        if let Some(seed) = config.seed.take() {
            config.seeds = one_seed(seed);
        }
        Ok(config)
    }

    /// As a configuration file, a line for each setting.
    pub(crate) fn text(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }

    /// What would have to change for `wanted`, as in `lr = 0.001, not 0.5`; empty where nothing would.
    pub(crate) fn differences(&self, wanted: &Config) -> Result<String, String> {
        let (ours, theirs) = (self.text()?, wanted.text()?);
        let differ = ours.lines().zip(theirs.lines()).filter(|(ours, theirs)| ours != theirs);
        let value = |line| str::split_once(line, " = ").map_or(line, |(_, value)| value);
        Ok(differ.map(|(ours, theirs)| format!("{ours}, not {}", value(theirs))).collect::<Vec<_>>().join("; "))
    }

    /// The same runs and those of further seeds.
    pub(crate) fn with_more_seeds(&self, seeds: &str) -> Result<Self, String> {
        let begun = self.seed_range()?;
        let config = Config { seeds: seeds.to_owned(), ..self.clone() }.finish()?;
        let wanted = config.seed_range()?;
        if wanted.start <= begun.start && begun.end <= wanted.end {
            Ok(config)
        } else {
            Err(format!(
                "seeds = '{seeds}': there are {} already; a range that holds them too adds to them",
                self.seeds
            ))
        }
    }

    /// Looks at every value, and spells estimators out.
    pub(crate) fn finish(mut self) -> Result<Self, String> {
        let whole = [
            ("latents", self.latents, 1),
            ("categories", self.categories, 2),
            ("batch", self.batch, 1),
            ("epochs", self.epochs, 1),
            ("steps-per-epoch", self.steps_per_epoch, 1),
        ];
        for (name, value, least) in whole {
            if value < least {
                return Err(format!("{name} = {value}: it must be at least {least}"));
            }
        }
        // Tensors have fewer than 2^32 elements, and optimisers count steps in 32 bits.
        let products = [
            ("latents", self.latents, "categories", self.categories),
            ("latents", self.latents, "batch", self.batch),
            ("epochs", self.epochs, "steps-per-epoch", self.steps_per_epoch),
        ];
        for (name, value, other, factor) in products {
            if value.checked_mul(factor).is_none() {
                return Err(format!("{name} = {value} times {other} = {factor}: the product must be below 2^32"));
            }
        }
        let positive = [("tau", self.tau), ("lr", self.lr)];
        let powers = self.power.iter().map(|power| ("power", *power));
        for (name, value) in positive.into_iter().chain(powers) {
            if !(value > 0.0 && value.is_finite()) {
                return Err(format!("{name} = {value}: it must be positive and finite"));
            }
        }
        if !self.target.is_finite() {
            return Err(format!("target = {}: it must be finite", self.target));
        }
        if self.power.is_empty() || self.estimator.is_empty() {
            return Err("there must be at least one power and one estimator".to_owned());
        }
        let tau = self.tau;
        self.estimator = self
            .estimator
            .iter()
            .map(|text| {
                let choice = Choice::from_str(text)?;
                choice.check_categories(self.categories as usize)?;
                choice.check_draws(self.batch as usize).map_err(|error| format!("batch = {}: {error}", self.batch))?;
                Ok(choice.with_defaults(tau).spelled())
            })
            .collect::<Result<_, String>>()?;
        // Two runs of the same name could not be told apart in metrics.jsonl.
        if let Some(twice) = repeated(&self.estimator) {
            return Err(format!("estimator {twice} is given twice; give each once"));
        }
        if let Some(twice) = repeated(&self.power) {
            return Err(format!("power {twice} is given twice; give each once"));
        }
        let seeds = self.seed_range()?;
        let runs = (self.estimator.len() as u64).saturating_mul(self.power.len() as u64);
        if runs.saturating_mul(seeds.end - seeds.start) > MAX_RUNS {
            return Err(format!("seeds = '{}': that makes more than {MAX_RUNS} runs; give fewer seeds", self.seeds));
        }
        Ok(self)
    }

    /// The seeds: `A..B` without B. One number is refused: who writes 3 may mean three seeds, or seed 3.
    fn seed_range(&self) -> Result<std::ops::Range<u64>, String> {
        let text = &self.seeds;
        let number = |part: &str| part.trim().parse::<u64>();
        if let Ok(n) = number(text) {
            return Err(format!(
                "seeds = '{text}': give a range: 0..{n} for {n} of them, or {} for number {n} alone",
                one_seed(n)
            ));
        }
        let range = text.split_once("..").and_then(|(start, end)| Some(number(start).ok()?..number(end).ok()?));
        let range = range.ok_or_else(|| format!("seeds = '{text}': give a range such as 0..10"))?;
        if range.start == u64::MAX {
            Err(format!("seeds = '{text}': the greatest seed is {}", u64::MAX - 1))
        } else if range.is_empty() {
            Err(format!("seeds = '{text}': the range is empty; its end is not part of it"))
        } else {
            Ok(range)
        }
    }

    /// All runs in the order of the results: estimator, power, seed.
    pub(crate) fn jobs(&self) -> Result<Vec<Job>, String> {
        let seeds = self.seed_range()?;
        let mut jobs = Vec::new();
        for text in &self.estimator {
            let choice = text.parse()?;
            for power in &self.power {
                jobs.extend(seeds.clone().map(|seed| Job { choice, power: *power, seed }));
            }
        }
        Ok(jobs)
    }
}

/// The first element that equals an earlier one.
fn repeated<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter().enumerate().find(|(at, x)| list.iter().take(*at).any(|earlier| earlier == *x)).map(|(_, x)| x)
}
