//! The command line of the laboratory.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::problem::Builtin;
use crate::args::NO_NUMBER;
use crate::estimators;

#[derive(Debug, Subcommand)]
pub(crate) enum Comparison {
    /// Bias, variance and time of each estimator's gradient, against the exact one
    #[command(after_help = GRADIENTS, after_long_help = estimators::help(GRADIENTS))]
    Gradients(Box<GradientsArgs>),
    /// Training curves of each estimator on the polynomial task, at the best of the temperatures given
    #[command(after_help = POLYNOMIAL, after_long_help = estimators::help(POLYNOMIAL))]
    Polynomial(Box<SweepArgs>),
}

const GRADIENTS: &str = "\
Examples:
  reinmax-cli compare gradients                                  every estimator for k = 4, on a quadratic, L = 4
  reinmax-cli compare gradients --problem quartic --latents 8 --categories 2
  reinmax-cli compare gradients --problem toy --degree 1.5 --latents 12 --categories 2
  reinmax-cli compare gradients --estimator reinmax --estimator reinmax:tau=1.3 --draws 1000000 --out lab
  reinmax-cli compare gradients --file tests/golden/exact_enumeration.json --case poly9 --format json
  reinmax-cli compare gradients --model runs/vae-1/reinmax-tau=1.3-seed-0.safetensors --images 0..100 --draws 1000

All k^L states are enumerated (2^20 at most; of a --model 2^26 numbers, states times k times L), with sums in double
precision. An estimator whose only noise is the drawn categories is enumerated too (\"enumerated\": no error of
sampling); any other is drawn from (\"Monte Carlo\"), and \"noise floor\" is the bias that an unbiased one would show with
so many draws. The mean of n draws has a squared error of bias^2 + variance / n; beyond n = \"crossing\" the bias is the
greater part. Bias, std and MSE are relative to the exact gradient's norm (squared); \"cos n=1\" is the mean cosine of one
gradient with the exact one (0 where a gradient is 0), \"cos of mean\" that of the mean gradient. The paper's script gives
the latter, and divides bias and std by the mean gradient's norm (in JSON and CSV \"relative_mean\"). Results do not
depend on --threads. The files of --out (gradients.json, gradients.svg) are written anew each time.

The variables of a --model are an image's code, and its loss is what the decoder loses at each of the k^L codes, in nats.
All images make one table, as if their gradients were one long vector: a batch's, at the logits. Only \"cos n=1\" is a
mean over images. The divergence is left out: its gradient does not depend on the draw.

A file: {\"cases\": [{\"id\", \"variables\", \"k\", \"logits\", \"f\": {\"monomials\": [{\"coef\", \"vars\": [[variable, category,
exponent], ..]}], \"affine_powers\": [{\"coef\", \"power\", \"bias\", \"weights\"}]}}, ..]}";

const POLYNOMIAL: &str = "\
Examples:
  reinmax-cli compare polynomial --out sweep                every estimator, tau 0.5, 1 and 1.5, ten seeds: an hour on
                                                            two cores, most of it for gumbel_rao and reinmax_rao
  reinmax-cli compare polynomial --out sweep --shard 2/8    the second of eight jobs, in any order
  reinmax-cli compare polynomial --out sweep                again: goes on, or finds nothing left and prints the table
  reinmax-cli compare polynomial --out near --estimator reinmax --estimator st --tau 1,1.1,1.3 --seeds 0..3

Below --out there is a folder for each estimator and temperature, as `run polynomial` makes them; shards share out these
folders, also over machines: copied into one --out they are one sweep. What is done is never done twice. When the last
folder is done, comparison.json and comparison.svg hold every temperature and the curves of the best one of each
estimator: that of the lowest final loss, averaged over the seeds that are shown. Where that is the lowest or the
highest of the temperatures, a better one may lie beyond (gumbel_softmax's is far below 0.5: --tau 0.05,0.1,0.5).";

/// How the laboratory's results are printed on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table
    Human,
    /// One object
    Json,
    /// A line for each estimator on each problem, or at each temperature
    Csv,
    /// A table for a document
    Markdown,
}

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub(crate) struct GradientsArgs {
    /// Estimator, with parameters after a colon (--help lists all); repeatable [default: all that
    /// take so many categories]
    #[arg(long, value_name = "NAME")]
    pub(crate) estimator: Vec<String>,
    /// A loss that is built in
    #[arg(long, value_enum, default_value = "quadratic")]
    pub(crate) problem: Builtin,
    /// Number of variables
    #[arg(long, default_value_t = 4)]
    pub(crate) latents: usize,
    /// Categories of each variable
    #[arg(long, default_value_t = 4)]
    pub(crate) categories: usize,
    /// Of multilinear: variables in a product; of toy: the exponent
    #[arg(long)]
    pub(crate) degree: Option<f64>,
    /// For the coefficients and logits of built-in problems, and for the draws
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Problems from a file
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["problem", "latents", "categories", "degree"])]
    pub(crate) file: Option<PathBuf>,
    /// One case of the file
    #[arg(long, value_name = "ID", requires = "file")]
    pub(crate) case: Option<String>,
    /// A model that `run vae` has left: what it loses by reconstructing images
    #[arg(long, value_name = "FILE.safetensors",
          conflicts_with_all = ["problem", "latents", "categories", "degree", "file", "case"])]
    pub(crate) model: Option<PathBuf>,
    /// Of --model: test images, the end not included [default: 0..10]
    #[arg(long, value_name = "A..B", requires = "model")]
    pub(crate) images: Option<String>,
    /// Of --model: its images, where they are not where it was trained
    #[arg(long, value_name = "DIR", requires = "model")]
    pub(crate) data: Option<String>,
    /// Gradients drawn from each estimator, for each image
    #[arg(long, default_value_t = 100_000)]
    pub(crate) draws: u64,
    /// How many threads share the work [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) threads: Option<u32>,
    /// What stdout gets
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
    /// Folder for the results and a picture of bias against standard deviation
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Only errors on stderr
    #[arg(long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub(crate) struct SweepArgs {
    /// Estimator, with parameters after a colon (--help lists all); repeatable [default: all that
    /// take so many categories and samples]
    #[arg(long, value_name = "NAME")]
    pub(crate) estimator: Vec<String>,
    /// Temperatures, separated by commas, for every estimator that is given without one
    #[arg(long, value_delimiter = ',', default_value = "0.5,1,1.5")]
    pub(crate) tau: Vec<f32>,
    /// Seeds, the end not included: 0..3 are three
    #[arg(long, value_name = "A..B", default_value = "0..10")]
    pub(crate) seeds: String,
    /// Exponent p
    #[arg(long, default_value_t = 2.0, value_parser = one_power)]
    pub(crate) power: f32,
    /// Number of variables
    #[arg(long, default_value_t = 128)]
    pub(crate) latents: u32,
    /// Categories of each variable
    #[arg(long, default_value_t = 2)]
    pub(crate) categories: u32,
    /// Samples a step
    #[arg(long, default_value_t = 64)]
    pub(crate) batch: u32,
    /// Number of epochs: a curve has a point for each
    #[arg(long, default_value_t = 40)]
    pub(crate) epochs: u32,
    /// Steps in an epoch
    #[arg(long, default_value_t = 200)]
    pub(crate) steps_per_epoch: u32,
    /// Learning rate
    #[arg(long, default_value_t = 1e-3)]
    pub(crate) lr: f32,
    /// The constant c
    #[arg(long, default_value_t = 0.45)]
    pub(crate) target: f32,
    /// Take the I-th of N parts of the folders
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    pub(crate) shard: String,
    /// How many runs go side by side [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) threads: Option<u32>,
    /// Folder for all runs; an existing one is continued, also with more --seeds
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// What stdout gets when every folder is done
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
    /// Only errors on stderr
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// `run polynomial` takes several exponents; a sweep compares at one.
fn one_power(text: &str) -> Result<f32, String> {
    let several = "give one number; for several, one sweep after the other, each with its own --out";
    text.parse().map_err(|_| if text.contains(',') { several } else { NO_NUMBER }.to_owned())
}
