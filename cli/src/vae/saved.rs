//! What a run keeps while it goes on, and the model that it leaves: a file in the format of safetensors, with the
//! parameters by the names and shapes that PyTorch gives them. Until the last epoch the optimiser's state goes with
//! them, and the run can be resumed.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use super::model::Network;
use super::{Epoch, Job};
use crate::estimators::Choice;
use crate::folder::Folder;

/// The tensor of the optimiser's state.
const STATE: &str = "optimizer.state";
/// The entry of the head that has the epochs so far.
const EPOCHS: &str = "epochs";

/// A run after some epochs.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) params: Vec<f32>,
    /// Empty after the last epoch.
    pub(super) state: Vec<f32>,
    pub(super) epochs: Vec<Epoch>,
}

/// The file of a run.
pub(super) fn name(job: &Job) -> String {
    format!("{}-seed-{}.safetensors", job.choice.spelled().replace(':', "-"), job.seed)
}

/// Whether a run may have written a file of this name.
pub(super) fn is_model(file: &str) -> bool {
    let parts = file.strip_suffix(".safetensors").and_then(|stem| stem.rsplit_once("-seed-"));
    parts.is_some_and(|(choice, seed)| {
        seed.parse::<u64>().is_ok() && choice.replacen('-', ":", 1).parse::<Choice>().is_ok()
    })
}

impl Saved {
    /// Writes the file of a run.
    pub(super) fn write(&self, folder: &Folder, job: &Job, network: &Network) -> Result<(), String> {
        let bytes = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|x| x.to_le_bytes()).collect() };
        let mut tensors = Vec::new();
        for (name, shape, range) in network.tensors() {
            tensors.push((name, shape, bytes(self.params.get(range).unwrap_or_default())));
        }
        if !self.state.is_empty() {
            tensors.push((STATE.to_owned(), vec![self.state.len()], bytes(&self.state)));
        }
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", name(job));
        let views: Result<Vec<_>, _> = tensors
            .iter()
            .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
            .collect();
        let views = views.map_err(|error: safetensors::SafeTensorError| failed(&error))?;
        let epochs = serde_json::to_string(&self.epochs).map_err(|error| failed(&error))?;
        let head = HashMap::from([(EPOCHS.to_owned(), epochs), ("run".to_owned(), job.to_string())]);
        let file = serialize(views, Some(head)).map_err(|error| failed(&error))?;
        folder.write(&name(job), &file)
    }

    /// Reads the file of a run, if there is one.
    pub(super) fn read(folder: &Folder, job: &Job, network: &Network) -> Result<Option<Self>, String> {
        let path = folder.path().join(name(job));
        let failed =
            |error: &dyn std::fmt::Display| format!("{}: {error}; move it away to begin the run anew", path.display());
        let file = match std::fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let (_, head) = SafeTensors::read_metadata(&file).map_err(|error| failed(&error))?;
        let epochs = head.metadata().as_ref().and_then(|head| head.get(EPOCHS));
        let epochs = epochs.ok_or_else(|| failed(&"it names no epochs"))?;
        let epochs = serde_json::from_str(epochs).map_err(|error| failed(&error))?;
        let tensors = SafeTensors::deserialize(&file).map_err(|error| failed(&error))?;
        let mut params = Vec::with_capacity(network.params());
        for (name, shape, _) in network.tensors() {
            let tensor = tensors.tensor(&name).map_err(|error| failed(&error))?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
                let (dtype, theirs) = (tensor.dtype(), tensor.shape());
                return Err(failed(&format!("{name} is {dtype:?} {theirs:?}, and this run's F32 {shape:?}")));
            }
            params.extend(floats(tensor.data()));
        }
        let state = tensors.tensor(STATE).map(|tensor| floats(tensor.data()).collect()).unwrap_or_default();
        Ok(Some(Saved { params, state, epochs }))
    }
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.chunks_exact(4).filter_map(|four| Some(f32::from_le_bytes(*four.first_chunk()?)))
}
