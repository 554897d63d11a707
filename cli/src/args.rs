//! The command line, and the help that goes with it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use reinmax::Numerics;
use serde::{Deserialize, Serialize};

use crate::bench::kernel_names;
use crate::compare::args::Comparison;
use crate::estimators;
use crate::polynomial::args::{self as polynomial, PolynomialArgs};
use crate::vae::args::{self as vae, VaeArgs};

const EXAMPLES: &str = "\
Examples:
  reinmax-cli run polynomial
  reinmax-cli run polynomial --estimator reinmax:tau=1.1 --estimator st --power 1.5,3 --seeds 0..3
  reinmax-cli run vae
  reinmax-cli compare gradients --problem cubic
  reinmax-cli gradient tests/golden/reinmax.json

Results go to stdout, progress and errors to stderr.

Exit codes:
  0    done
  1    failed: a file that cannot be read, understood or written, or a computation without a finite result
  2    wrong usage: an option, or a setting of a configuration file, that is not possible
  130  interrupted with Ctrl-C; what is done is kept

Environment:
  REINMAX_LEVEL  instruction set, in place of the widest that this machine has; results are the same (but for fast
                 numerics, in the last bits), times are not: scalar everywhere; sse2, avx2, avx512 (x86), neon (Arm),
                 simd128 (WebAssembly) where they are; `bench --level` takes precedence";

/// Gradients through discrete choices: experiments of the ReinMax paper (arXiv 2304.08612), and a laboratory that
/// compares estimators.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an experiment of the paper
    Run {
        #[command(subcommand)]
        experiment: Experiment,
    },
    /// Compare estimators with each other and with exact gradients
    Compare {
        #[command(subcommand)]
        what: Comparison,
    },
    /// Measure what kernels and a training step cost on this machine
    #[command(after_help = "Examples:
  reinmax-cli bench                                    everything, on the widest level, about a minute
  reinmax-cli bench --kernel softmax --kernel memcpy --shape 8192x2 --shape 128x128
  reinmax-cli bench polynomial --level all
  reinmax-cli bench kernels --threads 1,2 --format json > bench.json

Times are medians of interleaved rounds, in nanoseconds an element. memcpy copies the same bytes: the limit of what is
out of cache. Levels: those of scalar, sse2, avx2, avx512, neon and simd128 that this machine has; all is each of them.")]
    Bench(BenchArgs),
    /// Compute an estimator's gradients for the forced samples of a file, as JSON on stdout
    #[command(after_help = GRADIENT, after_long_help = estimators::help(GRADIENT))]
    Gradient {
        /// The file, or - for standard input
        file: PathBuf,
    },
}

const GRADIENT: &str = "\
Examples:
  reinmax-cli gradient tests/golden/reinmax.json > gradients.json
  reinmax-cli gradient - < tests/golden/stgs.json

The file: {\"estimator\": NAME, \"cases\": [{\"id\", \"rows\", \"k\", \"logits\", \"sample\", ..}]}; matrices are flat and row-major.
A case without an id gets its number, from 0. NAME is spelled as for --estimator of the other commands. Temperatures and
relaxed_samples that it leaves out have no default here and stand in each case: tau, or tau_forward and tau_backward;
repeats for relaxed_samples. The names of tests/golden are good too: gst_gap1 is gapped_st:gap=1, gst_gapp is
gapped_st:gap=adaptive, and reinmax_with_prob_grad is reinmax with upstream_prob [rows, k] besides.

What else a case has:
  reinforce, rloo, arm, disarm       loss [rows, draws], and sample is [rows, draws]: 2 draws or more for rloo, antithetic
                                     pairs side by side for arm and disarm; the gradient is the mean over draws or pairs
  arm                                uniform [rows, pairs]: category 0 where u, and for the second 1 - u, is below its
                                     probability
  all others                         upstream [rows, k]
  gumbel_softmax, decoupled_gumbel   gumbel [rows, k]
  gumbel_rao, reinmax_rao            exponential [rows, k, repeats]
  exact                              is refused: it needs the losses of all states";

#[derive(Debug, Subcommand)]
pub(crate) enum Experiment {
    /// Minimise E |X - c|^p over binary variables, or others with --categories, with each estimator
    #[command(after_help = polynomial::HELP, after_long_help = estimators::help(polynomial::HELP))]
    Polynomial(Box<PolynomialArgs>),
    /// Train an autoencoder of images whose code is categorical, with each estimator
    #[command(after_help = vae::HELP, after_long_help = vae::long_help())]
    Vae(Box<VaeArgs>),
}

/// How results are printed on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table
    Human,
    /// One object
    Json,
    /// A line a run
    Csv,
}

/// How a task is run.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Seeds, the end not included: 0..3 are three [default: 0..10; vae: 0..3]
    #[arg(long, value_name = "A..B")]
    pub(crate) seeds: Option<String>,
    /// One seed
    #[arg(long, conflicts_with = "seeds")]
    pub(crate) seed: Option<u64>,
    /// Settings: any of the options above, as below in the example; the command line wins
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,
    /// How many runs go side by side; of vae one that is alone has all of them [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) threads: Option<u32>,
    /// Folder for the run [default: runs/TASK-N]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace the run that --out names
    #[arg(long, requires = "out")]
    pub(crate) overwrite: bool,
    /// Finish the run of a folder with the settings it was begun with, and by the version that began it; --seeds may
    /// add seeds
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "overwrite", "config", "seed", "settings"])]
    pub(crate) resume: Option<PathBuf>,
    /// What stdout gets
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: Format,
    /// Only errors on stderr
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Of a value that is not read.
pub(crate) const NO_NUMBER: &str = "give a number";

/// What `bench` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchSubject {
    /// softmax, draws, backward passes, matrix products
    Kernels,
    /// A training step of `run polynomial`
    Polynomial,
}

/// How measurements are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchFormat {
    /// A table
    Human,
    /// One object
    Json,
}

/// What a kernel promises about bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NumericsName {
    /// The same bits on every level
    Portable,
    /// Fused multiply-adds, library products
    Fast,
}

impl From<NumericsName> for Numerics {
    fn from(name: NumericsName) -> Self {
        match name {
            NumericsName::Portable => Numerics::Portable,
            NumericsName::Fast => Numerics::Fast,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// What to measure [default: both; kernels where --kernel or --shape is given]
    #[arg(value_enum)]
    pub(crate) subject: Option<BenchSubject>,
    /// Instruction set, or all; repeatable [default: REINMAX_LEVEL, or the widest]
    #[arg(long)]
    pub(crate) level: Vec<String>,
    /// What is promised about bits; repeatable
    #[arg(long, default_values = ["portable"])]
    pub(crate) numerics: Vec<NumericsName>,
    /// Threads of a kernel, as in 1,2
    #[arg(long, default_values_t = [1], value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Vec<u16>,
    #[arg(long, value_name = "NAME", help = format!("One of {}; repeatable [default: all]", kernel_names()))]
    pub(crate) kernel: Vec<String>,
    /// One shape; repeatable; linear and tape have sizes of their own [default: nineteen from 8192x2 to 16384x1000]
    #[arg(long, value_name = "ROWSxK", value_parser = shape)]
    pub(crate) shape: Vec<(usize, usize)>,
    /// Rounds that medians are taken over
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,
    /// What stdout gets
    #[arg(long, value_enum, default_value = "human")]
    pub(crate) format: BenchFormat,
    /// Only errors on stderr
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// `8192x2`.
fn shape(text: &str) -> Result<(usize, usize), String> {
    let sizes = text.split_once('x').and_then(|(rows, k)| Some((rows.parse().ok()?, k.parse().ok()?)));
    match sizes {
        Some((rows, k)) if rows > 0 && k > 0 && rows < 1 << 32 && k < (1 << 32) / rows => Ok((rows, k)),
        _ => Err("give rows and categories as in 8192x2, at least 1 each, fewer than 2^32 elements".to_owned()),
    }
}
