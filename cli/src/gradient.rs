//! `gradient`: what core computes for the forced samples and the given noise of a file.

use std::io::Read;
use std::path::Path;

use reinmax::categorical::softmax;
use reinmax::kernel::softmax::AddSoftmaxVjp;
use reinmax::{
    Backend, Darn, DecoupledGumbel, DecoupledSt, Estimator, Gap, GappedSt, GradientInputs, GumbelRao, GumbelSoftmax,
    Host, Mve, ReinMax, ReinMaxRao, Reinforce, ScoreEstimator, ScoreInputs, StraightThrough,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Failure, print};

const AVAILABLE: &str = "st, reinmax, reinmax_with_prob_grad, stgs, decoupled_stgs, decoupled_st, gst_gap1, gst_gapp, \
    gr_mck, darn, reinmax_rao, mve, reinforce";

#[derive(Debug, Deserialize)]
struct Vectors {
    estimator: String,
    /// Read one by one, so that an error can name its case.
    cases: Vec<Value>,
}

/// A case; which of the optional fields it needs depends on the estimator.
#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    rows: usize,
    k: usize,
    tau: Option<f32>,
    tau_forward: Option<f32>,
    tau_backward: Option<f32>,
    logits: Vec<f32>,
    sample: Vec<u32>,
    upstream: Option<Vec<f32>>,
    upstream_prob: Option<Vec<f32>>,
    gumbel: Option<Vec<f32>>,
    /// Relaxed samples of a gradient, and the noise of each category for all of them.
    repeats: Option<u32>,
    exponential: Option<Vec<f32>>,
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
    let one = |(at, case): (usize, Value)| {
        let called = match case.get("id").and_then(Value::as_str) {
            Some(id) => format!("case '{id}'"),
            None => format!("case {at} (counted from 0)"),
        };
        let gradient = Case::deserialize(case).map_err(|error| error.to_string()).and_then(|case| {
            let grad = case.gradient(&estimator, host)?;
            Ok(Gradient { id: case.id, grad })
        });
        gradient.map_err(|error| format!("{name}: {called}: {error}"))
    };
    let cases = cases.into_iter().enumerate().map(one).collect::<Result<_, String>>().map_err(Failure::error)?;
    let json = serde_json::to_string(&Gradients { estimator, cases });
    let json = json.map_err(|error| Failure::error(error.to_string()))?;
    print(&(json + "\n")).map_err(Failure::error)
}

impl Case {
    /// The gradient, if all of its numbers are finite: JSON has no others.
    fn gradient(&self, estimator: &str, host: Host) -> Result<Vec<f32>, String> {
        let grad = self.unchecked_gradient(estimator, host)?;
        match grad.iter().position(|x| !x.is_finite()) {
            Some(at) => Err(format!("grad[{at}] is beyond the range of f32; scale the upstream gradient or loss down")),
            None => Ok(grad),
        }
    }

    fn unchecked_gradient(&self, estimator: &str, host: Host) -> Result<Vec<f32>, String> {
        let say = |error: reinmax::Error| error.to_string();
        self.check_sizes()?;
        let (len, k) = (self.logits.len(), self.k);
        let (mut probs, mut grad) = (vec![0.0; len], vec![0.0; len]);
        softmax(&host, &self.logits, k, 1.0, &mut probs).map_err(say)?;
        if estimator == "reinforce" {
            let losses = needed(&self.loss, "loss", self.rows)?;
            let inputs = ScoreInputs { probs: &probs, index: &self.sample, losses, k, draws: 1 };
            Reinforce { baseline: 0.0 }.gradient(&host, inputs, &mut grad).map_err(say)?;
            return Ok(grad);
        }
        let upstream = needed(&self.upstream, "upstream", len)?;
        let (logits, index) = (&self.logits, &self.sample);
        let inputs = GradientInputs { logits, probs: &probs, index, saved: &[], upstream, k, draws: 1, column: None };
        self.add_gradient(estimator, host, inputs, &mut grad)?;
        Ok(grad)
    }

    /// Estimators that work from the upstream gradient.
    fn add_gradient(
        &self,
        estimator: &str,
        host: Host,
        inputs: GradientInputs<'_>,
        grad: &mut [f32],
    ) -> Result<(), String> {
        let added = match estimator {
            "st" => StraightThrough { tau: self.tau()? }.backward(&host, inputs, grad),
            "stgs" => {
                let (tau, saved) = (self.tau()?, self.perturbed()?);
                GumbelSoftmax { tau }.backward(&host, GradientInputs { saved: &saved, ..inputs }, grad)
            }
            "decoupled_stgs" => {
                let ((tau_forward, tau_backward), saved) = (self.taus()?, self.perturbed()?);
                let inputs = GradientInputs { saved: &saved, ..inputs };
                DecoupledGumbel { tau_forward, tau_backward }.backward(&host, inputs, grad)
            }
            "decoupled_st" => {
                let (tau_forward, tau_backward) = self.taus()?;
                let estimator = DecoupledSt { tau_forward, tau_backward };
                // Room that only a draw would fill.
                let saved = vec![0.0; self.rows * estimator.saved_per_draw(self.k)];
                estimator.backward(&host, GradientInputs { saved: &saved, ..inputs }, grad)
            }
            "gst_gap1" => GappedSt { tau: self.tau()?, gap: Gap::Constant(1.0) }.backward(&host, inputs, grad),
            "gst_gapp" => GappedSt { tau: self.tau()?, gap: Gap::Adaptive }.backward(&host, inputs, grad),
            "gr_mck" => {
                let (draws, noise) = self.exponentials()?;
                GumbelRao { tau: self.tau()?, relaxed_samples: draws }
                    .backward_with_exponentials(&host, inputs, noise, grad)
            }
            "reinmax_rao" => {
                let (draws, noise) = self.exponentials()?;
                ReinMaxRao { tau: self.tau()?, relaxed_samples: draws }
                    .backward_with_exponentials(&host, inputs, noise, grad)
            }
            "darn" => Darn.backward(&host, inputs, grad),
            "mve" => Mve.backward(&host, inputs, grad),
            _ => ReinMax { tau: self.tau()? }.backward(&host, inputs, grad),
        };
        added.map_err(|error| error.to_string())?;
        if estimator == "reinmax_with_prob_grad" {
            let upstream = needed(&self.upstream_prob, "upstream_prob", grad.len())?;
            host.run(AddSoftmaxVjp { probs: inputs.probs, upstream, k: self.k, scale: 1.0, grad });
        }
        Ok(())
    }

    fn tau(&self) -> Result<f32, String> {
        temperature("tau", self.tau)
    }

    fn taus(&self) -> Result<(f32, f32), String> {
        Ok((temperature("tau_forward", self.tau_forward)?, temperature("tau_backward", self.tau_backward)?))
    }

    /// The number of relaxed samples and their noise, rows x k x repeats.
    fn exponentials(&self) -> Result<(u32, &[f32]), String> {
        let repeats = self.repeats.ok_or("the field 'repeats' is missing")?;
        let len = self.logits.len().checked_mul(repeats as usize);
        let len = len.ok_or_else(|| format!("repeats = {repeats} is too large"))?;
        Ok((repeats, needed(&self.exponential, "exponential", len)?))
    }

    /// Compares the sizes that every estimator needs, and looks at the forced samples.
    fn check_sizes(&self) -> Result<(), String> {
        let (rows, k) = (self.rows, self.k);
        let len = rows.checked_mul(k).ok_or_else(|| format!("rows = {rows} times k = {k} is too large"))?;
        if self.logits.len() != len || self.sample.len() != rows {
            return Err(format!(
                "rows = {rows} and k = {k} ask for {len} logits and {rows} samples; there are {} and {}",
                self.logits.len(),
                self.sample.len()
            ));
        }
        match self.sample.iter().position(|index| *index as usize >= k) {
            Some(row) => Err(format!("sample[{row}] = {}: an index must be below k = {k}", self.sample[row])),
            None => Ok(()),
        }
    }

    /// Logits plus the file's Gumbel noise; its samples must be their argmax.
    fn perturbed(&self) -> Result<Vec<f32>, String> {
        let noise = needed(&self.gumbel, "gumbel", self.logits.len())?;
        let (mut index, mut saved) = (vec![0; self.rows], vec![0.0; self.logits.len()]);
        // The draw does not depend on the temperature.
        GumbelSoftmax::default()
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

fn temperature(name: &str, tau: Option<f32>) -> Result<f32, String> {
    match tau {
        Some(tau) if tau > 0.0 && tau.is_finite() => Ok(tau),
        Some(tau) => Err(format!("{name} = {tau}: a temperature is positive and finite")),
        None => Err(format!("the field '{name}' is missing")),
    }
}

/// A field that this estimator cannot do without: `len` finite numbers.
fn needed<'a>(field: &'a Option<Vec<f32>>, name: &str, len: usize) -> Result<&'a [f32], String> {
    let values = field.as_deref().ok_or_else(|| format!("the field '{name}' is missing"))?;
    if values.len() != len {
        return Err(format!("{name} has {} numbers where {len} are needed", values.len()));
    }
    match values.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(format!("{name}[{at}] is not a finite f32")),
        None => Ok(values),
    }
}
