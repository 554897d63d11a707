//! How deep the stack goes in each estimator alone, without a tape: the gradient of 5 rows of 3 categories, which lie
//! across lanes where there are any, and of 2 rows of 37. And how long the latter takes.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use reinmax_core::{
    Arm, Darn, DecoupledGumbel, DecoupledSt, DisArm, Estimator, Gap, GappedSt, GradientInputs, GumbelRao,
    GumbelSoftmax, Mve, Portable, ReinMax, ReinMaxRao, ReinMaxTau1, Reinforce, Result, Rloo, ScoreEstimator,
    ScoreInputs, StraightThrough,
};
use reinmax_cortex_m::{Cycles, repaint, stop, with_stack_depth};

const SHAPES: [(usize, usize); 2] = [(5, 3), (2, 37)];
const LEN: usize = 2 * 37;

/// Gets k, the indices, what stands for any matrix of inputs, and the output.
type Gradient = fn(usize, &[u32], &[f32], &mut [f32]) -> Result<()>;

/// Prints how deep `gradient` goes at most, and how long a hundred take.
#[inline(never)]
fn measure(cycles: &mut Cycles, name: &str, gradient: Gradient) {
    // Not to be inlined: its frame counts.
    let gradient = core::hint::black_box(gradient);
    let (inputs, mut grad) = ([0.25; LEN], [0.0; LEN]);
    let mut run = |(rows, k)| {
        if gradient(k, &[1; 5][..rows], &inputs[..rows * k], &mut grad[..rows * k]).is_err() {
            stop(false);
        }
    };
    let mut deepest = 0;
    for shape in SHAPES {
        repaint();
        let ((), depth) = with_stack_depth(|| run(shape));
        deepest = deepest.max(depth);
    }
    cycles.restart();
    (0..100).for_each(|_| run(SHAPES[1]));
    cycles.step();
    hprintln!("{}: {} bytes of stack, {} cycles for a hundred", name, deepest, cycles.per_step());
}

/// Through the whole one-hot row.
fn backward<E: Estimator>(estimator: E, k: usize, index: &[u32], x: &[f32], grad: &mut [f32]) -> Result<()> {
    let saved = &x[..index.len() * estimator.saved_per_draw(k)];
    let inputs = GradientInputs { logits: x, probs: x, index, saved, upstream: x, k, draws: 1, column: None };
    estimator.backward(&Portable, inputs, grad)
}

#[entry]
fn main() -> ! {
    let Some(peripherals) = cortex_m::Peripherals::take() else { stop(false) };
    let cycles = &mut Cycles::new(peripherals.SYST);
    measure(cycles, "backward_gumbel_softmax", |k, index, x, grad| {
        backward(GumbelSoftmax { tau: 0.7 }, k, index, x, grad)
    });
    measure(cycles, "backward_reinmax", |k, index, x, grad| backward(ReinMax { tau: 1.3 }, k, index, x, grad));
    measure(cycles, "backward_darn", |k, index, x, grad| backward(Darn, k, index, x, grad));
    measure(cycles, "backward_decoupled_gumbel", |k, index, x, grad| {
        backward(DecoupledGumbel { tau_forward: 0.5, tau_backward: 0.7 }, k, index, x, grad)
    });
    measure(cycles, "backward_decoupled_st", |k, index, x, grad| {
        backward(DecoupledSt { tau_forward: 1.0, tau_backward: 1.5 }, k, index, x, grad)
    });
    measure(cycles, "backward_gapped_st", |k, index, x, grad| {
        backward(GappedSt { tau: 0.7, gap: Gap::Constant(1.0) }, k, index, x, grad)
    });
    measure(cycles, "backward_gumbel_rao", |k, index, x, grad| {
        backward(GumbelRao { tau: 0.7, relaxed_samples: 2 }, k, index, x, grad)
    });
    measure(cycles, "backward_reinmax_rao", |k, index, x, grad| {
        backward(ReinMaxRao { tau: 0.7, relaxed_samples: 2 }, k, index, x, grad)
    });
    measure(cycles, "backward_reinmax_tau1", |k, index, x, grad| backward(ReinMaxTau1, k, index, x, grad));
    // It takes up to 32 categories: 2 rows of 32 in place of 37.
    measure(cycles, "backward_mve", |k, index, x, grad| {
        let (k, len) = (k.min(32), k.min(32) * index.len());
        backward(Mve, k, index, &x[..len], &mut grad[..len])
    });
    measure(cycles, "backward_straight_through", |k, index, x, grad| {
        backward(StraightThrough { tau: 1.5 }, k, index, x, grad)
    });
    measure(cycles, "gradient_reinforce", |k, index, probs, grad| {
        Reinforce { baseline: 0.1 }.gradient(&Portable, ScoreInputs { probs, index, losses: &[0.3], k, draws: 1 }, grad)
    });
    measure(cycles, "gradient_rloo", |k, index, probs, grad| {
        let index = &[1; 10][..2 * index.len()];
        Rloo.gradient(&Portable, ScoreInputs { probs, index, losses: &[0.3, 0.7], k, draws: 2 }, grad)
    });
    measure(cycles, "gradient_disarm", |_, index, probs, grad| {
        let (n, pairs) = (index.len(), &[0, 1, 1, 0, 0, 0, 1, 1, 0, 1]);
        let inputs =
            ScoreInputs { probs: &probs[..2 * n], index: &pairs[..2 * n], losses: &[0.3, 0.7], k: 2, draws: 2 };
        DisArm.gradient(&Portable, inputs, &mut grad[..2 * n])
    });
    measure(cycles, "gradient_arm", |_, index, probs, grad| {
        let (n, pairs) = (index.len(), &[0, 1, 1, 0, 0, 0, 1, 1, 0, 1]);
        let inputs =
            ScoreInputs { probs: &probs[..2 * n], index: &pairs[..2 * n], losses: &[0.3, 0.7], k: 2, draws: 2 };
        Arm { uniforms: &[0.25; 5][..n] }.gradient(&Portable, inputs, &mut grad[..2 * n])
    });
    stop(true)
}
