//! What a run keeps while it goes on, and the model that it leaves: a file in the format of safetensors, with the
//! parameters by the names and shapes that PyTorch gives those of `Sequential`. Until the last epoch the optimiser's
//! state goes with them, and the run can be resumed.

use std::collections::HashMap;
use std::fmt::Display;

use safetensors::tensor::{Dtype, Metadata, TensorView};
use safetensors::{SafeTensors, serialize};

use super::config::Config;
use super::model::Network;
use super::{Epoch, Job};
use crate::estimators::Choice;
use crate::folder::Folder;
use crate::settings;

/// The tensor of the optimiser's state.
const STATE: &str = "optimizer.state";
/// The entries of the head: the epochs so far, the run's name, the settings without seeds.
const EPOCHS: &str = "epochs";
const RUN: &str = "run";
const SETTINGS: &str = "settings";

/// A run after some epochs.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) params: Vec<f32>,
    /// Empty after the last epoch.
    pub(super) state: Vec<f32>,
    pub(super) epochs: Vec<Epoch>,
}

/// Where a run's file is, and what stands in it.
pub(super) struct Place<'a> {
    pub(super) folder: &'a Folder,
    pub(super) job: &'a Job,
    pub(super) config: &'a Config,
    pub(super) network: &'a Network,
}

/// The file of a run.
fn name(job: &Job) -> String {
    format!("{}-seed-{}.safetensors", job.choice.file_stem(), job.seed)
}

/// Whether a run may have written a file of this name.
pub(super) fn is_model(file: &str) -> bool {
    let job = || {
        let (choice, seed) = file.strip_suffix(".safetensors")?.rsplit_once("-seed-")?;
        let choice: Choice = choice.replacen('-', ":", 1).parse().ok()?;
        // A run's estimator is spelled with all of its parameters.
        (choice == choice.with_defaults(1.0)).then_some(())?;
        Some(Job { choice, seed: seed.parse().ok()? })
    };
    job().is_some_and(|job| name(&job) == file)
}

impl Place<'_> {
    /// Settings that a file is good for; seeds may be added.
    fn settings(&self) -> Result<String, String> {
        let seeds = settings::one_seed(self.job.seed);
        settings::text(&Config { seeds, ..self.config.clone() })
    }

    /// Writes the file of a run.
    pub(super) fn write(&self, saved: &Saved) -> Result<(), String> {
        let failed = |error: &dyn Display| format!("{}: {error}", name(self.job));
        let bytes = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|x| x.to_le_bytes()).collect() };
        let mut tensors = Vec::new();
        for (name, shape, range) in self.network.tensors() {
            tensors.push((name, shape, bytes(saved.params.get(range).unwrap_or_default())));
        }
        if !saved.state.is_empty() {
            tensors.push((STATE.to_owned(), vec![saved.state.len()], bytes(&saved.state)));
        }
        let view = |(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, Vec::clone(shape), bytes)?));
        let views: Result<Vec<_>, safetensors::SafeTensorError> =
            tensors.iter().map(|(name, shape, bytes)| view((name, shape, &bytes[..]))).collect();
        let views = views.map_err(|error| failed(&error))?;
        let epochs = serde_json::to_string(&saved.epochs).map_err(|error| failed(&error))?;
        let head = [(EPOCHS, epochs), (RUN, self.job.to_string()), (SETTINGS, self.settings()?)];
        let head: HashMap<String, String> = head.map(|(key, text)| (key.to_owned(), text)).into();
        let file = serialize(views, Some(head)).map_err(|error| failed(&error))?;
        self.folder.write(&name(self.job), &file)
    }

    /// Reads the file of a run, if there is one.
    pub(super) fn read(&self) -> Result<Option<Saved>, String> {
        let path = self.folder.path().join(name(self.job));
        let saved = match std::fs::read(&path) {
            Ok(file) => self.parsed(&file).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        };
        saved.map_err(|error| format!("{}: {error}; move it away to begin the run anew", path.display()))
    }

    /// What stands in a file, if it is one of this run.
    fn parsed(&self, file: &[u8]) -> Result<Saved, String> {
        let file = ModelFile::parse(file)?;
        if file.run()? != self.job.to_string() {
            return Err(format!("it is of {}", file.run()?));
        }
        let differences = settings::differences_of(file.settings()?, &self.settings()?)?;
        if !differences.is_empty() {
            return Err(format!("it was trained with {differences}"));
        }
        let epochs = file.epochs()?;
        let params = file.params(self.network)?;
        let left = (self.config.epochs as usize).checked_sub(epochs.len());
        let left =
            left.ok_or_else(|| format!("it has {} epochs, and this run {}", epochs.len(), self.config.epochs))?;
        let state = self.config.hyperparameters(self.job.choice).optimizer.state_len(params.len());
        let state = if left == 0 || state == 0 { Vec::new() } else { file.floats(STATE, &[state])? };
        Ok(Saved { params, state, epochs })
    }
}

/// The file of a run, taken apart.
pub(super) struct ModelFile<'a> {
    head: Metadata,
    tensors: SafeTensors<'a>,
}

impl<'a> ModelFile<'a> {
    pub(super) fn parse(file: &'a [u8]) -> Result<Self, String> {
        let failed = |error: safetensors::SafeTensorError| format!("no file of safetensors: {error}");
        let (_, head) = SafeTensors::read_metadata(file).map_err(failed)?;
        Ok(ModelFile { head, tensors: SafeTensors::deserialize(file).map_err(failed)? })
    }

    /// The name of the run that wrote it.
    pub(super) fn run(&self) -> Result<&str, String> {
        self.entry(RUN)
    }

    /// Those that it was trained for.
    pub(super) fn epochs(&self) -> Result<Vec<Epoch>, String> {
        serde_json::from_str(self.entry(EPOCHS)?).map_err(|error| error.to_string())
    }

    /// The run's settings, as a configuration file.
    pub(super) fn settings(&self) -> Result<&str, String> {
        self.entry(SETTINGS)
    }

    fn entry(&self, key: &str) -> Result<&str, String> {
        let entry = self.head.metadata().as_ref().and_then(|head| head.get(key));
        entry.map(String::as_str).ok_or_else(|| format!("its head has no {key}, so no run has written it"))
    }

    /// All parameters of the network, one tensor after the other.
    pub(super) fn params(&self, network: &Network) -> Result<Vec<f32>, String> {
        let mut params = Vec::new();
        for (name, shape, _) in network.tensors() {
            params.extend(self.floats(&name, &shape)?);
        }
        Ok(params)
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let tensor = self.tensors.tensor(name).map_err(|error| error.to_string())?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            let (dtype, theirs) = (tensor.dtype(), tensor.shape());
            return Err(format!("{name} is {dtype:?} {theirs:?}, and this run's F32 {shape:?}"));
        }
        let four = |four: &[u8]| four.first_chunk().copied().map_or(f32::NAN, f32::from_le_bytes);
        let floats: Vec<f32> = tensor.data().chunks_exact(4).map(four).collect();
        if floats.iter().all(|x| x.is_finite()) { Ok(floats) } else { Err(format!("{name} is not finite")) }
    }
}
