//! Data-parallel steps and kernels cut into parts: the result does not depend on the threads.

use rayon::prelude::*;
use reinmax::categorical::{draw, log_softmax, one_hot, softmax};
use reinmax::kernel::linear::{Contraction, Operand};
use reinmax::{
    Backend, DataParallel, DrawInputs, Draws, Error, Estimator, GradientInputs, GumbelSoftmax, Host, Noise, ReinMax,
    Result, Shape, StraightThrough, Stream, Tape, measure,
};
use reinmax_tests::{assert_same_bits, hosts, uniforms};

const SHAPE: Shape = Shape::new(9, 4);

/// One block's loss and gradient; its draws come from a stream of its own.
fn block(b: usize, tape: &mut Tape<'_, Host>) -> Result<f32> {
    tape.seed(3, b as u64);
    on_the_tapes_stream(tape)
}

fn on_the_tapes_stream(tape: &mut Tape<'_, Host>) -> Result<f32> {
    let params: Vec<f32> = (0..SHAPE.len()).map(|i| (i % 7) as f32 * 0.1).collect();
    let logits = tape.param(SHAPE, &params)?;
    let probs = tape.softmax(logits)?;
    let one_hot = tape.sample_many(ReinMax { tau: 1.3 }, logits, probs, 20, Draws::Stream)?;
    let x = tape.affine(one_hot, 0.7, -0.2)?;
    let x = tape.abs_pow(x, 2.7)?;
    let loss = tape.mean(x)?;
    tape.backward(loss)?;
    if tape.is_measuring() { Ok(0.0) } else { tape.value(loss).map(|value| value[0]) }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let host = Host::detect();
    let footprint = measure(host, |tape| block(0, tape).map(drop)).expect("it records");
    let mut first: Option<Vec<f32>> = None;
    for threads in [1, 2, 3, 0] {
        let mut parallel = DataParallel::new(host, &footprint, 5, threads).expect("threads");
        for _ in 0..20 {
            let mut grads = vec![f32::NAN; SHAPE.len()];
            let loss = parallel.step(&mut grads, block).expect("all blocks run");
            grads.push(loss);
            assert_same_bits(first.get_or_insert_with(|| grads.clone()), &grads, &format!("{threads} threads"));
        }
    }
}

#[test]
fn the_first_block_that_fails_is_reported() {
    let host = Host::detect();
    let footprint = measure(host, |tape| block(0, tape).map(drop)).expect("it records");
    let mut parallel = DataParallel::new(host, &footprint, 4, 2).expect("threads");
    let outcome = parallel.step(&mut vec![0.0; SHAPE.len()], |b, tape| match b {
        0 | 1 => block(b, tape),
        2 => Err(Error::NoGrad),
        _ => Err(Error::Stale),
    });
    assert_eq!(outcome, Err(Error::NoGrad));
}

/// Seed and stream are all that a checkpoint needs to go on with the same draws.
#[test]
fn a_step_is_repeated_from_its_stream() {
    let host = Host::detect();
    let footprint = measure(host, |tape| block(0, tape).map(drop)).expect("it records");
    let mut parallel = DataParallel::new(host, &footprint, 4, 2).expect("threads");
    parallel.seed(3);
    let (mut first, mut second) = (vec![0.0; SHAPE.len()], vec![0.0; SHAPE.len()]);
    parallel.step(&mut second, |_, tape| on_the_tapes_stream(tape)).expect("room");
    let stream = parallel.stream();
    assert_eq!(stream, 4);
    parallel.step(&mut first, |_, tape| on_the_tapes_stream(tape)).expect("room");
    assert_ne!(first, second);
    let mut resumed = DataParallel::new(host, &footprint, 4, 1).expect("no threads");
    resumed.seed(3);
    resumed.set_stream(stream);
    resumed.step(&mut second, |_, tape| on_the_tapes_stream(tape)).expect("room");
    assert_eq!(first, second);
}

#[test]
fn an_os_seed_differs_from_the_next() {
    assert_ne!(reinmax::os_seed().expect("a source"), reinmax::os_seed().expect("a source"));
}

/// Lengths are compared: too many gradients, or too few, are an error and never cut down or filled up.
#[test]
fn gradients_must_be_as_many_as_the_parameters() {
    let host = Host::detect();
    let footprint = measure(host, |tape| block(0, tape).map(drop)).expect("it records");
    // The slab of gradients is longer than the parameters: it holds those of intermediate tensors too.
    assert!(footprint.grads > SHAPE.len() + 4);
    for got in [0, SHAPE.len() - 1, SHAPE.len() + 1, SHAPE.len() + 4] {
        let mut parallel = DataParallel::new(host, &footprint, 3, 2).expect("threads");
        let outcome = parallel.step(&mut vec![0.0; got], block);
        assert!(matches!(outcome, Err(Error::Length { .. })), "{got} gradients: {outcome:?}");
    }
}

/// Blocks that do not seed their tapes have noise of their own in every step; the same seed gives it again.
#[test]
fn each_block_of_each_step_draws_from_a_stream_of_its_own() {
    let host = Host::detect();
    let draw = |tape: &mut Tape<'_, Host>| {
        let logits = tape.param(Shape::new(8, 4), &[0.0; 32])?;
        let probs = tape.softmax(logits)?;
        let one_hot = tape.sample(ReinMax { tau: 1.0 }, logits, probs, Draws::Stream)?;
        // A number for each outcome of the eight draws.
        let place: Vec<f32> = (0..32).map(|i| (i % 4) as f32 * 4_f32.powi(i / 4)).collect();
        let place = tape.input(Shape::new(8, 4), &place)?;
        let product = tape.mul(one_hot, place)?;
        let loss = tape.sum(product)?;
        if tape.is_measuring() { Ok(0.0) } else { tape.value(loss).map(|value| value[0]) }
    };
    let footprint = measure(host, |tape| draw(tape).map(drop)).expect("it records");
    let mut parallel = DataParallel::new(host, &footprint, 3, 2).expect("threads");
    let mut outcomes = || -> Vec<f32> {
        let steps = (0..4).map(|_| {
            let seen = std::sync::Mutex::new([f32::NAN; 3]);
            let run = |b: usize, tape: &mut Tape<'_, Host>| {
                let outcome = draw(tape)?;
                seen.lock().expect("no panic")[b] = outcome;
                Ok(outcome)
            };
            parallel.step(&mut [0.0; 32], run).expect("it runs");
            seen.into_inner().expect("no panic")
        });
        let all = steps.flatten().collect();
        parallel.seed(0);
        all
    };
    let first = outcomes();
    for (i, outcome) in first.iter().enumerate() {
        assert!(!first[..i].contains(outcome), "block {i} of {first:?} repeats another");
    }
    assert_eq!(first, outcomes());
}

/// The sum over blocks is that of tapes of one's own, added in order.
#[test]
fn a_step_adds_up_its_blocks_in_order() {
    let host = Host::detect();
    let footprint = measure(host, |tape| block(0, tape).map(drop)).expect("it records");
    let (mut loss, mut grads) = (0.0, vec![0.0; SHAPE.len()]);
    for b in 0..5 {
        let mut memory = reinmax::Memory::new(&footprint);
        let mut tape = Tape::with_backend(memory.slabs(), host);
        loss += block(b, &mut tape).expect("it runs");
        grads.iter_mut().zip(tape.param_grads()).for_each(|(sum, g)| *sum += g);
    }
    let mut parallel = DataParallel::new(host, &footprint, 5, 3).expect("threads");
    let mut got = vec![f32::NAN; SHAPE.len()];
    let got_loss = parallel.step(&mut got, block).expect("all blocks run");
    assert_same_bits(&[got_loss], &[loss], "loss");
    assert_same_bits(&got, &grads, "gradients");
}

/// Kernels that are large enough to be cut have the bits of one thread, however many parts there are.
#[test]
fn a_kernel_cut_into_parts_has_the_same_bits() {
    for (rows, k, draws) in [(150_001, 2, 1), (9_001, 33, 1), (401, 1100, 1), (33, 3, 9000), (37, 20, 700)] {
        let logits: Vec<f32> = uniforms(0, rows * k).iter().map(|u| u * 8.0 - 4.0).collect();
        let upstream = uniforms(1, rows * draws * k);
        let all = |host: &Host| {
            let n = rows * k;
            let (mut probs, mut logs, mut out) =
                (vec![f32::NAN; n], vec![f32::NAN; n], vec![f32::NAN; rows * draws * k]);
            let (mut index, mut grad, mut noise) =
                (vec![u32::MAX; rows * draws], vec![0.5; n], vec![f32::NAN; 200_003]);
            softmax(host, &logits, k, 0.9, &mut probs).expect("logits");
            log_softmax(host, &logits, k, &mut logs).expect("logits");
            draw(host, &probs, k, draws, Noise::stream(&Stream::new(3, 4), 7), &mut index).expect("probs");
            one_hot(host, &index, k, &mut out).expect("indices");
            Stream::new(1, 2).fill_uniforms_on(host, 5, &mut noise);
            let (mut relaxed, mut chosen) = (vec![f32::NAN; rows * draws * k], vec![u32::MAX; rows * draws]);
            let inputs =
                DrawInputs { logits: &logits, probs: &probs, k, draws, noise: Noise::stream(&Stream::new(3, 4), 7) };
            GumbelSoftmax { tau: 0.5 }.draw(host, inputs, &mut chosen, &mut relaxed).expect("logits");
            let (stream, mut conditioned) = (Stream::new(3, 5), vec![f32::NAN; rows * draws * k]);
            let forced = DrawInputs { noise: Noise::Forced { index: &index, stream, position: 9 }, ..inputs };
            GumbelSoftmax { tau: 0.5 }.draw(host, forced, &mut chosen, &mut conditioned).expect("logits");
            assert_eq!(chosen, index);
            let (saved, column) = (&[][..], None);
            let inputs = GradientInputs {
                logits: &logits,
                probs: &probs,
                index: &index,
                saved,
                upstream: &upstream,
                k,
                draws,
                column,
            };
            ReinMax { tau: 1.0 }.backward(host, inputs, &mut grad).expect("inputs");
            StraightThrough { tau: 0.5 }.backward(host, inputs, &mut grad).expect("inputs");
            let gumbel = GradientInputs { saved: &upstream, ..inputs };
            GumbelSoftmax { tau: 0.5 }.backward(host, gumbel, &mut grad).expect("inputs");
            let index: Vec<f32> = index.iter().map(|index| *index as f32).collect();
            [probs, logs, index, out, grad, noise, relaxed, conditioned]
        };
        for host in hosts() {
            let alone = all(&host);
            for threads in [2, 3, 7] {
                for (a, b) in alone.iter().zip(all(&host.with_threads(threads))) {
                    assert_same_bits(a, &b, &format!("{rows} x {k}, {threads} threads, {}", host.level()));
                }
            }
        }
    }
}

#[test]
fn a_part_names_the_row_that_has_no_softmax() {
    let (rows, k) = (100_000, 4);
    let mut logits = vec![0.0; rows * k];
    let mut out = vec![0.0; rows * k];
    // From the last to the first: the first of all is named, whichever part is done first.
    for bad in [99_990, 60_001, 33_333, 5] {
        logits[bad * k + 1] = f32::NAN;
        for threads in [2, 3, 8] {
            let outcome = softmax(&Host::detect().with_threads(threads), &logits, k, 1.0, &mut out);
            assert_eq!(outcome, Err(Error::Logits { row: bad }));
        }
    }
}

/// A kernel may be cut while the threads of the pool are busy with others that are cut too.
#[test]
fn kernels_are_cut_on_threads_of_the_pool() {
    let k = 10;
    let logits = uniforms(3, 30_000 * k);
    let run = |threads: usize| {
        let mut out = vec![f32::NAN; logits.len()];
        softmax(&Host::detect().with_threads(threads), &logits, k, 1.0, &mut out).expect("logits");
        out
    };
    let alone = run(1);
    let others: Vec<Vec<f32>> = (0..16).into_par_iter().map(|_| run(3)).collect();
    for other in others {
        assert_same_bits(&alone, &other, "on a thread of the pool");
    }
}

#[test]
fn a_matrix_product_cut_into_parts_has_the_same_bits() {
    let (rows, inner, cols) = (301, 70, 67);
    let (a, b, bias) = (uniforms(0, rows * inner), uniforms(1, inner * cols), uniforms(2, cols));
    let product = |host: &Host, transposed: bool| {
        let mut out = vec![0.25; rows * cols];
        let b = Operand { values: &b, transposed };
        let contraction =
            Contraction { a: Operand::plain(&a), b, bias: &bias, rows, inner, cols, add: true, out: &mut out };
        host.contract(contraction).expect("sizes");
        out
    };
    for transposed in [false, true] {
        let host = Host::detect();
        assert_same_bits(&product(&host, transposed), &product(&host.with_threads(2), transposed), "two threads");
    }
}
