//! The polynomial task: L categorical variables, loss mean over l of |X_l - c|^p, X_l the first component of variable
//! l's one-hot vector (section 4.1 of arXiv 2304.08612).

pub(crate) mod args;
pub(crate) mod config;
pub(crate) mod picture;
pub(crate) mod report;
mod train;

use std::fmt::{Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::estimators::Choice;
use crate::folder::Folder;
use crate::settings::seed_range;
use crate::task::{Common, Done, Run, Task};

use config::Config;
use report::Report;

pub(crate) use train::train;

/// One training run of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    #[serde(rename = "estimator")]
    pub(crate) choice: Choice,
    pub(crate) power: f32,
    pub(crate) seed: u64,
}

/// The run's name in messages.
impl Display for Job {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} seed {}", Config::group(self), self.seed)
    }
}

/// What one epoch gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Epoch {
    /// Mean over its steps.
    pub(crate) loss: f64,
    /// Mean over its steps.
    pub(crate) microseconds_per_step: f64,
}

impl Task for Config {
    const NAME: &'static str = "polynomial";
    type Job = Job;
    type Epoch = Epoch;
    type Data = ();

    fn version(&self) -> &str {
        &self.version
    }

    fn epochs(&self) -> u32 {
        self.epochs
    }

    fn common(&mut self) -> Common<'_> {
        Common { version: &mut self.version, seeds: &mut self.seeds, seed: &mut self.seed }
    }

    fn finish(self) -> Result<Self, String> {
        self.checked()
    }

    /// In the order of the results: estimator, power, seed.
    fn jobs(&self) -> Result<Vec<Job>, String> {
        let seeds = seed_range(&self.seeds)?;
        let mut jobs = Vec::new();
        for text in &self.estimator {
            let choice = text.parse()?;
            for power in &self.power {
                jobs.extend(seeds.clone().map(|seed| Job { choice, power: *power, seed }));
            }
        }
        Ok(jobs)
    }

    fn group(job: &Job) -> String {
        format!("{} p = {}", job.choice.spelled(), job.power)
    }

    fn load(&self) -> Result<(), String> {
        Ok(())
    }

    fn train(&self, run: Run<'_, Self>, go_on: impl FnMut() -> bool) -> Result<Vec<Epoch>, String> {
        let epochs = train(self, run.host, run.job, go_on).map_err(|error| error.to_string())?;
        // Neither JSON nor a picture holds another number.
        match epochs.iter().position(|epoch| !epoch.loss.is_finite()) {
            Some(at) => Err(format!("the loss of epoch {} is not finite; try a smaller lr, power or target", at + 1)),
            None => Ok(epochs),
        }
    }

    fn write_results(&self, (): &(), folder: &Folder, runs: &[Done<Self>]) -> Result<(), String> {
        folder.write("summary.json", Report::new(self, runs).json()?.as_bytes())?;
        for power in &self.power {
            let power_of_several = (self.power.len() > 1).then_some(*power);
            let picture = picture::curves(self, *power, runs)?;
            folder.write(&picture_name(power_of_several), picture.as_bytes())?;
        }
        Ok(())
    }

    fn is_result(name: &str) -> bool {
        let power = name.strip_prefix("curve-p").and_then(|rest| rest.strip_suffix(".svg")?.parse::<f32>().ok());
        let power = power.filter(|power| power.is_finite());
        name == "summary.json" || name == picture_name(power)
    }
}

/// The picture of a power, or of the only one.
fn picture_name(power: Option<f32>) -> String {
    power.map_or_else(|| "curve.svg".to_owned(), |power| format!("curve-p{power}.svg"))
}
