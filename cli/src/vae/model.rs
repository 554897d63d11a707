//! The network: its layers, their first values, and how it is recorded.

use reinmax::{Backend, Draws, Estimator, Mark, Result, Shape, Stream, Tape, Var};

use super::config::{Activation, Config};

/// A layer: a weight [outputs, inputs] and a bias, as PyTorch has them.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// `encoder.0`, `encoder.2`, ..: the odd numbers of PyTorch's `Sequential` are rectifications.
    pub(super) name: String,
    pub(super) inputs: u32,
    pub(super) outputs: u32,
}

/// What is recorded.
#[derive(Clone, Debug)]
pub(super) struct Network {
    layers: Vec<Layer>,
    encoder_layers: usize,
    activation: Activation,
    pixels: u32,
    batch: u32,
    latents: u32,
    categories: u32,
}

/// The slope of a leaky rectifier below 0.
const LEAK: f32 = 0.01;

/// A recording of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recorded {
    /// Where a replay begins.
    pub(super) start: Mark,
    /// Codes of each image.
    pub(super) draws: u32,
    /// The images, batch x pixels.
    pub(super) images: Var,
    /// Logits of the decoder's pixels, (batch draws) x pixels.
    pub(super) pixels: Var,
    /// Binary cross-entropy of each image and code, (batch draws) x 1.
    pub(super) reconstruction: Var,
    /// Divergence of each variable from the uniform distribution, (batch latents) x 1.
    pub(super) divergence: Var,
    /// The mean over images of the sum over variables.
    pub(super) mean_divergence: Var,
    /// Negative evidence lower bound, nats an image: the mean over the batch.
    pub(super) loss: Var,
}

/// A recording whose codes are drawn outside of the tape.
#[derive(Clone, Copy, Debug)]
pub(super) struct GivenCodes {
    pub(super) recorded: Recorded,
    /// Where a replay of the encoder alone begins.
    pub(super) encoder: Mark,
    /// Logits and probabilities of the codes, (batch latents) x categories.
    pub(super) logits: Var,
    pub(super) probs: Var,
    /// One-hot vectors, (batch draws) x (latents categories).
    pub(super) codes: Var,
}

/// A recording of the decoder at given codes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codes {
    pub(super) start: Mark,
    /// One-hot vectors, count x (latents categories).
    pub(super) codes: Var,
    /// Binary cross-entropy at each, count x 1.
    pub(super) reconstruction: Var,
}

impl Layer {
    /// Numbers of its weight and its bias.
    fn lengths(&self) -> (usize, usize) {
        (self.inputs as usize * self.outputs as usize, self.outputs as usize)
    }
}

impl Network {
    /// For images of so many pixels.
    pub(super) fn new(config: &Config, pixels: usize) -> Self {
        let Config { latents, categories, batch, activation, ref hidden, .. } = *config;
        // Files of images have 32 bits for each side, and their bytes are in memory.
        let pixels = u32::try_from(pixels).unwrap_or(u32::MAX);
        let code = latents * categories;
        let encoder: Vec<u32> = [pixels].into_iter().chain(hidden.iter().copied()).chain([code]).collect();
        let decoder: Vec<u32> = encoder.iter().rev().copied().collect();
        let layers = |part: &str, widths: &[u32]| -> Vec<Layer> {
            let layer = |(at, pair): (usize, &[u32])| {
                let (inputs, outputs) = (*pair.first()?, *pair.last()?);
                Some(Layer { name: format!("{part}.{}", 2 * at), inputs, outputs })
            };
            widths.windows(2).enumerate().filter_map(layer).collect()
        };
        let (encoder, decoder) = (layers("encoder", &encoder), layers("decoder", &decoder));
        let encoder_layers = encoder.len();
        let layers = [encoder, decoder].concat();
        Network { layers, encoder_layers, activation, pixels, batch, latents, categories }
    }

    /// How many parameters, if `usize` can tell.
    pub(super) fn params(&self) -> Option<usize> {
        self.layers.iter().try_fold(0_usize, |sum, layer| {
            let weight = (layer.inputs as usize).checked_mul(layer.outputs as usize)?;
            sum.checked_add(weight)?.checked_add(layer.outputs as usize)
        })
    }

    /// Names, shapes and places of all parameters: weight and bias of each layer.
    pub(super) fn tensors(&self) -> Vec<(String, Vec<usize>, std::ops::Range<usize>)> {
        let mut at = 0;
        let mut tensors = Vec::new();
        for layer in &self.layers {
            let (weight, bias) = layer.lengths();
            let shape = vec![layer.outputs as usize, layer.inputs as usize];
            tensors.push((format!("{}.weight", layer.name), shape, at..at + weight));
            tensors.push((format!("{}.bias", layer.name), vec![bias], at + weight..at + weight + bias));
            at += weight + bias;
        }
        tensors
    }

    /// First values as PyTorch draws them: uniform in +-1/sqrt(inputs), weights and biases.
    pub(super) fn initial(&self, stream: &Stream) -> Vec<f32> {
        let mut params = vec![0.0; self.params().unwrap_or(0)];
        stream.fill_uniforms(0, &mut params);
        let mut rest = params.as_mut_slice();
        for layer in &self.layers {
            let (weight, bias) = layer.lengths();
            let (mine, others) = rest.split_at_mut(weight + bias);
            let bound = 1.0 / (layer.inputs as f32).sqrt();
            mine.iter_mut().for_each(|x| *x = (*x * 2.0 - 1.0) * bound);
            rest = others;
        }
        params
    }

    /// Records a batch: parameters first, in the order of `tensors`. Codes are drawn from the logits at the temperature
    /// `tau_of_draws`, and it is that distribution whose divergence counts.
    pub(super) fn record<B: Backend, E: Estimator>(
        &self,
        tape: &mut Tape<'_, B>,
        params: &[f32],
        (estimator, tau_of_draws): (E, f32),
    ) -> Result<Recorded> {
        let Network { pixels, batch, latents, categories, .. } = *self;
        let layers = self.leaves(params, |shape, values| tape.param(shape, values))?;
        let (encoder, decoder) = layers.split_at(self.encoder_layers);
        let images = tape.input_zeros(Shape::new(batch, pixels))?;

        let start = tape.mark();
        let logits = self.encode(tape, (images, batch), encoder)?;
        let probs = tape.softmax(logits)?;
        let one_hot = tape.sample(estimator, logits, probs, Draws::Stream)?;
        let code = tape.view(one_hot, Shape::new(batch, latents * categories))?;
        let pixels = self.chain(tape, code, decoder)?;
        let drawn = if tau_of_draws == 1.0 {
            probs
        } else {
            let tempered = tape.affine(logits, 1.0 / tau_of_draws, 0.0)?;
            tape.softmax(tempered)?
        };
        self.record_loss(tape, (start, 1), images, (pixels, drawn))
    }

    /// The same, with several codes of each image that are given (see [`GivenCodes`]). The decoder comes first, so that
    /// the encoder can be replayed without it.
    pub(super) fn record_given_codes<B: Backend>(
        &self,
        tape: &mut Tape<'_, B>,
        params: &[f32],
        draws: u32,
    ) -> Result<GivenCodes> {
        let Network { pixels, batch, latents, categories, .. } = *self;
        let layers = self.leaves(params, |shape, values| tape.param(shape, values))?;
        let (encoder_layers, decoder_layers) = layers.split_at(self.encoder_layers);
        let images = tape.input_zeros(Shape::new(batch, pixels))?;
        let codes = tape.input_zeros(Shape::new(batch * draws, latents * categories))?;

        let start = tape.mark();
        let pixels = self.chain(tape, codes, decoder_layers)?;
        let encoder = tape.mark();
        let logits = self.encode(tape, (images, batch), encoder_layers)?;
        let probs = tape.softmax(logits)?;
        let recorded = self.record_loss(tape, (start, draws), images, (pixels, probs))?;
        Ok(GivenCodes { recorded, encoder, logits, probs, codes })
    }

    /// Both parts of the loss, from the decoder's pixels and the distribution of the codes.
    fn record_loss<B: Backend>(
        &self,
        tape: &mut Tape<'_, B>,
        (start, draws): (Mark, u32),
        images: Var,
        (pixels, drawn): (Var, Var),
    ) -> Result<Recorded> {
        let targets = if draws == 1 { images } else { tape.repeat_rows(images, draws)? };
        let reconstruction = tape.bce_with_logits(pixels, targets)?;
        let divergence = tape.kl_to_uniform(drawn)?;
        let mean_reconstruction = tape.mean(reconstruction)?;
        let mean_divergence = tape.mean(divergence)?;
        let mean_divergence = tape.affine(mean_divergence, self.latents as f32, 0.0)?;
        let loss = tape.add(mean_reconstruction, mean_divergence)?;
        Ok(Recorded { start, draws, images, pixels, reconstruction, divergence, mean_divergence, loss })
    }

    /// Records what an image's code is drawn from: logits, latents x categories. Nothing takes a gradient.
    pub(super) fn record_logits<B: Backend>(
        &self,
        tape: &mut Tape<'_, B>,
        params: &[f32],
        image: &[f32],
    ) -> Result<Var> {
        let layers = self.leaves(params, |shape, values| tape.input(shape, values))?;
        let image = tape.input(Shape::new(1, self.pixels), image)?;
        self.encode(tape, (image, 1), &layers[..self.encoder_layers])
    }

    /// Logits of the codes of so many images, (count latents) x categories.
    fn encode<B: Backend>(
        &self,
        tape: &mut Tape<'_, B>,
        (images, count): (Var, u32),
        layers: &[(Var, Var)],
    ) -> Result<Var> {
        let logits = self.chain(tape, images, layers)?;
        tape.view(logits, Shape::new(count * self.latents, self.categories))
    }

    /// Records the cross-entropy of an image at each of so many codes; only the codes take a gradient.
    pub(super) fn record_codes<B: Backend>(
        &self,
        tape: &mut Tape<'_, B>,
        params: &[f32],
        (image, count): (&[f32], u32),
    ) -> Result<Codes> {
        let layers = self.leaves(params, |shape, values| tape.input(shape, values))?;
        let image = tape.input(Shape::new(count, self.pixels), &image.repeat(count as usize))?;
        let shape = Shape::new(count, self.latents * self.categories);
        let codes = tape.differentiable_input(shape, &vec![0.0; shape.len()])?;
        let start = tape.mark();
        let pixels = self.chain(tape, codes, &layers[self.encoder_layers..])?;
        let reconstruction = tape.bce_with_logits(pixels, image)?;
        Ok(Codes { start, codes, reconstruction })
    }

    /// Weight and bias of each layer, as `leaf` records them.
    fn leaves(&self, params: &[f32], mut leaf: impl FnMut(Shape, &[f32]) -> Result<Var>) -> Result<Vec<(Var, Var)>> {
        let mut rest = params;
        let mut leaves = Vec::new();
        for layer in &self.layers {
            let (weight, bias) = layer.lengths();
            let (weight, others) = rest.split_at(weight);
            let (bias, others) = others.split_at(bias);
            let weight = leaf(Shape::new(layer.outputs, layer.inputs), weight)?;
            leaves.push((weight, leaf(Shape::new(1, layer.outputs), bias)?));
            rest = others;
        }
        Ok(leaves)
    }

    /// Layers one after the other, rectified in between.
    fn chain<B: Backend>(&self, tape: &mut Tape<'_, B>, input: Var, layers: &[(Var, Var)]) -> Result<Var> {
        let mut x = input;
        for (at, (weight, bias)) in layers.iter().enumerate() {
            x = tape.linear(x, *weight, *bias)?;
            if at + 1 < layers.len() {
                x = match self.activation {
                    Activation::Relu => tape.relu(x)?,
                    Activation::LeakyRelu => tape.leaky_relu(x, LEAK)?,
                };
            }
        }
        Ok(x)
    }
}
