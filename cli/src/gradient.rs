//! `gradient`: what core computes for the forced samples and the given noise of a file.

use std::io::{Read, Write};
use std::path::Path;

use reinmax::categorical::softmax;
use reinmax::kernel::softmax::AddSoftmaxVjp;
use reinmax::{
    Backend, Estimator, GradientInputs, GumbelSoftmax, Host, ReinMax, Reinforce, ScoreEstimator, ScoreInputs,
    StraightThrough,
};
use serde::{Deserialize, Serialize};

use crate::Failure;

const AVAILABLE: &str = "st, reinmax, reinmax_with_prob_grad, stgs, reinforce";

#[derive(Debug, Deserialize)]
struct Vectors {
    estimator: String,
    cases: Vec<Case>,
}

/// A case; which of the optional fields it needs depends on the estimator.
#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    rows: usize,
    k: usize,
    tau: Option<f32>,
    logits: Vec<f32>,
    sample: Vec<u32>,
    upstream: Option<Vec<f32>>,
    upstream_prob: Option<Vec<f32>>,
    gumbel: Option<Vec<f32>>,
    loss: Option<Vec<f32>>,
}

#[derive(Debug, Serialize)]
struct Gradients {
    estimator: String,
    cases: Vec<Gradient>,
}

#[derive(Debug, Serialize)]
struct Gradient {
    id: String,
    grad: Vec<f32>,
}

/// Reads a file, prints one object.
pub(crate) fn run(file: &Path) -> Result<(), Failure> {
    let host = Host::from_env().map_err(|error| Failure::usage(format!("REINMAX_LEVEL: {error}")))?;
    let name = file.display();
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| Failure::error(format!("{name}: {error}")))?;
    let vectors: Vectors = serde_json::from_str(&text).map_err(|error| Failure::error(format!("{name}: {error}")))?;
    let Vectors { estimator, cases } = vectors;
    if !AVAILABLE.split(", ").any(|known| known == estimator) {
        return Err(Failure::error(format!("{name}: no estimator '{estimator}' here; available are {AVAILABLE}")));
    }
    let one = |case: &Case| {
        let grad = case.gradient(&estimator, host).map_err(|error| format!("{name}: case '{}': {error}", case.id))?;
        Ok(Gradient { id: case.id.clone(), grad })
    };
    let cases = cases.iter().map(one).collect::<Result<_, String>>().map_err(Failure::error)?;
    let json = serde_json::to_string(&Gradients { estimator, cases });
    let json = json.map_err(|error| Failure::error(error.to_string()))?;
    // A closed pipe is the reader's choice.
    let _ = writeln!(std::io::stdout(), "{json}");
    Ok(())
}

impl Case {
    fn gradient(&self, estimator: &str, host: Host) -> Result<Vec<f32>, String> {
        let say = |error: reinmax::Error| error.to_string();
        if self.logits.len() != self.rows * self.k || self.sample.len() != self.rows {
            return Err(format!(
                "rows = {} and k = {} ask for {} logits and {} samples; there are {} and {}",
                self.rows,
                self.k,
                self.rows * self.k,
                self.rows,
                self.logits.len(),
                self.sample.len()
            ));
        }
        let mut probs = vec![0.0; self.logits.len()];
        let mut grad = vec![0.0; self.logits.len()];
        softmax(&host, &self.logits, self.k, 1.0, &mut probs).map_err(say)?;
        if estimator == "reinforce" {
            let losses = needed(&self.loss, "loss")?;
            let inputs = ScoreInputs { probs: &probs, index: &self.sample, losses, k: self.k, draws: 1 };
            Reinforce { baseline: 0.0 }.gradient(&host, inputs, &mut grad).map_err(say)?;
            return Ok(grad);
        }
        let upstream = needed(&self.upstream, "upstream")?;
        let tau = *self.tau.as_ref().ok_or("the field 'tau' is missing")?;
        let mut saved = Vec::new();
        if estimator == "stgs" {
            saved = self.perturbed(tau)?;
        }
        let (logits, index, k) = (&self.logits, &self.sample, self.k);
        let inputs =
            GradientInputs { logits, probs: &probs, index, saved: &saved, upstream, k, draws: 1, column: None };
        match estimator {
            "st" => StraightThrough { tau }.backward(&host, inputs, &mut grad),
            "stgs" => GumbelSoftmax { tau }.backward(&host, inputs, &mut grad),
            _ => ReinMax { tau }.backward(&host, inputs, &mut grad),
        }
        .map_err(say)?;
        if estimator == "reinmax_with_prob_grad" {
            let upstream = needed(&self.upstream_prob, "upstream_prob")?;
            if upstream.len() != probs.len() {
                return Err(format!("upstream_prob has {} elements where {} are needed", upstream.len(), probs.len()));
            }
            host.run(AddSoftmaxVjp { probs: &probs, upstream, k, scale: 1.0, grad: &mut grad });
        }
        Ok(grad)
    }

    /// Logits plus the file's Gumbel noise; its samples must be their argmax.
    fn perturbed(&self, tau: f32) -> Result<Vec<f32>, String> {
        let noise = needed(&self.gumbel, "gumbel")?;
        let (mut index, mut saved) = (vec![0; self.rows], vec![0.0; self.logits.len()]);
        GumbelSoftmax { tau }
            .draw_with_gumbel(&self.logits, self.k, 1, noise, &mut index, &mut saved)
            .map_err(|error| error.to_string())?;
        match index.iter().zip(&self.sample).position(|(drawn, given)| drawn != given) {
            Some(row) => Err(format!(
                "row {row}: sample is {}, but logits + gumbel are greatest at {}",
                self.sample[row], index[row]
            )),
            None => Ok(saved),
        }
    }
}

/// A field that this estimator cannot do without.
fn needed<'a>(field: &'a Option<Vec<f32>>, name: &str) -> Result<&'a [f32], String> {
    field.as_deref().ok_or_else(|| format!("the field '{name}' is missing"))
}
