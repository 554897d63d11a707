//! A program that is linked, never run: its panic handler calls a function that exists nowhere, so the linker refuses
//! it where any panic can be reached from a training step, from the flat kernels, or from a tape used wrongly. It links
//! only `core`, so an allocation could not be linked either.

#![no_std]
#![no_main]

use core::hint::black_box;

use reinmax_core::optim::{Adam, Optimizer, RAdam, Sgd, clip_norm};
use reinmax_core::{
    Draws, Estimator, GradientInputs, GumbelSoftmax, Noise, Portable, ReinMax, Result, Shape, StraightThrough, Stream,
    Tape, TapeMem, Var, categorical,
};

unsafe extern "C" {
    /// Defined nowhere.
    fn a_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: a program that could get here does not link.
    unsafe { a_panic_is_reachable() }
}

/// Every operation, with shapes that the compiler does not know.
fn record(tape: &mut Tape<'_>, shape: Shape, values: &[f32], draws: u32) -> Result<Var> {
    let logits = tape.param(shape, values)?;
    let weight = tape.param(shape, values)?;
    let bias = tape.param(shape, values)?;
    let probs = tape.softmax(logits)?;
    let mut x = tape.sample_many(ReinMax { tau: values.len() as f32 }, logits, probs, draws, Draws::Stream)?;
    let y = tape.sample_many(StraightThrough { tau: 1.5 }, logits, probs, draws, Draws::Uniforms(values))?;
    let z = tape.sample_many(GumbelSoftmax { tau: 0.5 }, logits, probs, draws, Draws::Forced(&[draws]))?;
    x = tape.add(x, y)?;
    x = tape.sub(x, z)?;
    x = tape.mul(x, x)?;
    x = tape.affine(x, 2.0, -0.5)?;
    x = tape.abs_pow(x, 1.7)?;
    let power = tape.mean_abs_pow(x, -0.5, 2.5)?;
    x = tape.linear(x, weight, bias)?;
    x = tape.matmul(x, weight)?;
    x = tape.leaky_relu(x, 0.01)?;
    x = tape.sigmoid(x)?;
    x = tape.tanh(x)?;
    x = tape.select(x, x, y)?;
    x = tape.log_softmax(x)?;
    x = tape.repeat_rows(x, draws)?;
    x = tape.slice(x, draws, draws)?;
    x = tape.concat(x, y)?;
    x = tape.view(x, shape)?;
    let classes = tape.column(x, draws)?;
    let one_hot = tape.argmax_one_hot(x)?;
    let gathered = tape.gather_rows(x, classes)?;
    x = tape.bce_with_logits(gathered, one_hot)?;
    let entropy = tape.entropy(probs)?;
    let divergence = tape.kl_to_uniform(probs)?;
    x = tape.add(x, entropy)?;
    x = tape.sub(x, divergence)?;
    x = tape.sub(x, power)?;
    x = tape.detach(x)?;
    x = tape.cross_entropy(x, classes)?;
    let sum = tape.sum(x)?;
    let mean = tape.mean(x)?;
    tape.add(sum, mean)
}

/// Training steps with every optimiser.
fn train(tape: &mut Tape<'_>, shape: Shape, values: &[f32], draws: u32, state: &mut [f32]) -> Result<()> {
    tape.seed(u64::from(draws), 1);
    let start = tape.mark();
    let loss = record(tape, shape, values, draws)?;
    for step in 1..=draws {
        tape.zero_grad()?;
        tape.replay(start, Draws::Stream)?;
        tape.backward(loss)?;
        clip_norm(&Portable, tape.param_grads_mut(), 5.0)?;
        let (params, grads) = tape.params_and_grads();
        Adam::new(1e-3).step(step, params, grads, state)?;
        RAdam::new(1e-3).step(step, params, grads, state)?;
        Sgd::new(1e-3).step(step, params, grads, state)?;
    }
    tape.reset(start)
}

/// The flat kernels, with lengths that the compiler does not know.
fn flat(values: &[f32], k: usize, index: &mut [u32], out: &mut [f32]) -> Result<()> {
    categorical::softmax(&Portable, values, k, 1.3, out)?;
    categorical::log_softmax(&Portable, values, k, out)?;
    categorical::draw(&Portable, values, k, index.len(), Noise::stream(&Stream::new(1, 2), 3), index)?;
    categorical::one_hot(&Portable, index, k, out)?;
    let (saved, upstream) = (values, values);
    let inputs = GradientInputs { logits: values, probs: values, index, saved, upstream, k, draws: 1, column: Some(1) };
    ReinMax { tau: 1.0 }.backward(&Portable, inputs, out)
}

/// Where a program without a run-time system starts.
#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    let mut memory = TapeMem::<64, 512, 512, 256>::new();
    let (values, mut state, mut index, mut out) = (black_box([0.5; 8]), [0.0; 64], black_box([0; 4]), [0.0; 8]);
    let (shape, draws) = (black_box(Shape::new(2, 4)), black_box(2));
    let mut tape = Tape::new(memory.slabs());
    // The errors are beside the point; that they are values is the point.
    let _ = black_box(train(&mut tape, shape, &values, draws, &mut state));
    let _ = black_box(flat(&values, draws as usize, &mut index, &mut out));
    loop {
        core::hint::spin_loop();
    }
}
