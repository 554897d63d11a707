//! Numbers that depend on every kernel: what one target computes is held against what another does, bit by bit.
//!
//! exp, ln and square roots (softmax, Gumbel noise, powers, the optimiser), draws from a stream, each estimator's
//! backward pass for short and long rows and for one draw and many, layers, and steps of Adam.

use reinmax_core::estimator::draw_antithetic;
use reinmax_core::optim::{Adam, Optimizer, RAdam, Sgd};
use reinmax_core::{
    Arm, Backend, Darn, DecoupledGumbel, DecoupledSt, DisArm, Draws, Estimator, Gap, GappedSt, GumbelRao,
    GumbelSoftmax, Mve, OneLane, Portable, ReinMax, ReinMaxRao, Reinforce, Result, Rloo, ScoreEstimator, ScoreInputs,
    Shape, StraightThrough, Stream, Tape, TapeMem, categorical,
};

/// How many numbers there are.
pub const LEN: usize =
    4 * SHORT + 4 * LONG + STEPS + PARAMS + SHORT + LONG + 40 + 1 + FORWARD + COLUMNS + 2 * PARAMS + FAMILY;

/// Rows, categories and draws of the short rows, which lie across the lanes, and of the long ones.
const SHAPES: [(usize, usize, u32); 2] = [(5, 3, 3), (2, 37, 1)];
const SHORT: usize = 5 * 3;
const LONG: usize = 2 * 37;
/// Probabilities, logarithms and draws of each shape.
const FORWARD: usize = 2 * SHORT + 5 + 2 * LONG + 2;
/// Five estimators' gradients through one column of each shape.
const COLUMNS: usize = 5 * (SHORT + LONG);
/// Eight more estimators with short rows, seven with long ones (minimum variance has a limit), and three that take
/// losses.
const FAMILY: usize = 8 * SHORT + 7 * LONG + 3 * 4;
const STEPS: usize = 6;
const PARAMS: usize = (4 + 1) * 3 + (3 + 1) * 2;

/// Hands the numbers to `report`, one after the other.
///
/// # Errors
/// None; the signature keeps the calls plain.
pub fn fill(report: &mut dyn FnMut(f32)) -> Result<()> {
    estimators(&Portable, report)?;
    flat(&Portable, report)?;
    training(report)?;
    // The same kernels with one lane: their bits must not differ.
    let mut wide = [0.0; SHORT + LONG];
    let mut at = 0;
    flat(&Portable, &mut |x| {
        if let Some(slot) = wide.get_mut(at) {
            *slot = x;
        }
        at += 1;
    })?;
    let mut at = 0;
    let mut differences = 0.0;
    flat(&OneLane, &mut |x| {
        if wide.get(at).is_some_and(|wide| wide.to_bits() != x.to_bits()) {
            differences += 1.0;
        }
        at += 1;
    })?;
    report(differences);
    forward(&Portable, report)?;
    columns(&Portable, report)?;
    optimizers(report)?;
    family(&Portable, report)?;
    scores(&Portable, report)
}

/// Logits from a stream, spread over +-4.
fn logits(out: &mut [f32]) {
    Stream::new(3, 0).fill_uniforms(0, out);
    for x in out {
        *x = *x * 8.0 - 4.0;
    }
}

/// The gradient that reaches the logits through each estimator.
fn estimators<B: Backend + Copy>(backend: &B, report: &mut dyn FnMut(f32)) -> Result<()> {
    for (rows, k, draws) in SHAPES {
        gradient(backend, ReinMax { tau: 1.0 }, rows, k, Take::Draws(draws), report)?;
        gradient(backend, ReinMax { tau: 1.3 }, rows, k, Take::Draws(draws), report)?;
        gradient(backend, StraightThrough { tau: 1.5 }, rows, k, Take::Draws(draws), report)?;
        gradient(backend, GumbelSoftmax { tau: 0.7 }, rows, k, Take::Draws(draws), report)?;
    }
    Ok(())
}

/// The gradients of the other estimators.
fn family<B: Backend + Copy>(backend: &B, report: &mut dyn FnMut(f32)) -> Result<()> {
    for (rows, k, draws) in SHAPES {
        let draws = Take::Draws(draws);
        let decoupled = DecoupledGumbel { tau_forward: 0.5, tau_backward: 0.9 };
        gradient(backend, decoupled, rows, k, draws, report)?;
        gradient(backend, DecoupledSt { tau_forward: 0.5, tau_backward: 0.9 }, rows, k, draws, report)?;
        gradient(backend, GappedSt { tau: 0.8, gap: Gap::Constant(1.0) }, rows, k, draws, report)?;
        gradient(backend, GappedSt { tau: 0.8, gap: Gap::Adaptive }, rows, k, draws, report)?;
        gradient(backend, GumbelRao { tau: 0.7, relaxed_samples: 3 }, rows, k, draws, report)?;
        gradient(backend, ReinMaxRao { tau: 0.7, relaxed_samples: 3 }, rows, k, draws, report)?;
        gradient(backend, Darn, rows, k, draws, report)?;
        if k <= reinmax_core::estimator::MAX_MVE_CATEGORIES {
            gradient(backend, Mve, rows, k, draws, report)?;
        }
    }
    Ok(())
}

/// Gradients from losses alone: two binary variables, two pairs of draws.
fn scores<B: Backend>(backend: &B, report: &mut dyn FnMut(f32)) -> Result<()> {
    let (probs, losses, uniforms) = ([0.3, 0.7, 0.55, 0.45], [0.9, -0.2, 1.7, 0.4], [0.1, 0.8, 0.6, 0.35]);
    let (mut index, mut grads) = ([0; 8], [[0.0; 4]; 3]);
    draw_antithetic(&probs, 2, &uniforms, &mut index)?;
    let inputs = ScoreInputs { probs: &probs, index: &index, losses: &losses, k: 2, draws: 4 };
    let [rloo, arm, disarm] = &mut grads;
    Rloo.gradient(backend, inputs, rloo)?;
    Arm { uniforms: &uniforms }.gradient(backend, inputs, arm)?;
    DisArm.gradient(backend, inputs, disarm)?;
    for grad in grads.as_flattened() {
        report(*grad);
    }
    Ok(())
}

/// What the loss reads of the samples.
#[derive(Clone, Copy)]
enum Take {
    /// All one-hot rows, of so many draws for each row of logits.
    Draws(u32),
    /// Column 1 of one draw.
    Column,
}

fn gradient<B: Backend + Copy, E: Estimator>(
    backend: &B,
    estimator: E,
    rows: usize,
    k: usize,
    take: Take,
    report: &mut dyn FnMut(f32),
) -> Result<()> {
    let mut memory = TapeMem::<8, 420, 420, 120, B>::new();
    let mut tape = Tape::with_backend(memory.slabs(), *backend);
    tape.seed(5, 9);
    let mut initial = [0.0; LONG];
    logits(&mut initial);
    let initial = initial.get(..rows * k).unwrap_or(&[]);
    let logits = tape.param(Shape::new(rows as u32, k as u32), initial)?;
    let probs = tape.softmax(logits)?;
    let x = match take {
        Take::Draws(draws) => tape.sample_many(estimator, logits, probs, draws, Draws::Stream)?,
        Take::Column => tape.sample_column(estimator, logits, probs, 1, 1, Draws::Stream)?,
    };
    let x = tape.affine(x, 1.7, -0.45)?;
    let powers = tape.abs_pow(x, 2.3)?;
    let loss = tape.mean(powers)?;
    tape.backward(loss)?;
    for grad in tape.param_grads() {
        report(*grad);
    }
    Ok(())
}

/// log-softmax and REINFORCE on plain slices.
fn flat<B: Backend>(backend: &B, report: &mut dyn FnMut(f32)) -> Result<()> {
    for (rows, k, _) in SHAPES {
        let (mut x, mut probs, mut grad) = ([0.0; LONG], [0.0; LONG], [0.0; LONG]);
        logits(&mut x);
        let n = rows * k;
        let (x, probs) = (x.get(..n).unwrap_or(&[]), probs.get_mut(..n).unwrap_or_default());
        let (grad, mut index) = (grad.get_mut(..n).unwrap_or_default(), [0; 5]);
        let index = index.get_mut(..rows).unwrap_or_default();
        categorical::softmax(backend, x, k, 0.8, probs)?;
        categorical::draw(backend, probs, k, 1, categorical::Noise::stream(&Stream::new(1, 2), 17), index)?;
        categorical::log_softmax(backend, x, k, grad)?;
        let inputs = ScoreInputs { probs, index, losses: &[0.3], k, draws: 1 };
        Reinforce { baseline: 0.1 }.gradient(backend, inputs, grad)?;
        for grad in grad.iter() {
            report(*grad);
        }
    }
    Ok(())
}

/// softmax, log-softmax and draws themselves.
fn forward<B: Backend>(backend: &B, report: &mut dyn FnMut(f32)) -> Result<()> {
    for (rows, k, _) in SHAPES {
        let (mut x, mut out, mut index) = ([0.0; LONG], [0.0; LONG], [0; 5]);
        logits(&mut x);
        let n = rows * k;
        let (x, out) = (x.get(..n).unwrap_or(&[]), out.get_mut(..n).unwrap_or_default());
        let index = index.get_mut(..rows).unwrap_or_default();
        categorical::log_softmax(backend, x, k, out)?;
        out.iter().for_each(|x| report(*x));
        categorical::softmax(backend, x, k, 1.0, out)?;
        out.iter().for_each(|x| report(*x));
        categorical::draw(backend, out, k, 1, categorical::Noise::stream(&Stream::new(4, 6), 3), index)?;
        index.iter().for_each(|i| report(*i as f32));
    }
    Ok(())
}

/// The gradient that reaches the logits through one column of the samples, for which estimators have paths of their
/// own.
fn columns<B: Backend + Copy>(backend: &B, report: &mut dyn FnMut(f32)) -> Result<()> {
    for (rows, k, _) in SHAPES {
        gradient(backend, ReinMax { tau: 1.0 }, rows, k, Take::Column, report)?;
        gradient(backend, ReinMax { tau: 1.3 }, rows, k, Take::Column, report)?;
        gradient(backend, StraightThrough { tau: 1.0 }, rows, k, Take::Column, report)?;
        gradient(backend, StraightThrough { tau: 1.5 }, rows, k, Take::Column, report)?;
        gradient(backend, GumbelSoftmax { tau: 0.7 }, rows, k, Take::Column, report)?;
    }
    Ok(())
}

/// What the other optimisers make of a gradient.
fn optimizers(report: &mut dyn FnMut(f32)) -> Result<()> {
    let (mut grads, mut state) = ([0.0; PARAMS], [0.0; 2 * PARAMS]);
    logits(&mut grads);
    let sgd = Sgd { momentum: 0.9, ..Sgd::new(0.1) };
    let mut params = [0.5; PARAMS];
    for step in 1..=8 {
        sgd.step(step, &mut params, &grads, state.get_mut(..PARAMS).unwrap_or_default())?;
    }
    params.iter().for_each(|x| report(*x));
    state.fill(0.0);
    let mut params = [0.5; PARAMS];
    // Its steps have two forms, the second from step 6 on.
    for step in 1..=8 {
        RAdam::new(0.05).step(step, &mut params, &grads, &mut state)?;
    }
    params.iter().for_each(|x| report(*x));
    Ok(())
}

/// Two layers, a few steps of Adam: losses, parameters, and what the last step's tensors hold.
fn training(report: &mut dyn FnMut(f32)) -> Result<()> {
    let mut memory = TapeMem::<12, 160, 160, 16>::new();
    let mut tape = Tape::new(memory.slabs());
    let mut values = [0.0; 20];
    logits(&mut values);
    let first = tape.param(Shape::new(3, 4), values.get(..12).unwrap_or(&[]))?;
    let first_bias = tape.param(Shape::new(1, 3), &[0.1, -0.2, 0.3])?;
    let second = tape.param(Shape::new(2, 3), values.get(..6).unwrap_or(&[]))?;
    let second_bias = tape.param(Shape::new(1, 2), &[0.0, 0.5])?;
    let input = tape.input(Shape::new(5, 4), &values)?;
    let start = tape.mark();
    let x = tape.linear(input, first, first_bias)?;
    let x = tape.tanh(x)?;
    let x = tape.linear(x, second, second_bias)?;
    let x = tape.sigmoid(x)?;
    let logs = tape.log_softmax(x)?;
    let loss = tape.mean(logs)?;
    let mut state = [0.0; 2 * PARAMS];
    for step in 1..=STEPS as u32 {
        tape.zero_grad()?;
        tape.replay(start, Draws::Stream)?;
        tape.backward(loss)?;
        let (params, grads) = tape.params_and_grads();
        Adam::new(0.05).step(step, params, grads, &mut state)?;
        report(tape.value(loss)?.first().copied().unwrap_or(f32::NAN));
    }
    for x in
        tape.params().iter().chain(tape.value(x)?).chain(tape.value(logs)?).chain(tape.grad(x)?).chain(tape.grad(logs)?)
    {
        report(*x);
    }
    Ok(())
}
