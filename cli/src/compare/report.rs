//! What the laboratory reports of an estimator, and the forms of the report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::moments::{cosine, norm};
use super::tally::Tally;
use crate::estimators::{Choice, Value, spelled, spelled_parameters};
use crate::statistics::fixed;

/// Numbers of draws whose mean is looked at.
const MEANS: [u64; 5] = [1, 10, 100, 1_000, 10_000];

/// A bias below this is f32 rounding: there is no number of draws beyond which it would matter.
const ROUNDING: f64 = 1e-5;

/// A bias counts as found where it is so many times what noise alone would show.
const SIGNIFICANT: f64 = 3.0;

/// One estimator on one problem, or on all images of one table. Norms are relative to that of the exact gradient.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    estimator: &'static str,
    /// In a picture.
    #[serde(skip)]
    pub(crate) label: String,
    parameters: BTreeMap<&'static str, Value>,
    /// "enumerated" or "Monte Carlo".
    pub(crate) method: &'static str,
    draws: u64,
    /// |mean - exact|.
    pub(crate) relative_bias: f64,
    /// What an unbiased estimator would show with these draws: root of variance / draws; 0 where enumerated.
    relative_bias_noise: f64,
    /// Root of the expected squared distance from the mean.
    pub(crate) relative_std: f64,
    /// Norm of the mean gradient. The paper's script divides bias and standard deviation by it: so do these two,
    /// divided by this.
    relative_mean: f64,
    /// Of a gradient with the exact one, in the mean (over images, too); 0 for a gradient of zeros.
    cosine: f64,
    /// Of the mean gradient with the exact one: what the paper calls cosine similarity.
    cosine_of_mean: f64,
    /// Expected squared error of one gradient.
    mse: f64,
    mse_of_mean: Vec<MeanOf>,
    /// The number of draws where squared bias overtakes the variance of their mean; none where no bias was found.
    crossing: Option<f64>,
    microseconds_per_gradient: f64,
    /// Of the mean of the draws against the enumerated mean.
    chi_squared: Option<f64>,
    degrees_of_freedom: Option<usize>,
    /// L x k, image after image.
    mean: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct MeanOf {
    draws: u64,
    mse: f64,
}

impl Entry {
    /// Of the problems that are looked at as one, in order: their gradients stand beside each other.
    /// A bias up to `rounding` counts as none.
    pub(crate) fn new(choice: Choice, tallies: &[Tally], exact: &[f64], draws: u64, rounding: f64) -> Self {
        let size = norm(exact);
        let problems = tallies.len() as f64;
        let sum = |of: fn(&Tally) -> f64| tallies.iter().map(of).sum::<f64>();
        let enumerated = tallies.iter().all(|tally| tally.enumerated);
        let bias: Vec<f64> = tallies.iter().flat_map(|tally| tally.bias.iter().copied()).collect();
        let mean: Vec<f64> = bias.iter().zip(exact).map(|(bias, exact)| bias + exact).collect();
        let relative_bias = norm(&bias) / size;
        let variance = sum(|tally| tally.variance) / size.powi(2);
        let noise = if enumerated { 0.0 } else { (variance / draws as f64).sqrt() };
        // What noise adds to a squared bias, in the mean, is taken off.
        let squared_bias = (relative_bias.powi(2) - noise.powi(2)).max(0.0);
        let found = relative_bias > ROUNDING.max(rounding) && relative_bias > SIGNIFICANT * noise;
        let chi: Option<Vec<(f64, usize)>> = tallies.iter().map(|tally| tally.chi_squared).collect();
        let mse = |n: u64| squared_bias + variance / n as f64;
        Entry {
            estimator: choice.name(),
            label: choice.label(),
            parameters: choice.parameters(),
            method: if enumerated { "enumerated" } else { "Monte Carlo" },
            draws,
            relative_bias,
            relative_bias_noise: noise,
            relative_std: variance.sqrt(),
            relative_mean: norm(&mean) / size,
            cosine: sum(|tally| tally.cosine) / problems,
            cosine_of_mean: cosine(&mean, exact),
            mse: mse(1),
            mse_of_mean: MEANS.iter().map(|n| MeanOf { draws: *n, mse: mse(*n) }).collect(),
            crossing: found.then(|| (variance / squared_bias).max(1.0)),
            microseconds_per_gradient: sum(|tally| tally.microseconds) / problems,
            // Draws for different problems are independent.
            chi_squared: chi.as_ref().map(|chi| chi.iter().map(|(chi, _)| chi).sum()),
            degrees_of_freedom: chi.map(|chi| chi.iter().map(|(_, rank)| rank).sum()),
            mean,
        }
    }

    /// Whether more than rounding and noise was found.
    pub(crate) fn has_bias(&self) -> bool {
        self.crossing.is_some()
    }

    /// Name and parameters.
    fn spelled(&self) -> String {
        spelled(self.estimator, &self.parameters)
    }

    /// The cells of a table; `HEADER` names them.
    fn cells(&self) -> Vec<String> {
        let mut cells = vec![
            self.spelled(),
            self.method.to_owned(),
            format!("{:.1e}", self.relative_bias),
            format!("{:.1e}", self.relative_bias_noise),
            format!("{:.1e}", self.relative_std),
            fixed(self.cosine, 3),
            fixed(self.cosine_of_mean, 3),
        ];
        cells.extend(
            self.mse_of_mean
                .iter()
                .filter(|mean| [1, 100, 10_000].contains(&mean.draws))
                .map(|mean| format!("{:.1e}", mean.mse)),
        );
        cells.push(self.crossing.map_or("-".to_owned(), |n| format!("{:.0}", n.ceil())));
        cells.push(format!("{:.2}", self.microseconds_per_gradient));
        cells
    }
}

/// A field of CSV.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

const HEADER: [&str; 12] = [
    "estimator",
    "method",
    "bias",
    "noise floor",
    "std",
    "cos n=1",
    "cos of mean",
    "MSE n=1",
    "n=100",
    "n=10000",
    "crossing n",
    "us",
];

/// One table.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) problem: String,
    /// How many problems it is of, where they are images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) images: Option<u64>,
    /// These three of each image.
    pub(crate) variables: usize,
    pub(crate) k: usize,
    pub(crate) states: usize,
    /// The mean over images.
    pub(crate) expected_loss: f64,
    /// L x k, image after image.
    pub(crate) exact: Vec<f64>,
    pub(crate) results: Vec<Entry>,
}

impl Section {
    fn title(&self) -> String {
        let (states, loss, size) = (self.states, self.expected_loss, norm(&self.exact));
        format!("{}: {states} states, expected loss {loss:.6}, |exact gradient| {size:.6}", self.problem)
    }
}

/// Everything; the one object of `--format json` and of gradients.json.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    task: &'static str,
    version: &'static str,
    seed: u64,
    problems: Vec<Section>,
}

impl Report {
    pub(crate) fn new(seed: u64, problems: Vec<Section>) -> Self {
        Report { task: "compare gradients", version: env!("CARGO_PKG_VERSION"), seed, problems }
    }

    pub(crate) fn sections(&self) -> &[Section] {
        &self.problems
    }

    pub(crate) fn json(&self) -> Result<String, String> {
        serde_json::to_string(self).map_err(|error| error.to_string())
    }

    pub(crate) fn csv(&self) -> String {
        let mut text = "problem,estimator,parameters,method,draws,relative_bias,relative_bias_noise,relative_std,\
            relative_mean,cosine,cosine_of_mean,mse,crossing,microseconds_per_gradient\n"
            .to_owned();
        for section in &self.problems {
            for entry in &section.results {
                let parameters = spelled_parameters(&entry.parameters, ";");
                let crossing = entry.crossing.map_or_else(String::new, |n| n.to_string());
                let Entry { relative_bias, relative_bias_noise, relative_std, relative_mean, .. } = entry;
                let Entry { cosine, cosine_of_mean, mse, .. } = entry;
                let _ = writeln!(
                    text,
                    "{},{},{},{},{},{relative_bias},{relative_bias_noise},{relative_std},{relative_mean},{cosine},{cosine_of_mean},{mse},{crossing},{}",
                    quoted(&section.problem),
                    entry.estimator,
                    parameters,
                    entry.method,
                    entry.draws,
                    entry.microseconds_per_gradient
                );
            }
        }
        text
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let entries = self.problems.iter().flat_map(|section| &section.results);
        let names = entries.map(|entry| entry.spelled().len()).max().unwrap_or(0).max(HEADER[0].len());
        let mut line = |cells: &[String]| {
            for (at, cell) in cells.iter().enumerate() {
                let width = if at == 0 { names } else { 11 };
                let _ = if at < 2 { write!(text, "{cell:<width$} ") } else { write!(text, "{cell:>width$} ") };
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        };
        for section in &self.problems {
            line(&[section.title()]);
            line(&HEADER.map(str::to_owned));
            section.results.iter().for_each(|entry| line(&entry.cells()));
        }
        text
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for section in &self.problems {
            let rule = ["|---|---|", &"---:|".repeat(HEADER.len() - 2)].concat();
            let _ = writeln!(text, "{}\n\n| {} |\n{rule}", section.title(), HEADER.join(" | "));
            for entry in &section.results {
                let _ = writeln!(text, "| {} |", entry.cells().join(" | "));
            }
            text.push('\n');
        }
        text
    }
}
