//! How deep the stack goes in each estimator alone, without a tape: the gradient of 5 rows of 3 categories, which lie across
//! lanes where there are any, and of 2 rows of 37.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use reinmax_core::{
    Estimator, GradientInputs, GumbelSoftmax, Portable, ReinMax, Reinforce, Result, ScoreEstimator, ScoreInputs,
    StraightThrough,
};
use reinmax_cortex_m::{repaint, stop, with_stack_depth};

const SHAPES: [(usize, usize); 2] = [(5, 3), (2, 37)];
const LEN: usize = 2 * 37;

/// Gets k, the indices, what stands for any matrix of inputs, and the output.
type Gradient = fn(usize, &[u32], &[f32], &mut [f32]) -> Result<()>;

/// Prints how deep `gradient` goes at most.
#[inline(never)]
fn measure(name: &str, gradient: Gradient) {
    // Not to be inlined: its frame counts.
    let gradient = core::hint::black_box(gradient);
    let (inputs, mut grad) = ([0.25; LEN], [0.0; LEN]);
    let mut deepest = 0;
    for (rows, k) in SHAPES {
        repaint();
        let (outcome, depth) =
            with_stack_depth(|| gradient(k, &[1; 5][..rows], &inputs[..rows * k], &mut grad[..rows * k]));
        if outcome.is_err() {
            stop(false);
        }
        deepest = deepest.max(depth);
    }
    hprintln!("{}: {} bytes of stack", name, deepest);
}

/// Through the whole one-hot row.
fn backward<E: Estimator>(estimator: E, k: usize, index: &[u32], x: &[f32], grad: &mut [f32]) -> Result<()> {
    let saved = &x[..index.len() * estimator.saved_per_draw(k)];
    let inputs = GradientInputs { logits: x, probs: x, index, saved, upstream: x, k, draws: 1, column: None };
    estimator.backward(&Portable, inputs, grad)
}

#[entry]
fn main() -> ! {
    measure("backward_gumbel_softmax", |k, index, x, grad| backward(GumbelSoftmax { tau: 0.7 }, k, index, x, grad));
    measure("backward_reinmax", |k, index, x, grad| backward(ReinMax { tau: 1.3 }, k, index, x, grad));
    measure("backward_straight_through", |k, index, x, grad| backward(StraightThrough { tau: 1.5 }, k, index, x, grad));
    measure("gradient_reinforce", |k, index, probs, grad| {
        Reinforce { baseline: 0.1 }.gradient(&Portable, ScoreInputs { probs, index, losses: &[0.3], k, draws: 1 }, grad)
    });
    stop(true)
}
