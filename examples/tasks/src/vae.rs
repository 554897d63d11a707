//! A categorical variational autoencoder of 816 parameters: images of 4 x 4 pixels that show one bar (four rows, four
//! columns), two latent variables of eight categories, one hidden layer. ReinMax, Adam.
//!
//! The loss is the negative evidence lower bound in nats an image. Eight images that are equally likely need at least
//! ln 8 = 2.08 nats, and a model that ignores its latents 16 H(1/4) = 9.0.

use reinmax_core::optim::{Adam, Optimizer};
use reinmax_core::{Backend, Draws, Mark, ReinMax, Result, Shape, Stream, Tape, Var};

/// Images in a batch: all there are.
pub const IMAGES: usize = 8;
const PIXELS: usize = 16;
const HIDDEN: usize = 16;
const LATENTS: usize = 2;
const CATEGORIES: usize = 8;
const CODE: usize = LATENTS * CATEGORIES;

/// Training steps.
pub const STEPS: u32 = 1000;
/// The mean loss of so many steps is one result.
pub const EVERY: u32 = 25;
/// How many results there are.
pub const REPORTS: usize = (STEPS / EVERY) as usize;

/// Parameters, in the order of their declaration.
pub const PARAMS: usize = (PIXELS + 1) * HIDDEN + (HIDDEN + 1) * CODE + (CODE + 1) * PIXELS;
/// Nodes that the tape needs. These four are what `Tape::footprint` says.
pub const NODES: usize = 21;
/// Floats of the slab of values.
pub const VALUES: usize = 1740;
/// Floats of the slab of gradients.
pub const GRADS: usize = 1612;
/// Floats of the slab of saved numbers.
pub const SAVED: usize = IMAGES * LATENTS;
/// Floats of the optimiser's state.
pub const STATE: usize = 2 * PARAMS;

/// A model on a tape.
#[derive(Clone, Copy, Debug)]
pub struct Vae {
    start: Mark,
    /// Logits of the pixels, [`IMAGES`] x 16.
    pub pixels: Var,
    /// 1 x 1.
    pub loss: Var,
}

/// Pixel `pixel` of image `image`.
pub const fn is_set(image: usize, pixel: usize) -> bool {
    if image < 4 { pixel / 4 == image } else { pixel % 4 == image - 4 }
}

/// Declares a layer's weight (out x in, uniform in +-1/sqrt(in)) and bias (zeros).
fn layer<B: Backend>(tape: &mut Tape<'_, B>, stream: u64, (out, input): (usize, usize)) -> Result<(Var, Var)> {
    let weight = tape.param_zeros(Shape::new(out as u32, input as u32))?;
    let values = tape.value_mut(weight)?;
    Stream::new(11, stream).fill_uniforms(0, values);
    for x in values {
        // 1/sqrt(16) = 1/4.
        *x = (*x * 2.0 - 1.0) * 0.25;
    }
    Ok((weight, tape.param_zeros(Shape::new(1, out as u32))?))
}

/// Records the model. Initial values are made where the tape keeps them.
///
/// # Errors
/// [`reinmax_core::Error::Full`] for memory that is too small.
pub fn record<B: Backend>(tape: &mut Tape<'_, B>) -> Result<Vae> {
    let (encode, encode_bias) = layer(tape, 0, (HIDDEN, PIXELS))?;
    let (to_logits, logits_bias) = layer(tape, 1, (CODE, HIDDEN))?;
    let (decode, decode_bias) = layer(tape, 2, (PIXELS, CODE))?;
    let images = tape.input_zeros(Shape::new(IMAGES as u32, PIXELS as u32))?;
    for (i, x) in tape.value_mut(images)?.iter_mut().enumerate() {
        *x = if is_set(i / PIXELS, i % PIXELS) { 1.0 } else { 0.0 };
    }

    let start = tape.mark();
    let hidden = tape.linear(images, encode, encode_bias)?;
    let hidden = tape.leaky_relu(hidden, 0.1)?;
    let logits = tape.linear(hidden, to_logits, logits_bias)?;
    let logits = tape.view(logits, Shape::new((IMAGES * LATENTS) as u32, CATEGORIES as u32))?;
    let probs = tape.softmax(logits)?;
    let one_hot = tape.sample(ReinMax { tau: 1.1 }, logits, probs, Draws::Stream)?;
    let code = tape.view(one_hot, Shape::new(IMAGES as u32, CODE as u32))?;
    let pixels = tape.linear(code, decode, decode_bias)?;
    let reconstruction = tape.bce_with_logits(pixels, images)?;
    let reconstruction = tape.mean(reconstruction)?;
    let divergence = tape.kl_to_uniform(probs)?;
    // The mean over images of the sum over latents.
    let divergence = tape.mean(divergence)?;
    let divergence = tape.affine(divergence, LATENTS as f32, 0.0)?;
    let loss = tape.add(reconstruction, divergence)?;
    Ok(Vae { start, pixels, loss })
}

/// Trains for [`STEPS`] steps; hands the mean loss of every [`EVERY`] to `report`.
///
/// # Errors
/// [`reinmax_core::Error::Full`] and [`reinmax_core::Error::Length`] for memory that is too small.
pub fn train<B: Backend>(tape: &mut Tape<'_, B>, state: &mut [f32], mut report: impl FnMut(f32)) -> Result<Vae> {
    tape.seed(11, 3);
    let model = record(tape)?;
    state.fill(0.0);
    let adam = Adam::new(0.01);
    let mut total = 0.0;
    for step in 1..=STEPS {
        tape.zero_grad()?;
        tape.replay(model.start, Draws::Stream)?;
        tape.backward(model.loss)?;
        let (params, grads) = tape.params_and_grads();
        adam.step(step, params, grads, state)?;
        total += tape.value(model.loss)?.first().copied().unwrap_or(f32::NAN);
        if step % EVERY == 0 {
            report(total / EVERY as f32);
            total = 0.0;
        }
    }
    Ok(model)
}

/// How many pixels of all images the model's last reconstruction has right.
///
/// # Errors
/// As [`Tape::value`].
pub fn correct_pixels<B: Backend>(tape: &Tape<'_, B>, model: &Vae) -> Result<usize> {
    let pixels = tape.value(model.pixels)?.iter().enumerate();
    Ok(pixels.filter(|(i, logit)| (**logit > 0.0) == is_set(i / PIXELS, i % PIXELS)).count())
}
