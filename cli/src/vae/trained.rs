//! A model that a run has left, for the laboratory: what its code is drawn from, and what it loses at each state of it.

use std::path::Path;

use rayon::prelude::*;
use reinmax::{Draws, Host, Memory, Result, Tape, measure};

use super::config::Config;
use super::data::{Data, Images};
use super::model::Network;
use super::saved::ModelFile;
use crate::task::Task;

/// Codes that are decoded by one pass, and by one recording.
const BATCH: usize = 256;
const PART: usize = 1024;

/// A model, and the images that it was tested on.
#[derive(Debug)]
pub(crate) struct Trained {
    /// Of the run, and how far it is.
    pub(crate) name: String,
    config: Config,
    network: Network,
    params: Vec<f32>,
    images: Images,
}

impl Trained {
    /// The model of a file of `run vae`, finished or not; images from `data` where it is given, as `--data` says it.
    pub(crate) fn read(path: &Path, data: Option<&str>) -> std::result::Result<Self, String> {
        let named = |error: String| format!("{}: {error}", path.display());
        let file = std::fs::read(path).map_err(|error| named(error.to_string()))?;
        let file = ModelFile::parse(&file).map_err(named)?;
        let config: Config = toml::from_str(file.settings().map_err(named)?).map_err(|e| named(e.to_string()))?;
        if config.task != Config::NAME {
            return Err(named(format!("it is of the task '{}', and not of run {}", config.task, Config::NAME)));
        }
        let data = data.map_or_else(|| config.data.clone(), str::to_owned);
        let config = Config { data, ..config }.checked().map_err(named)?;
        let Data { test: images, .. } = Data::load(&config.data)?;
        config.check_params(&images).map_err(named)?;
        let network = Network::new(&config, images.pixels());
        let params = file.params(&network).map_err(named)?;
        let (run, epochs) = (file.run().map_err(named)?, file.epochs().map_err(named)?.len());
        let name = format!("{run} after {epochs} epoch{}", if epochs == 1 { "" } else { "s" });
        Ok(Trained { name, config, network, params, images })
    }

    pub(crate) fn latents(&self) -> usize {
        self.config.latents as usize
    }

    pub(crate) fn categories(&self) -> usize {
        self.config.categories as usize
    }

    /// How many images there are.
    pub(crate) fn images(&self) -> usize {
        self.images.len()
    }

    /// The logits of an image's code, latents x categories.
    pub(crate) fn logits(&self, host: Host, image: usize) -> Result<Vec<f32>> {
        let image = self.image(image);
        let record = |tape: &mut Tape<'_, Host>| self.network.record_logits(tape, &self.params, &image);
        let footprint = measure(host, |tape| record(tape).map(drop))?;
        let mut memory = Memory::new(&footprint);
        let mut tape = Tape::with_backend(memory.slabs(), host);
        let logits = record(&mut tape)?;
        Ok(tape.value(logits)?.to_vec())
    }

    /// The cross-entropy of an image in nats at each of these states (latents numbers each), and its gradient with
    /// respect to their one-hot vectors (states x latents x categories).
    pub(crate) fn losses(&self, host: Host, image: usize, states: &[u32]) -> Result<(Vec<f64>, Vec<f32>)> {
        let image = self.image(image);
        // Parts do not depend on the threads that share them.
        let parts = states.par_chunks(PART * self.latents()).map(|states| self.losses_of_part(host, &image, states));
        let parts: Vec<(Vec<f64>, Vec<f32>)> = parts.collect::<Result<_>>()?;
        let (losses, upstreams): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        Ok((losses.concat(), upstreams.concat()))
    }

    fn losses_of_part(&self, host: Host, image: &[f32], states: &[u32]) -> Result<(Vec<f64>, Vec<f32>)> {
        let (latents, categories) = (self.latents(), self.categories());
        let record = |tape: &mut Tape<'_, Host>| self.network.record_codes(tape, &self.params, (image, BATCH as u32));
        let footprint = measure(host, |tape| record(tape).map(drop))?;
        let mut memory = Memory::new(&footprint);
        let mut tape = Tape::with_backend(memory.slabs(), host);
        let recorded = record(&mut tape)?;
        let (mut losses, mut upstreams) = (Vec::new(), Vec::new());
        let mut one_hot = vec![0.0; BATCH * latents * categories];
        for states in states.chunks(BATCH * latents) {
            one_hot.fill(0.0);
            for (row, z) in one_hot.chunks_mut(categories).zip(states) {
                row[*z as usize] = 1.0;
            }
            tape.set(recorded.codes, &one_hot)?;
            tape.zero_grad()?;
            tape.replay(recorded.start, Draws::Stream)?;
            tape.backward_with(recorded.reconstruction, &[1.0; BATCH])?;
            let count = states.len() / latents;
            losses.extend(tape.value(recorded.reconstruction)?.iter().take(count).map(|loss| f64::from(*loss)));
            upstreams.extend(tape.grad(recorded.codes)?.iter().take(count * latents * categories));
        }
        Ok((losses, upstreams))
    }

    /// Its pixels.
    fn image(&self, number: usize) -> Vec<f32> {
        let mut pixels = vec![0.0; self.images.pixels()];
        self.images.copy([number].into_iter(), &mut pixels);
        pixels
    }
}
