//! What `run` and its folders ask of a training task: its settings, its runs, and what a run gives.

use std::fmt::Display;

use reinmax::Host;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::folder::Folder;

/// The settings of a task; everything else follows from them.
pub(crate) trait Task: Serialize + DeserializeOwned + Default + Clone + Sync {
    /// On the command line, in results, and in the names of folders.
    const NAME: &'static str;
    /// Whether a run has enough work for threads of its own.
    const LARGE: bool = false;
    /// One training run of a folder. No two have the same name.
    type Job: Serialize + DeserializeOwned + Display + Copy + Send + Sync;
    /// What one epoch of a run gives.
    type Epoch: Serialize + DeserializeOwned + Copy + Send + Sync;
    /// What all runs read.
    type Data: Sync;

    /// The version that began the run; empty in a file written by hand.
    fn version(&self) -> &str;

    /// How many epochs a run has.
    fn epochs(&self) -> u32;

    /// Settings that every task has.
    fn common(&mut self) -> Common<'_>;

    /// Looks at every value, and spells estimators out.
    fn finish(self) -> Result<Self, String>;

    /// All runs, in the order of the results; those that differ in seeds only are neighbours.
    fn jobs(&self) -> Result<Vec<Self::Job>, String>;

    /// The name of the runs that differ from this one in seeds only.
    fn group(job: &Self::Job) -> String;

    /// Reads what training needs.
    fn load(&self) -> Result<Self::Data, String>;

    /// All epochs of a run, fewer where `go_on`, which is called after each, says so.
    fn train(&self, run: Run<'_, Self>, go_on: impl FnMut() -> bool) -> Result<Vec<Self::Epoch>, String>;

    /// Writes the results of a folder whose runs are all done.
    fn write_results(&self, data: &Self::Data, folder: &Folder, runs: &[Done<Self>]) -> Result<(), String>;

    /// Whether `write_results` or `train` may have written a file of this name.
    fn is_result(name: &str) -> bool;
}

/// Settings that every task has.
pub(crate) struct Common<'a> {
    pub(crate) version: &'a mut String,
    /// `A..B`.
    pub(crate) seeds: &'a mut String,
    /// In a file in place of `seeds`.
    pub(crate) seed: &'a mut Option<u64>,
}

/// One run, and what it works with.
pub(crate) struct Run<'a, T: Task> {
    pub(crate) job: T::Job,
    pub(crate) data: &'a T::Data,
    pub(crate) host: Host,
    /// For what an unfinished run keeps.
    pub(crate) folder: &'a Folder,
}

/// The one object of `--format json`, and of summary.json: the settings, and a result for each run.
pub(crate) fn report<T: Task, E: Serialize>(config: &T, results: &[E]) -> Result<String, String> {
    #[derive(Serialize)]
    struct Report<'a, T, E> {
        task: &'static str,
        version: &'static str,
        config: &'a T,
        results: &'a [E],
    }
    let report = Report { task: T::NAME, version: env!("CARGO_PKG_VERSION"), config, results };
    serde_json::to_string(&report).map_err(|error| error.to_string())
}

/// A run with all of its epochs.
pub(crate) type Done<T> = (<T as Task>::Job, Vec<<T as Task>::Epoch>);
