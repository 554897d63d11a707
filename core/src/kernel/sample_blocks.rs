//! softmax, draws and one-hot vectors of a block of rows, then those of the next block.
//!
//! What softmax has written is still in the cache when the draws read it. Of six streams through memory (logits in;
//! probabilities and one-hot vectors, each fetched before it is written; probabilities in again) that saves the last.

use super::LANES;
use super::rows::{cut, cut_mut, row_count};
use super::sample::{DrawIndex, OneHot, bad_probs};
use super::softmax::Softmax;
use crate::random::Noise;
use crate::{Backend, Result, Split};

/// Elements of a block: logits, probabilities and one-hot vectors are 192 KiB together.
const BLOCK: usize = 1 << 14;

/// `probs = softmax(logits * scale)`, one index drawn for each row, and its one-hot vector. Lengths, uniforms and
/// forced indices have been checked, and forced indices are in `index` already.
#[derive(Debug)]
pub struct Sample<'a> {
    /// rows x k.
    pub logits: &'a [f32],
    /// Categories in a row, at least 1.
    pub k: usize,
    /// 1 / tau.
    pub scale: f32,
    /// A stream, uniforms or forced indices.
    pub noise: Noise<'a>,
    /// rows x k, written.
    pub probs: &'a mut [f32],
    /// rows, written unless forced.
    pub index: &'a mut [u32],
    /// rows x k, written.
    pub one_hot: &'a mut [f32],
}

impl Sample<'_> {
    /// Runs the three kernels on a backend, block by block.
    ///
    /// # Errors
    /// [`crate::Error::Logits`] for a row that has no softmax. The outputs are unspecified then.
    pub fn on<B: Backend>(self, backend: &B) -> Result<()> {
        let rows = row_count(BLOCK, self.k).max(1).next_multiple_of(LANES);
        let (mut rest, mut done) = (self, 0);
        while rest.rows() > 0 {
            let (block, others) = rest.split(rows);
            block.at_once(backend).map_err(|error| error.in_rows_from(done))?;
            (rest, done) = (others, done + rows);
        }
        Ok(())
    }

    #[inline]
    fn at_once<B: Backend>(self, backend: &B) -> Result<()> {
        let Sample { logits, k, scale, noise, probs, index, one_hot } = self;
        backend.softmax(Softmax { logits, k, scale, out: &mut *probs })?;
        if !backend.draw_index(DrawIndex { probs, k, draws: 1, noise, index: &mut *index }) {
            return Err(bad_probs(probs, k));
        }
        backend.run_rows(OneHot { index, k, out: one_hot });
        Ok(())
    }
}

impl Split for Sample<'_> {
    fn rows(&self) -> usize {
        self.index.len()
    }
    fn work(&self) -> usize {
        self.probs.len()
    }
    fn split(self, row: usize) -> (Self, Self) {
        let (logits_a, logits_b) = cut(self.logits, self.k, row);
        let (noise_a, noise_b) = self.noise.split(row, 1);
        let (probs_a, probs_b) = cut_mut(self.probs, self.k, row);
        let (index_a, index_b) = cut_mut(self.index, 1, row);
        let (one_hot_a, one_hot_b) = cut_mut(self.one_hot, self.k, row);
        (
            Sample { logits: logits_a, noise: noise_a, probs: probs_a, index: index_a, one_hot: one_hot_a, ..self },
            Sample { logits: logits_b, noise: noise_b, probs: probs_b, index: index_b, one_hot: one_hot_b, ..self },
        )
    }
}
