//! Estimators that work from losses alone, with how they draw: one draw after the other, or antithetic pairs.

use reinmax::categorical::draw;
use reinmax::estimator::draw_antithetic;
use reinmax::{Arm, DisArm, Host, Noise, Reinforce, Result, Rloo, ScoreEstimator, ScoreInputs, Stream};

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scores {
    Reinforce { baseline: f32 },
    Rloo,
    Arm,
    DisArm,
}

/// Indices of rows x draws, and for pairs the uniforms behind them.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) index: Vec<u32>,
    uniforms: Vec<f32>,
}

impl Drawn {
    /// Room for so many draws.
    pub(crate) fn new(draws: usize) -> Self {
        Drawn { index: vec![0; draws], uniforms: Vec::new() }
    }

    /// Draws that somebody else made; `uniforms` for the pairs of ARM, which reads them.
    pub(crate) fn given(index: Vec<u32>, uniforms: Vec<f32>) -> Self {
        Drawn { index, uniforms }
    }
}

impl Scores {
    /// The draws of each variable that one gradient takes in the laboratory.
    pub(crate) fn draws(self) -> usize {
        match self {
            Scores::Reinforce { .. } => 1,
            Scores::Rloo => 4,
            Scores::Arm | Scores::DisArm => 2,
        }
    }

    fn antithetic(self) -> bool {
        matches!(self, Scores::Arm | Scores::DisArm)
    }

    /// How many numbers of the stream rows of `draws` draws take.
    pub(crate) fn uniforms(self, rows: usize, draws: usize) -> u64 {
        (if self.antithetic() { rows * draws / 2 } else { rows * draws }) as u64
    }

    /// Fills `drawn`, `draws` for each row of `probs`, from numbers `cursor ..` of the stream.
    pub(crate) fn draw(
        self,
        host: Host,
        probs: &[f32],
        k: usize,
        draws: usize,
        (stream, cursor): (&Stream, u64),
        drawn: &mut Drawn,
    ) -> Result<()> {
        let rows = probs.len() / k;
        drawn.index.resize(rows * draws, 0);
        if !self.antithetic() {
            return draw(&host, probs, k, draws, Noise::stream(stream, cursor), &mut drawn.index);
        }
        drawn.uniforms.resize(rows * draws / 2, 0.0);
        stream.fill_uniforms_on(&host, cursor, &mut drawn.uniforms);
        draw_antithetic(probs, k, &drawn.uniforms, &mut drawn.index)
    }

    /// Adds the gradient to `grad`, which holds zeros: the mean over draws.
    pub(crate) fn gradient(
        self,
        host: Host,
        probs: &[f32],
        k: usize,
        drawn: &Drawn,
        losses: &[f32],
        grad: &mut [f32],
    ) -> Result<()> {
        let draws = drawn.index.len() / (probs.len() / k).max(1);
        let inputs = ScoreInputs { probs, index: &drawn.index, losses, k, draws };
        match self {
            Scores::Reinforce { baseline } => Reinforce { baseline }.gradient(&host, inputs, grad)?,
            Scores::Rloo => Rloo.gradient(&host, inputs, grad)?,
            Scores::Arm => Arm { uniforms: &drawn.uniforms }.gradient(&host, inputs, grad)?,
            Scores::DisArm => DisArm.gradient(&host, inputs, grad)?,
        }
        grad.iter_mut().for_each(|g| *g /= draws as f32);
        Ok(())
    }
}
