//! Training with an estimator that works from losses: codes are drawn outside of the tape, several for each image where
//! the estimator compares them, and each code's loss is the image's own cross-entropy.

use reinmax::{Draws, Host, Result, Stream, Tape};

use super::model::GivenCodes;
use crate::scores::{Drawn, Scores};

/// The draws of a recording.
pub(super) struct Scored {
    scores: Scores,
    given: GivenCodes,
    /// Latents and categories.
    shape: (usize, usize),
    stream: Stream,
    cursor: u64,
    probs: Vec<f32>,
    drawn: Drawn,
    one_hot: Vec<f32>,
}

impl Scored {
    pub(super) fn new(scores: Scores, given: GivenCodes, shape: (usize, usize)) -> Self {
        let (probs, drawn, one_hot) = (Vec::new(), Drawn::new(0), Vec::new());
        Scored { scores, given, shape, stream: Stream::new(0, 0), cursor: 0, probs, drawn, one_hot }
    }

    /// Draws come from the beginning of this stream.
    pub(super) fn seed(&mut self, seed: u64, stream: u64) {
        (self.stream, self.cursor) = (Stream::new(seed, stream), 0);
    }

    /// The encoder, then draws, then everything: the encoder once more is less than the decoder of all codes.
    pub(super) fn forward(&mut self, tape: &mut Tape<'_, Host>) -> Result<()> {
        let (latents, k) = self.shape;
        let draws = self.scores.draws();
        tape.replay(self.given.encoder, Draws::Stream)?;
        self.probs.clear();
        self.probs.extend_from_slice(tape.value(self.given.probs)?);
        let cursor = (&self.stream, self.cursor);
        self.scores.draw(*tape.backend(), &self.probs, k, draws, cursor, &mut self.drawn)?;
        self.cursor += self.scores.uniforms(self.probs.len() / k, draws);
        // A row of draws for each variable becomes a row of variables for each draw.
        self.one_hot.clear();
        self.one_hot.resize(self.probs.len() * draws, 0.0);
        for (image, index) in self.drawn.index.chunks(latents * draws).enumerate() {
            for (at, z) in index.iter().enumerate() {
                let (variable, draw) = (at / draws, at % draws);
                self.one_hot[((image * draws + draw) * latents + variable) * k + *z as usize] = 1.0;
            }
        }
        tape.set(self.given.codes, &self.one_hot)?;
        tape.replay(self.given.recorded.start, Draws::Stream)
    }

    /// The gradient of the logits' expected cross-entropy, on to the encoder; the rest of the loss has gone back.
    pub(super) fn backward(&mut self, tape: &mut Tape<'_, Host>) -> Result<()> {
        let (latents, k) = self.shape;
        let draws = self.scores.draws();
        // All variables of an image share its losses.
        let of_codes = tape.value(self.given.recorded.reconstruction)?;
        let losses: Vec<f32> = of_codes.chunks(draws).flat_map(|losses| losses.repeat(latents)).collect();
        let mut grad = vec![0.0; self.probs.len()];
        self.scores.gradient(*tape.backend(), &self.probs, k, &self.drawn, &losses, &mut grad)?;
        // The loss is the mean over images.
        let images = (of_codes.len() / draws) as f32;
        grad.iter_mut().for_each(|g| *g /= images);
        tape.backward_with(self.given.logits, &grad)
    }
}
