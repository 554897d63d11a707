//! `gradient`: what core computes for the forced samples and the given noise of a file.

use std::io::Read;
use std::path::Path;

use reinmax::categorical::softmax;
use reinmax::estimator::draw_antithetic;
use reinmax::kernel::softmax::AddSoftmaxVjp;
use reinmax::{Backend, Estimator, GradientInputs, GumbelRao, GumbelSoftmax, Host, ReinMaxRao};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::estimators::{self, Choice, Kind, Visitor};
use crate::scores::{Drawn, Scores};
use crate::{Failure, machine, print};

/// ReinMax for a loss that reads the probabilities too.
const WITH_PROB_GRAD: &str = "reinmax_with_prob_grad";

/// Names of reference vectors that are no estimator's, and the estimators behind them.
const ALIASES: [(&str, &str); 3] =
    [("gst_gap1", "gapped_st:gap=1"), ("gst_gapp", "gapped_st:gap=adaptive"), (WITH_PROB_GRAD, "reinmax")];

#[derive(Debug, Deserialize)]
struct Vectors {
    estimator: String,
    /// Read one by one, so that an error can name its case.
    cases: Vec<Value>,
}

/// A case; which of the optional fields it needs depends on the estimator.
#[derive(Debug)]
struct Case {
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
    /// What antithetic pairs were drawn from.
    uniform: Option<Vec<f32>>,
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
    let host = machine::host()?;
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
    let alias = ALIASES.iter().find(|(alias, _)| *alias == estimator);
    let choice: Result<Choice, String> = alias.map_or(estimator.as_str(), |(_, spelled)| spelled).parse();
    let choice = choice.map_err(|error| Failure::error(format!("{name}: {error}")))?;
    let through_probs = estimator == WITH_PROB_GRAD;
    let one = |(at, case): (usize, Value)| {
        let called = match case.get("id").and_then(Value::as_str) {
            Some(id) => format!("case '{id}'"),
            None => format!("case {at} (counted from 0)"),
        };
        let gradient = || {
            let id = field(&case, "id")?.unwrap_or_else(|| at.to_string());
            Ok(Gradient { id, grad: Case::read(&case)?.gradient(choice, through_probs, host)? })
        };
        gradient().map_err(|error: String| format!("{name}: {called}: {error}"))
    };
    let cases = cases.into_iter().enumerate().map(one).collect::<Result<_, String>>().map_err(Failure::error)?;
    let json = serde_json::to_string(&Gradients { estimator, cases });
    let json = json.map_err(|error| Failure::error(error.to_string()))?;
    print(&(json + "\n")).map_err(Failure::error)
}

impl Case {
    fn read(case: &Value) -> Result<Self, String> {
        Ok(Case {
            rows: required(case, "rows")?,
            k: required(case, "k")?,
            tau: field(case, "tau")?,
            tau_forward: field(case, "tau_forward")?,
            tau_backward: field(case, "tau_backward")?,
            logits: required(case, "logits")?,
            sample: required(case, "sample")?,
            upstream: field(case, "upstream")?,
            upstream_prob: field(case, "upstream_prob")?,
            gumbel: field(case, "gumbel")?,
            repeats: field(case, "repeats")?,
            exponential: field(case, "exponential")?,
            loss: field(case, "loss")?,
            uniform: field(case, "uniform")?,
        })
    }

    /// The gradient, if all of its numbers are finite: JSON has no others. `through_probs` adds that of
    /// `upstream_prob`.
    fn gradient(&self, named: Choice, through_probs: bool, host: Host) -> Result<Vec<f32>, String> {
        let k = self.k;
        let len = self.check_sizes()?;
        let choice = self.completed(named)?;
        choice.check_categories(k)?;
        let (mut probs, mut grad) = (vec![0.0; len], vec![0.0; len]);
        softmax(&host, &self.logits, k, 1.0, &mut probs).map_err(|error| error.to_string())?;
        self.add_gradient(choice, host, &probs, &mut grad)?;
        if through_probs {
            let upstream = needed(&self.upstream_prob, "upstream_prob", len)?;
            host.run(AddSoftmaxVjp { probs: &probs, upstream, k, scale: 1.0, grad: &mut grad });
        }
        match grad.iter().position(|x| !x.is_finite()) {
            Some(at) => Err(format!("grad[{at}] is beyond the range of f32; scale the upstream gradient or loss down")),
            None => Ok(grad),
        }
    }

    /// Compares the sizes that every estimator needs, and looks at the forced samples; rows times k.
    fn check_sizes(&self) -> Result<usize, String> {
        let (rows, k, samples) = (self.rows, self.k, self.sample.len());
        let len = rows.checked_mul(k).ok_or_else(|| format!("rows = {rows} times k = {k} is too large"))?;
        if self.logits.len() != len {
            return Err(format!("rows = {rows} and k = {k} ask for {len} logits; there are {}", self.logits.len()));
        }
        if samples < rows || !samples.is_multiple_of(rows) {
            return Err(format!("rows = {rows} ask for as many samples, or a multiple; there are {samples}"));
        }
        match self.sample.iter().position(|index| *index as usize >= k) {
            Some(at) => Err(format!("sample[{at}] = {}: an index must be below k = {k}", self.sample[at])),
            None => Ok(len),
        }
    }

    /// The estimator with those of its parameters that the file's name leaves to the case.
    fn completed(&self, named: Choice) -> Result<Choice, String> {
        let fields = [
            ("tau", "tau", self.tau),
            ("tau_forward", "tau_forward", self.tau_forward),
            ("tau_backward", "tau_backward", self.tau_backward),
            ("repeats", "relaxed_samples", self.repeats.map(|repeats| repeats as f32)),
        ];
        let mut choice = named;
        for (field, parameter, value) in fields.into_iter().filter(|(_, parameter, _)| named.has(parameter)) {
            match (named.parameters().get(parameter), value) {
                // What is compared with other implementations should not rest on a default that nobody sees.
                (None, None) => {
                    let name = named.name();
                    return Err(format!(
                        "{}; give it, or {parameter}= in the name, as in {name}:{parameter}=1",
                        missing(field)
                    ));
                }
                (None, Some(value)) => choice
                    .set(parameter, &value.to_string())
                    .map_err(|error| format!("the field '{field}': {error}"))?,
                (Some(given), Some(value)) if *given != estimators::Value::Number(value) => {
                    return Err(format!(
                        "{field} = {value}, but the estimator has {parameter} = {given}; give one of them"
                    ));
                }
                _ => {}
            }
        }
        Ok(choice)
    }

    fn add_gradient(&self, choice: Choice, host: Host, probs: &[f32], grad: &mut [f32]) -> Result<(), String> {
        let kind = choice.kind();
        if !matches!(kind, Kind::GumbelRao | Kind::ReinMaxRao) {
            return choice.visit(Addition { case: self, choice, host, probs, grad });
        }
        // These two make their noise while they compute; a file's takes another way in.
        let (tau, relaxed_samples) = (choice.number("tau"), choice.number("relaxed_samples") as u32);
        let len = self.logits.len().checked_mul(relaxed_samples as usize);
        let len = len.ok_or("relaxed_samples: too many for this machine")?;
        let (inputs, noise) = (self.inputs(probs)?, needed(&self.exponential, "exponential", len)?);
        let added = if kind == Kind::GumbelRao {
            GumbelRao { tau, relaxed_samples }.backward_with_exponentials(&host, inputs, noise, grad)
        } else {
            ReinMaxRao { tau, relaxed_samples }.backward_with_exponentials(&host, inputs, noise, grad)
        };
        added.map_err(|error| error.to_string())
    }

    /// What estimators that work from the upstream gradient read, one draw for each row.
    fn inputs<'a>(&'a self, probs: &'a [f32]) -> Result<GradientInputs<'a>, String> {
        if self.sample.len() != self.rows {
            return Err(format!("sample has {} indices where {} are needed", self.sample.len(), self.rows));
        }
        let upstream = needed(&self.upstream, "upstream", self.logits.len())?;
        let (logits, index) = (&self.logits, &self.sample);
        Ok(GradientInputs { logits, probs, index, saved: &[], upstream, k: self.k, draws: 1, column: None })
    }

    /// Logits plus the file's Gumbel noise; its samples must be their argmax.
    fn perturbed(&self) -> Result<Vec<f32>, String> {
        let noise = needed(&self.gumbel, "gumbel", self.logits.len())?;
        let (mut index, mut saved) = (vec![0; self.rows], vec![0.0; self.logits.len()]);
        // The draw does not depend on the temperature.
        GumbelSoftmax::default()
            .draw_with_gumbel(&self.logits, self.k, 1, noise, &mut index, &mut saved)
            .map_err(|error| error.to_string())?;
        self.check_drawn(&index, "logits + gumbel are greatest")?;
        Ok(saved)
    }

    /// The file's uniform numbers; its samples must be the antithetic pairs that they give.
    fn uniforms(&self, probs: &[f32]) -> Result<&[f32], String> {
        let uniforms = needed(&self.uniform, "uniform", self.sample.len() / 2)?;
        let mut index = vec![0; self.sample.len()];
        draw_antithetic(probs, self.k, uniforms, &mut index).map_err(|error| error.to_string())?;
        self.check_drawn(&index, "the uniform numbers draw, u and then 1 - u,")?;
        Ok(uniforms)
    }

    /// Refuses samples that are not what the file's noise gives.
    fn check_drawn(&self, drawn: &[u32], noise: &str) -> Result<(), String> {
        match drawn.iter().zip(&self.sample).position(|(drawn, given)| drawn != given) {
            Some(at) => Err(format!("sample[{at}] is {}, but {noise} {}", self.sample[at], drawn[at])),
            None => Ok(()),
        }
    }
}

/// Adds the gradient of a case.
struct Addition<'a> {
    case: &'a Case,
    choice: Choice,
    host: Host,
    probs: &'a [f32],
    grad: &'a mut [f32],
}

impl Visitor for Addition<'_> {
    type Out = Result<(), String>;

    fn exact(self) -> Result<(), String> {
        Err("exact takes the losses of all states, and this file has samples; `compare gradients --file` reads losses"
            .to_owned())
    }

    fn upstream<E: Estimator + Sync>(self, estimator: E) -> Result<(), String> {
        let Addition { case, choice, host, probs, grad } = self;
        let saved = match choice.kind() {
            Kind::GumbelSoftmax | Kind::DecoupledGumbel => case.perturbed()?,
            // Room that only a draw would fill.
            Kind::DecoupledSt => vec![0.0; case.rows * estimator.saved_per_draw(case.k)],
            _ => Vec::new(),
        };
        let inputs = GradientInputs { saved: &saved, ..case.inputs(probs)? };
        estimator.backward(&host, inputs, grad).map_err(|error| error.to_string())
    }

    fn scores(self, scores: Scores) -> Result<(), String> {
        let Addition { case, choice, host, probs, grad } = self;
        let draws = case.sample.len().checked_div(case.rows).unwrap_or(0);
        choice.check_draws(draws).map_err(|error| format!("sample has {draws} for each row: {error}"))?;
        let losses = needed(&case.loss, "loss", case.sample.len())?;
        let uniforms = if choice.kind() == Kind::Arm { case.uniforms(probs)? } else { &[] };
        let drawn = Drawn::given(case.sample.clone(), uniforms.to_vec());
        scores.gradient(host, probs, case.k, &drawn, losses, grad).map_err(|error| error.to_string())
    }
}

/// A field of a case, where there is one.
fn field<T: DeserializeOwned>(case: &Value, name: &str) -> Result<Option<T>, String> {
    match case.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(rows)) if rows.iter().any(Value::is_array) => {
            Err(format!("{name} is nested; matrices are flat and row-major: [[1, 2], [3, 4]] is [1, 2, 3, 4]"))
        }
        Some(value) => T::deserialize(value).map(Some).map_err(|error| format!("{name}: {error}")),
    }
}

fn required<T: DeserializeOwned>(case: &Value, name: &str) -> Result<T, String> {
    field(case, name)?.ok_or_else(|| missing(name))
}

fn missing(name: &str) -> String {
    format!("the field '{name}' is missing")
}

/// A field that this estimator cannot do without: `len` finite numbers.
fn needed<'a>(field: &'a Option<Vec<f32>>, name: &str, len: usize) -> Result<&'a [f32], String> {
    let values = field.as_deref().ok_or_else(|| missing(name))?;
    if values.len() != len {
        return Err(format!("{name} has {} numbers where {len} are needed", values.len()));
    }
    match values.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(format!("{name}[{at}] is not a finite f32")),
        None => Ok(values),
    }
}
