//! Settings that tasks have in common: how they are read, written and compared; seeds.

use std::fmt::Display;
use std::ops::Range;
use std::path::Path;

use clap::ValueEnum;
use reinmax::Host;
use reinmax::optim::{Adam, Optimizer, RAdam, Sgd};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Failure;
use crate::estimators::Choice;
use crate::task::{Common, Task};

/// The update rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OptimizerName {
    Adam,
    Radam,
    Sgd,
}

impl OptimizerName {
    /// Floats of state for so many parameters.
    pub(crate) fn state_len(self, params: usize) -> usize {
        match self {
            OptimizerName::Adam => Adam::state_len(params),
            OptimizerName::Radam => RAdam::state_len(params),
            // Without momentum.
            OptimizerName::Sgd => 0,
        }
    }

    /// One step of this rule at a learning rate; `step` counts from 1.
    pub(crate) fn step(
        self,
        host: &Host,
        (lr, step): (f32, u32),
        (params, grads): (&mut [f32], &[f32]),
        state: &mut [f32],
    ) -> reinmax::Result<()> {
        match self {
            OptimizerName::Adam => Adam::new(lr).step_on(host, step, params, grads, state),
            OptimizerName::Radam => RAdam::new(lr).step_on(host, step, params, grads, state),
            OptimizerName::Sgd => Sgd::new(lr).step_on(host, step, params, grads, state),
        }
    }
}

/// Options that say how to run, not what.
const NOT_SETTINGS: [&str; 7] = ["threads", "config", "out", "overwrite", "resume", "format", "quiet"];

/// More runs than this are a slip of the pen; all of their curves are kept in memory.
pub(crate) const MAX_RUNS: u64 = 1_000_000;

/// `power = 2` is as good as `power = [2]`.
pub(crate) fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
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

/// A number is no range, but the error that says so should be the one of the command line.
pub(crate) fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
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

/// A configuration file, by hand or from a run folder. One that is no TOML fails; what it says wrongly is wrong usage.
pub(crate) fn read<T: Task>(path: &Path) -> Result<T, Failure> {
    let named = |error: &dyn Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| Failure::error(named(&error)))?;
    let table: toml::Table = text.parse().map_err(|error| Failure::error(named(&error)))?;
    if let Some(option) = NOT_SETTINGS.iter().find(|option| table.contains_key(**option)) {
        return Err(Failure::usage(named(&format!("{option} is no setting; give --{option} on the command line"))));
    }
    if let Some(task) = table.get("task").filter(|task| task.as_str() != Some(T::NAME)) {
        return Err(Failure::usage(named(&format!("it is of the task {task}, and this is run {}", T::NAME))));
    }
    if table.contains_key("seed") && table.contains_key("seeds") {
        return Err(Failure::usage(named(&"seed and seeds stand there both; give one of them")));
    }
    // From the text again, not from the table: its errors show the line.
    let mut config: T = toml::from_str(&text).map_err(|error| Failure::usage(named(&error)))?;
    let Common { seeds, seed, .. } = config.common();
    if let Some(seed) = seed.take() {
        *seeds = one_seed(seed);
    }
    Ok(config)
}

/// As a configuration file, a line for each setting.
pub(crate) fn text<T: Task>(config: &T) -> Result<String, String> {
    toml::to_string(config).map_err(|error| error.to_string())
}

/// What would have to change for `wanted`, as in `lr = 0.001, not 0.5`; empty where nothing would.
pub(crate) fn differences<T: Task>(config: &T, wanted: &T) -> Result<String, String> {
    differences_of(&text(config)?, &text(wanted)?)
}

/// The same of two configuration files.
pub(crate) fn differences_of(ours: &str, theirs: &str) -> Result<String, String> {
    let read = |text: &str| text.parse::<toml::Table>().map_err(|error| error.to_string());
    let (ours, theirs) = (read(ours)?, read(theirs)?);
    let value = |table: &toml::Table, key| table.get(key).map_or_else(|| "the default".to_owned(), ToString::to_string);
    let keys = ours.keys().chain(theirs.keys().filter(|key| !ours.contains_key(*key)));
    let differ = keys.filter(|key| ours.get(*key) != theirs.get(*key));
    let differ = differ.map(|key| format!("{key} = {}, not {}", value(&ours, key), value(&theirs, key)));
    Ok(differ.collect::<Vec<_>>().join("; "))
}

/// The same runs and those of further seeds.
pub(crate) fn with_more_seeds<T: Task>(begun: &T, seeds: &str) -> Result<T, String> {
    let mut config = begun.clone();
    let had = std::mem::replace(config.common().seeds, seeds.to_owned());
    let (begun, wanted) = (seed_range(&had)?, seed_range(seeds)?);
    if wanted.start <= begun.start && begun.end <= wanted.end {
        config.finish()
    } else {
        Err(format!("seeds = '{seeds}': there are {had} already; a range that holds them too adds to them"))
    }
}

/// One seed, as a range.
pub(crate) fn one_seed(seed: u64) -> String {
    format!("{seed}..{}", seed.saturating_add(1))
}

/// The seeds: `A..B` without B.
pub(crate) fn seed_range(text: &str) -> Result<Range<u64>, String> {
    range("seeds", text)
}

/// `A..B` without B. One number is refused: who writes 3 may mean three of them, or number 3.
pub(crate) fn range(name: &str, text: &str) -> Result<Range<u64>, String> {
    let number = |part: &str| part.trim().parse::<u64>();
    if let Ok(n) = number(text) {
        return Err(format!(
            "{name} = '{text}': give a range: 0..{n} for {n} of them, or {} for number {n} alone",
            one_seed(n)
        ));
    }
    let range = text.split_once("..").and_then(|(start, end)| Some(number(start).ok()?..number(end).ok()?));
    let range = range.ok_or_else(|| format!("{name} = '{text}': give a range such as 0..10"))?;
    if range.start == u64::MAX {
        Err(format!("{name} = '{text}': the greatest is {}", u64::MAX - 1))
    } else if range.is_empty() {
        Err(format!("{name} = '{text}': the range is empty; its end is not part of it"))
    } else {
        Ok(range)
    }
}

/// Refuses more runs than anybody means: so many for each seed.
pub(crate) fn check_runs(seeds: &str, for_each_seed: u64) -> Result<(), String> {
    let range = seed_range(seeds)?;
    if for_each_seed.saturating_mul(range.end - range.start) > MAX_RUNS {
        return Err(format!("seeds = '{seeds}': that makes more than {MAX_RUNS} runs; give fewer seeds"));
    }
    Ok(())
}

/// Refuses whole numbers below the least that is possible: (name, value, least).
pub(crate) fn check_least(values: &[(&str, u32, u32)]) -> Result<(), String> {
    match values.iter().find(|(_, value, least)| value < least) {
        Some((name, value, least)) => Err(format!("{name} = {value}: it must be at least {least}")),
        None => Ok(()),
    }
}

/// Refuses two numbers whose product does not fit 32 bits: (name, value, other name, other value).
pub(crate) fn check_product((name, value, other, factor): (&str, u32, &str, u32)) -> Result<(), String> {
    match value.checked_mul(factor) {
        Some(_) => Ok(()),
        None => Err(format!("{name} = {value} times {other} = {factor}: the product must be below 2^32")),
    }
}

/// Refuses numbers that are not positive and finite, and so small ones that their reciprocal is not.
pub(crate) fn check_positive<'a>(mut values: impl Iterator<Item = (&'a str, f32)>) -> Result<(), String> {
    match values.find(|(_, value)| !is_positive(*value)) {
        Some((name, value)) => Err(format!("{name} = {value}: it must be positive and finite")),
        None => Ok(()),
    }
}

/// Whether a number and its reciprocal are positive and finite: what a temperature is.
pub(crate) fn is_positive(x: f32) -> bool {
    x > 0.0 && x.is_finite() && x.recip().is_finite()
}

/// Estimators with all of their parameters, which `complete` fills in; each once.
pub(crate) fn spelled_out(
    estimators: &[String],
    categories: u32,
    complete: impl Fn(Choice) -> Result<Choice, String>,
) -> Result<Vec<String>, String> {
    let spelled = |text: &String| {
        let choice: Choice = text.parse()?;
        choice.check_categories(categories as usize)?;
        Ok(complete(choice)?.spelled())
    };
    let spelled: Vec<String> = estimators.iter().map(spelled).collect::<Result<_, String>>()?;
    // Two runs of the same name could not be told apart in metrics.jsonl.
    match repeated(&spelled) {
        Some(twice) => Err(format!("estimator {twice} is given twice; give each once")),
        None => Ok(spelled),
    }
}

/// The first element that equals an earlier one.
pub(crate) fn repeated<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter().enumerate().find(|(at, x)| list.iter().take(*at).any(|earlier| earlier == *x)).map(|(_, x)| x)
}
