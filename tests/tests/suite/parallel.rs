//! Data-parallel steps: the result belongs to the blocks, not to the threads.

use reinmax::{DataParallel, Draws, Error, Host, ReinMax, Result, Shape, Tape, measure};
use reinmax_tests::assert_same_bits;

const SHAPE: Shape = Shape::new(9, 4);

/// One block's loss and gradient; its draws come from a stream of its own.
fn block(b: usize, tape: &mut Tape<'_, Host>) -> Result<f32> {
    tape.seed(3, b as u64);
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
