//! The tape's contracts: exact footprints, handles that cannot lie, replay, gradients that accumulate where they
//! should.

use reinmax::{
    Argument, Draws, Error, Footprint, GumbelSoftmax, Host, Memory, Node, Portable, ReinMax, Result, Shape, Slab,
    StraightThrough, Tape, TapeMem, Var, measure,
};
use reinmax_tests::{assert_close, assert_same_bits, hosts, tolerance};

/// The polynomial task with one draw a sample, as a microcontroller runs it.
fn polynomial(tape: &mut Tape<'_>) -> Result<Var> {
    let logits = tape.param(Shape::new(128, 2), &[0.01; 256])?;
    let probs = tape.softmax(logits)?;
    let one_hot = tape.sample(ReinMax { tau: 1.0 }, logits, probs, Draws::Stream)?;
    let x = tape.column(one_hot, 0)?;
    let x = tape.affine(x, 1.0, -0.45)?;
    let x = tape.abs_pow(x, 2.0)?;
    tape.mean(x)
}

/// A classifier: linear layers, an activation, cross-entropy.
fn classifier(tape: &mut Tape<'_>) -> Result<Var> {
    let (w1, b1) = (tape.param(Shape::new(7, 4), &[0.1; 28])?, tape.param(Shape::new(1, 7), &[0.0; 7])?);
    let (w2, b2) = (tape.param(Shape::new(3, 7), &[-0.2; 21])?, tape.param(Shape::new(1, 3), &[0.1; 3])?);
    let x = tape.input(Shape::new(5, 4), &[0.5; 20])?;
    let hidden = tape.linear(x, w1, b1)?;
    let hidden = tape.relu(hidden)?;
    let logits = tape.linear(hidden, w2, b2)?;
    let classes = tape.input(Shape::new(5, 1), &[0.0, 1.0, 2.0, 1.0, 0.0])?;
    let losses = tape.cross_entropy(logits, classes)?;
    tape.mean(losses)
}

/// Several draws a row, with an estimator that saves floats, a view and a detached tensor.
fn draws(tape: &mut Tape<'_>) -> Result<Var> {
    let logits = tape.param(Shape::new(3, 4), &[0.3; 12])?;
    let probs = tape.softmax(logits)?;
    let soft = tape.sample_many(GumbelSoftmax { tau: 0.5 }, logits, probs, 5, Draws::Stream)?;
    let hard = tape.sample_many(StraightThrough { tau: 1.0 }, logits, probs, 5, Draws::Stream)?;
    let hard = tape.detach(hard)?;
    let product = tape.mul(soft, hard)?;
    let flat = tape.view(product, Shape::new(1, 60))?;
    tape.sum(flat)
}

const PROGRAMS: [fn(&mut Tape<'_>) -> Result<Var>; 3] = [polynomial, classifier, draws];

#[test]
fn a_footprint_is_exact_and_one_element_less_is_full() {
    for program in PROGRAMS {
        let footprint = measure(Portable, |tape| program(tape).map(drop)).expect("it records");
        let mut memory = Memory::new(&footprint);
        let mut tape = Tape::new(memory.slabs());
        program(&mut tape).expect("the measured memory is enough");
        assert_eq!(tape.footprint(), footprint);
        let Footprint { nodes, values, grads, saved } = footprint;
        for (slab, need) in [(Slab::Nodes, nodes), (Slab::Values, values), (Slab::Grads, grads), (Slab::Saved, saved)] {
            let mut less = footprint;
            match slab {
                Slab::Nodes => less.nodes -= 1,
                Slab::Values => less.values -= 1,
                Slab::Grads => less.grads -= 1,
                Slab::Saved if saved == 0 => continue,
                Slab::Saved => less.saved -= 1,
            }
            let mut memory = Memory::new(&less);
            assert_eq!(program(&mut Tape::new(memory.slabs())), Err(Error::Full { slab, need }));
        }
    }
}

#[test]
fn the_polynomial_task_sample_by_sample_fits_in_16_kib() {
    let footprint = measure(Portable, |tape| polynomial(tape).map(drop)).expect("it records");
    let bytes = footprint.bytes::<Portable>();
    println!("{footprint:?}: {bytes} bytes");
    assert!(bytes <= 16 * 1024, "{bytes}");
}

#[test]
fn a_replay_has_the_bits_of_a_fresh_recording() {
    for program in PROGRAMS {
        let footprint = measure(Portable, |tape| program(tape).map(drop)).expect("it records");
        let mut memory = Memory::new(&footprint);
        let mut tape = Tape::new(memory.slabs());
        tape.seed(5, 6);
        let start = tape.mark();
        let loss = program(&mut tape).expect("room");
        // Two steps on: the third run's draws begin where the second's ended.
        tape.replay(start, Draws::Stream).expect("it ran before");
        let cursor = tape.cursor();
        tape.replay(start, Draws::Stream).expect("it ran before");
        tape.zero_grad().expect("no error");
        tape.backward(loss).expect("a loss");
        let replayed = [tape.value(loss).expect("live"), tape.param_grads()].concat();

        let mut fresh_memory = Memory::new(&footprint);
        let mut fresh = Tape::new(fresh_memory.slabs());
        fresh.seed(5, 6);
        fresh.set_cursor(cursor);
        let loss = program(&mut fresh).expect("room");
        fresh.backward(loss).expect("a loss");
        assert_eq!(fresh.cursor(), tape.cursor());
        assert_same_bits(&replayed, &[fresh.value(loss).expect("live"), fresh.param_grads()].concat(), "replay");
    }
}

#[test]
fn leaves_take_new_values_for_a_replay() {
    let mut memory = TapeMem::<8, 32, 32, 1>::new();
    let mut tape = Tape::new(memory.slabs());
    let w = tape.param(Shape::new(1, 2), &[1.0, 2.0]).expect("room");
    let x = tape.input(Shape::new(1, 2), &[3.0, 4.0]).expect("room");
    let start = tape.mark();
    let product = tape.mul(w, x).expect("room");
    let sum = tape.sum(product).expect("room");
    assert_eq!(tape.value(sum), Ok(&[11.0][..]));
    tape.set(x, &[5.0, 6.0]).expect("a leaf");
    tape.params_mut()[0] = -1.0;
    tape.replay(start, Draws::Stream).expect("it ran before");
    assert_eq!(tape.value(sum), Ok(&[7.0][..]));
    assert_eq!(tape.set(product, &[0.0, 0.0]), Err(Error::NotALeaf));
}

#[test]
fn gradients_of_leaves_add_up_and_others_do_not() {
    let mut memory = TapeMem::<8, 32, 32, 1>::new();
    let mut tape = Tape::new(memory.slabs());
    let w = tape.param(Shape::SCALAR, &[3.0]).expect("room");
    let square = tape.mul(w, w).expect("room");
    tape.backward(square).expect("a loss");
    tape.backward(square).expect("a loss");
    assert_eq!(tape.grad(w), Ok(&[12.0][..]));
    assert_eq!(tape.grad(square), Ok(&[1.0][..]));
    tape.backward_with(square, &[0.5]).expect("a loss");
    assert_eq!(tape.grad(w), Ok(&[15.0][..]));
    tape.zero_grad().expect("no error");
    assert_eq!(tape.grad(w), Ok(&[0.0][..]));
}

#[test]
fn a_tensor_off_the_path_to_the_loss_has_gradient_zero() {
    let mut memory = TapeMem::<8, 32, 32, 1>::new();
    let mut tape = Tape::new(memory.slabs());
    let w = tape.param(Shape::SCALAR, &[3.0]).expect("room");
    let aside = tape.affine(w, 2.0, 0.0).expect("room");
    let loss = tape.mul(w, w).expect("room");
    tape.backward(loss).expect("a loss");
    assert_eq!(tape.grad(aside), Ok(&[0.0][..]));
    assert_eq!(tape.grad(w), Ok(&[6.0][..]));
}

#[test]
fn accumulating_sample_by_sample_equals_the_batch() {
    let forced: Vec<u32> = (0..128 * 6).map(|i| (i * 5 / 3) % 2).collect();
    let footprint = measure(Portable, |tape| polynomial(tape).map(drop)).expect("it records");
    let mut memory = Memory::new(&footprint);
    let mut tape = Tape::new(memory.slabs());
    let logits = tape.param(Shape::new(128, 2), &[0.01; 256]).expect("room");
    let start = tape.mark();
    for sample in forced.chunks(128) {
        let probs = tape.softmax(logits).expect("room");
        let one_hot = tape.sample(ReinMax { tau: 1.0 }, logits, probs, Draws::Forced(sample)).expect("room");
        let x = tape.column(one_hot, 0).expect("room");
        let x = tape.affine(x, 1.0, -0.45).expect("room");
        let x = tape.abs_pow(x, 2.0).expect("room");
        let loss = tape.mean(x).expect("room");
        tape.backward(loss).expect("a loss");
        tape.reset(start).expect("a live mark");
    }
    assert_eq!(tape.cursor(), 0, "forced draws leave the cursor alone");
    // All six samples of a variable side by side, as one node wants them.
    let by_variable: Vec<u32> = (0..128).flat_map(|l| (0..6).map(move |s| s * 128 + l)).map(|i| forced[i]).collect();
    let mut memory = Memory::new(&Footprint { nodes: 8, values: 8192, grads: 8192, saved: 1024 });
    let mut batch = Tape::new(memory.slabs());
    let logits = batch.param(Shape::new(128, 2), &[0.01; 256]).expect("room");
    let probs = batch.softmax(logits).expect("room");
    let draws = Draws::Forced(&by_variable);
    let x = batch.sample_column(ReinMax { tau: 1.0 }, logits, probs, 6, 0, draws).expect("room");
    let x = batch.affine(x, 1.0, -0.45).expect("room");
    let x = batch.abs_pow(x, 2.0).expect("room");
    let loss = batch.mean(x).expect("room");
    batch.backward_with(loss, &[6.0]).expect("a loss");
    let whole: Vec<f64> = batch.param_grads().iter().map(|g| f64::from(*g)).collect();
    assert_close(tape.param_grads(), &whole, tolerance::FORWARD, "micro-batches");
}

#[test]
fn stale_handles_stay_stale_over_many_resets() {
    let mut memory = TapeMem::<4, 8, 8, 1>::new();
    let mut tape = Tape::new(memory.slabs());
    let start = tape.mark();
    let old = tape.input(Shape::SCALAR, &[1.0]).expect("room");
    let after = tape.mark();
    for _ in 0..1 << 17 {
        tape.reset(start).expect("a live mark");
        let new = tape.input(Shape::SCALAR, &[2.0]).expect("room");
        assert_eq!(tape.value(old), Err(Error::Stale));
        assert_eq!(tape.value(new), Ok(&[2.0][..]));
    }
    assert_eq!(tape.reset(after), Err(Error::Stale), "a mark from before the resets");
    assert_eq!(tape.replay(after, Draws::Stream), Err(Error::Stale));
}

#[test]
fn handles_of_other_tapes_are_stale() {
    let (mut memory, mut other_memory) = (TapeMem::<4, 8, 8, 1>::new(), TapeMem::<4, 8, 8, 1>::new());
    let foreign = {
        let mut tape = Tape::new(memory.slabs());
        let mut other = Tape::new(other_memory.slabs());
        let own = tape.input(Shape::SCALAR, &[1.0]).expect("room");
        let foreign = other.input(Shape::SCALAR, &[2.0]).expect("room");
        assert_eq!(tape.value(foreign), Err(Error::Stale));
        assert_eq!(other.value(own), Err(Error::Stale));
        own
    };
    // A later tape on the same slabs does not know the handles of the earlier one.
    let mut tape = Tape::new(memory.slabs());
    tape.input(Shape::SCALAR, &[3.0]).expect("room");
    assert_eq!(tape.value(foreign), Err(Error::Stale));
    assert_eq!(Var::from_bits(foreign.to_bits()), foreign);
    assert_eq!(tape.value(Var::from_bits(u64::MAX)), Err(Error::Stale));
}

#[test]
fn misuse_is_an_error_and_records_nothing() {
    let mut memory = TapeMem::<8, 64, 64, 8>::new();
    let mut tape = Tape::new(memory.slabs());
    let w = tape.param(Shape::new(2, 3), &[0.0; 6]).expect("room");
    let x = tape.input(Shape::new(2, 2), &[0.0, f32::NAN, 0.0, 0.0]).expect("room");
    let mark = tape.mark();
    let value = |argument, at| Error::Value { argument, at };
    use reinmax::Argument as A;
    assert_eq!(tape.softmax(x), Err(Error::Logits { row: 0 }));
    assert!(matches!(tape.add(w, x), Err(Error::Shape { .. })));
    assert!(matches!(tape.matmul(w, w), Err(Error::Shape { .. })));
    assert_eq!(tape.sample(ReinMax { tau: 0.0 }, w, w, Draws::Stream), Err(value(A::Tau, 0)));
    assert_eq!(tape.sample(ReinMax { tau: f32::NAN }, w, w, Draws::Stream), Err(value(A::Tau, 0)));
    assert_eq!(tape.sample(ReinMax { tau: 1.0 }, w, w, Draws::Forced(&[0, 3])), Err(value(A::Index, 1)));
    assert_eq!(tape.sample(ReinMax { tau: 1.0 }, w, w, Draws::Uniforms(&[0.5, 1.0])), Err(value(A::Uniforms, 1)));
    assert!(matches!(tape.sample(ReinMax { tau: 1.0 }, w, w, Draws::Forced(&[0])), Err(Error::Length { .. })));
    assert!(matches!(tape.sample(ReinMax { tau: 1.0 }, w, w, Draws::Forced(&[0; 3])), Err(Error::Length { .. })));
    assert_eq!(tape.abs_pow(w, -1.0), Err(value(A::Power, 0)));
    assert_eq!(tape.slice(w, 2, 2), Err(value(A::Columns, 3)));
    assert_eq!(tape.repeat_rows(w, 0), Err(value(A::Repeats, 0)));
    assert_eq!(tape.backward(w), Err(Error::NotScalar));
    assert_eq!(tape.backward_with(x, &[0.0; 4]), Err(Error::NoGrad));
    assert_eq!(tape.grad(x), Err(Error::NoGrad));
    assert!(matches!(tape.input(Shape::new(2, 2), &[0.0]), Err(Error::Length { .. })));
    assert_eq!(tape.input(Shape::new(1 << 16, 1 << 16), &[]), Err(Error::TooLarge));
    assert_eq!(tape.mark(), mark, "nothing was recorded");
    assert_eq!(tape.footprint(), Footprint { nodes: 2, values: 10, grads: 6, saved: 0 });
    assert_eq!(tape.param(Shape::SCALAR, &[1.0]), Err(Error::ParamAfterOp));
    for error in [Error::Logits { row: 3 }, Error::Stale, value(A::Tau, 0), Error::Full { slab: Slab::Saved, need: 9 }]
    {
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn a_measuring_tape_has_shapes_but_no_values() {
    let mut nodes = [Node::EMPTY; 8];
    let mut tape = Tape::measuring(&mut nodes, Portable);
    let loss = polynomial(&mut tape).expect("enough nodes");
    assert_eq!(tape.shape(loss), Ok(Shape::SCALAR));
    assert_eq!(tape.value(loss), Err(Error::Measuring));
    assert_eq!(tape.backward(loss), Ok(()));
    let leaf = tape.input(Shape::new(1, 2), &[0.0; 2]).expect("enough nodes");
    assert_eq!(tape.set(leaf, &[1.0, 2.0]), Ok(()));
    let short = Error::Length { argument: Argument::Input, expected: 2, got: 1 };
    assert_eq!(tape.set(leaf, &[1.0]), Err(short));
    assert!(tape.params().is_empty());
}

/// The fused loss has the bits of the chain it fuses, forward and backward, at every length and level.
#[test]
fn mean_abs_pow_is_affine_abs_pow_and_mean() {
    for host in hosts() {
        for (n, power) in (1..=130).map(|n| (n, [0.5, 1.0, 1.5, 2.0, 2.7, 3.0][n % 6])) {
            let values: Vec<f32> =
                (0..n).map(|i| [0.45, -0.0, 1.0, 0.0, -3.25][i % 5] + (i / 5) as f32 * 0.11).collect();
            let run = |fused: bool| {
                let record = |tape: &mut Tape<'_, Host>| {
                    let w = tape.param(Shape::new(1, n as u32), &values)?;
                    let loss = if fused {
                        tape.mean_abs_pow(w, -0.45, power)?
                    } else {
                        let shifted = tape.affine(w, 1.0, -0.45)?;
                        let powers = tape.abs_pow(shifted, power)?;
                        tape.mean(powers)?
                    };
                    tape.affine(loss, -1.5, 0.0)
                };
                let mut memory = Memory::new(&measure(host, |tape| record(tape).map(drop)).expect("it records"));
                let mut tape = Tape::with_backend(memory.slabs(), host);
                let loss = record(&mut tape).expect("room");
                // Twice: the second pass adds to what is there.
                tape.backward(loss).expect("a loss");
                tape.backward(loss).expect("a loss");
                (tape.value(loss).expect("recorded").to_vec(), tape.param_grads().to_vec())
            };
            let ((loss, grads), (chain_loss, chain_grads)) = (run(true), run(false));
            let what = format!("n = {n}, power {power}, {}", host.level());
            assert_same_bits(&loss, &chain_loss, &what);
            assert_same_bits(&grads, &chain_grads, &what);
        }
    }
}

/// Leaves of zeros, filled where they lie; nothing that is computed can be written to.
#[test]
fn leaves_are_made_in_place() {
    let record = |tape: &mut Tape<'_>| {
        let w = tape.param_zeros(Shape::new(2, 2))?;
        let x = tape.input_zeros(Shape::new(2, 2))?;
        for (slot, value) in tape.value_mut(x)?.iter_mut().zip([1.0, 2.0, 3.0, 4.0]) {
            *slot = value;
        }
        let product = tape.mul(w, x)?;
        Ok([w, x, product])
    };
    let footprint = measure(Portable, |tape| record(tape).map(drop)).expect("it records");
    let mut memory = Memory::new(&footprint);
    // What an earlier tape left there.
    let slabs = memory.slabs();
    slabs.values.fill(7.0);
    slabs.grads.fill(7.0);
    let mut tape = Tape::new(slabs);
    let start = tape.mark();
    let [w, x, product] = record(&mut tape).expect("room");
    assert_eq!((tape.value(w), tape.grad(w)), (Ok(&[0.0; 4][..]), Ok(&[0.0; 4][..])));
    assert_eq!(tape.value(x), Ok(&[1.0, 2.0, 3.0, 4.0][..]));
    assert_eq!(tape.value(product), Ok(&[0.0; 4][..]));
    tape.value_mut(w).expect("a leaf").fill(2.0);
    tape.replay(start, Draws::Stream).expect("it ran before");
    assert_eq!(tape.value(product), Ok(&[2.0, 4.0, 6.0, 8.0][..]));
    assert_eq!(tape.value_mut(product), Err(Error::NotALeaf));
    assert_eq!(tape.param_zeros(Shape::SCALAR), Err(Error::ParamAfterOp));
}
