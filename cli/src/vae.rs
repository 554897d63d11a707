//! The variational autoencoder with categorical latents (the second experiment of arXiv 2304.08612): images through an
//! encoder to the logits of L variables of C categories, a draw, and through a decoder back. The loss is the negative
//! evidence lower bound, in nats an image.

pub(crate) mod args;
pub(crate) mod config;
mod data;
mod model;
mod paper;
mod picture;
pub(crate) mod report;
mod saved;
mod scored;
mod train;
pub(crate) mod trained;

use std::fmt::{Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::estimators::Choice;
use crate::folder::Folder;
use crate::settings::seed_range;
use crate::task::{Common, Done, Run, Task};

use config::Config;
use data::Data;

/// One training run of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    #[serde(rename = "estimator")]
    pub(crate) choice: Choice,
    pub(crate) seed: u64,
}

/// The run's name in messages.
impl Display for Job {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} seed {}", self.choice.spelled(), self.seed)
    }
}

/// What one epoch gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Epoch {
    /// Negative evidence lower bound, nats an image: the mean over the epoch's steps.
    pub(crate) loss: f64,
    /// The part of it that is the divergence of the codes' distribution from the uniform one; the rest is the
    /// cross-entropy of the pixels.
    pub(crate) divergence: f64,
    /// Those two of the test images, after the epoch.
    pub(crate) test_loss: f64,
    pub(crate) test_divergence: f64,
    /// Mean over its steps.
    pub(crate) microseconds_per_step: f64,
}

impl Task for Config {
    const NAME: &'static str = "vae";
    const LARGE: bool = true;
    type Job = Job;
    type Epoch = Epoch;
    type Data = Data;

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

    /// In the order of the results: estimator, seed.
    fn jobs(&self) -> Result<Vec<Job>, String> {
        let seeds = seed_range(&self.seeds)?;
        let mut jobs = Vec::new();
        for text in &self.estimator {
            let choice = text.parse()?;
            jobs.extend(seeds.clone().map(|seed| Job { choice, seed }));
        }
        Ok(jobs)
    }

    fn group(job: &Job) -> String {
        job.choice.spelled()
    }

    fn load(&self) -> Result<Data, String> {
        let data = Data::load(&self.data)?;
        self.check_images(&data.train)?;
        Ok(data)
    }

    fn train(&self, run: Run<'_, Self>, go_on: impl FnMut() -> bool) -> Result<Vec<Epoch>, String> {
        train::train(self, run, go_on)
    }

    fn write_results(&self, data: &Data, folder: &Folder, runs: &[Done<Self>]) -> Result<(), String> {
        folder.write("summary.json", report::json(self, runs)?.as_bytes())?;
        folder.write("curve.svg", picture::curves(self, runs)?.as_bytes())?;
        folder.write("images.svg", picture::images(self, data, folder, runs)?.as_bytes())
    }

    fn is_result(name: &str) -> bool {
        ["summary.json", "curve.svg", "images.svg"].contains(&name) || saved::is_model(name)
    }
}
