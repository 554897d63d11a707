//! Reference vectors; see `tests/golden/README.md`.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A file of cases.
#[derive(Debug, Deserialize)]
pub struct File<C> {
    /// The cases, in the order of the file.
    pub cases: Vec<C>,
}

/// A forced sample and its gradient.
#[derive(Debug, Deserialize)]
#[allow(missing_docs, reason = "named as in the files' README")]
pub struct Case {
    pub id: String,
    pub k: usize,
    #[serde(default = "one")]
    pub tau: f32,
    pub logits: Vec<f32>,
    #[serde(default)]
    pub upstream: Vec<f32>,
    pub sample: Vec<u32>,
    pub grad: Vec<f64>,
    #[serde(default)]
    pub upstream_prob: Vec<f32>,
    #[serde(default)]
    pub gumbel: Vec<f32>,
    #[serde(default)]
    pub loss: Vec<f32>,
    #[serde(default = "one")]
    pub tau_forward: f32,
    #[serde(default = "one")]
    pub tau_backward: f32,
    #[serde(default)]
    pub soft_forward: Vec<f64>,
    #[serde(default)]
    pub repeats: u32,
    #[serde(default)]
    pub exponential: Vec<f32>,
}

fn one() -> f32 {
    1.0
}

impl Case {
    /// What tolerances are relative to.
    pub fn scale(&self) -> f64 {
        let inputs = self.upstream.iter().chain(&self.upstream_prob).chain(&self.loss);
        let greatest = inputs.fold(0.0_f32, |greatest, x| greatest.max(x.abs()));
        f64::from(greatest) * f64::from(1.0 / self.tau.min(self.tau_backward)).max(1.0)
    }
}

/// Loads `tests/golden/<name>.json`.
///
/// # Panics
/// Where the file is missing or malformed.
pub fn load<C: DeserializeOwned>(name: &str) -> Vec<C> {
    let path = format!("{}/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: File<C> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(!file.cases.is_empty(), "{path} has no cases");
    file.cases
}

/// The polynomial task with a batch of draws: losses and gradients.
#[derive(Debug, Deserialize)]
pub struct Objective {
    /// Its name in the file.
    pub id: String,
    /// The power p of the loss.
    pub pnorm: f32,
    /// What the variables should be.
    pub target: f32,
    /// Samples.
    pub batch: usize,
    /// Variables of two categories.
    pub latent: usize,
    /// Logits, latent x 2.
    pub theta: Vec<f32>,
    /// The draws, batch x latent.
    pub sample: Vec<u32>,
    /// The batch's mean loss.
    pub loss: f64,
    /// The expected loss.
    pub exact_loss: f64,
    /// Its gradient.
    pub exact_grad: Vec<f64>,
    /// Straight-Through's gradient.
    pub grad_st_tau1: Vec<f64>,
    /// ReinMax's gradient.
    pub grad_reinmax_tau1: Vec<f64>,
    /// REINFORCE's gradient.
    pub grad_reinforce: Vec<f64>,
}

/// The files hold samples as batch x latent; a sample node has latent x draws.
pub fn by_latent(sample: &[u32], batch: usize, latent: usize) -> Vec<u32> {
    (0..latent).flat_map(|l| (0..batch).map(move |b| sample[b * latent + l])).collect()
}
