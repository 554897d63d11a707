//! Handles and gradients that must not lie: other tapes, memory made again, and gradients that no pass has written.

use reinmax::{Draws, Error, Footprint, Memory, Node, Portable, Result, Shape, Slabs, Tape, TapeMem, Var};

/// One turn of a program that makes its memory, its tape and a tensor of its own, as firmware does in a function.
#[inline(never)]
fn turn(number: u32, kept: Option<Var>) -> (Var, Option<Result<f32>>) {
    let mut memory = TapeMem::<4, 8, 8, 1>::numbered(number);
    let mut tape = Tape::new(memory.slabs());
    let var = tape.input(Shape::SCALAR, &[number as f32]).expect("room");
    (var, kept.map(|kept| tape.value(kept).map(|value| value[0])))
}

/// Memory made again lies where the old one lay, on the stack and on the heap. A handle of the tape that was there
/// before is stale all the same.
#[test]
fn handles_do_not_outlive_memory_that_is_made_again() {
    let (mut kept, mut outcomes) = (None, Vec::new());
    for at in 0..4 {
        let (var, outcome) = turn(at, kept);
        outcomes.extend(outcome);
        kept = kept.or(Some(var));
    }
    assert_eq!(outcomes, vec![Err(Error::Stale); 3], "the handle of the first turn, in later ones");
}

#[test]
fn handles_do_not_outlive_a_heap_that_is_used_again() {
    let footprint = Footprint { nodes: 4, values: 8, grads: 8, saved: 1 };
    let mut kept: Option<Var> = None;
    for at in 0..4 {
        let mut memory = Memory::new(&footprint);
        let mut tape = Tape::new(memory.slabs());
        let var = tape.input(Shape::SCALAR, &[at as f32]).expect("room");
        if let Some(kept) = kept {
            assert_eq!(tape.value(kept), Err(Error::Stale), "turn {at}");
        }
        kept = kept.or(Some(var));
    }
}

/// A copy of used memory begins like its original: handles of the one must not fit the other.
#[test]
fn handles_do_not_pass_to_a_copy_of_the_memory() {
    let footprint = Footprint { nodes: 4, values: 8, grads: 8, saved: 1 };
    let mut memory: Memory = Memory::new(&footprint);
    Tape::new(memory.slabs()).input(Shape::SCALAR, &[1.0]).expect("room");
    let mut copy = memory.clone();
    let (mut first, mut second) = (Tape::new(memory.slabs()), Tape::new(copy.slabs()));
    let of_first = first.input(Shape::SCALAR, &[2.0]).expect("room");
    let of_second = second.input(Shape::SCALAR, &[3.0]).expect("room");
    assert_eq!(second.value(of_first), Err(Error::Stale));
    assert_eq!(first.value(of_second), Err(Error::Stale));
}

/// Many tapes alive at the same time; no handle of one is taken by another, even where shapes and positions agree.
#[test]
fn no_tape_of_many_takes_the_handle_of_another() {
    let mut memories: Vec<_> = (0..64).map(|_| TapeMem::<4, 8, 8, 1>::new()).collect();
    let mut tapes: Vec<_> = memories.iter_mut().map(|memory| Tape::new(memory.slabs())).collect();
    let beginnings: Vec<_> = tapes.iter().map(Tape::mark).collect();
    let vars: Vec<Var> = tapes.iter_mut().map(|tape| tape.input(Shape::SCALAR, &[1.0]).expect("room")).collect();
    let marks: Vec<_> = tapes.iter().map(Tape::mark).collect();
    for (i, tape) in tapes.iter_mut().enumerate() {
        for j in (0..vars.len()).filter(|j| *j != i) {
            assert_eq!(tape.value(vars[j]), Err(Error::Stale), "tape {i}, handle of {j}");
            for mark in [beginnings[j], marks[j]] {
                assert_eq!(tape.reset(mark), Err(Error::Stale), "tape {i}, mark of {j}");
                assert_eq!(tape.replay(mark, Draws::Stream), Err(Error::Stale), "tape {i}, mark of {j}");
            }
        }
        assert_eq!(tape.value(vars[i]), Ok(&[1.0][..]));
        tape.reset(beginnings[i]).expect("its own");
    }
}

/// Every use of a stale handle is refused, as input, as loss, and to be set.
#[test]
fn a_stale_handle_is_refused_everywhere() {
    let mut memory = TapeMem::<8, 64, 64, 8>::new();
    let mut tape = Tape::new(memory.slabs());
    let w = tape.param(Shape::new(2, 2), &[1.0; 4]).expect("room");
    let start = tape.mark();
    let old = tape.mul(w, w).expect("room");
    tape.reset(start).expect("a live mark");
    let uses = [
        tape.add(w, old),
        tape.mul(old, w),
        tape.view(old, Shape::new(1, 4)),
        tape.detach(old),
        tape.softmax(old),
        tape.linear(w, w, old),
        tape.select(old, w, w),
        tape.sum(old),
    ];
    assert_eq!(uses, [Err(Error::Stale); 8]);
    assert_eq!(tape.backward(old), Err(Error::Stale));
    assert_eq!(tape.backward_with(old, &[1.0; 4]), Err(Error::Stale));
    assert_eq!(tape.set(old, &[1.0; 4]), Err(Error::Stale));
    assert_eq!(tape.grad(old), Err(Error::Stale));
    assert_eq!(tape.shape(old), Err(Error::Stale));
    assert_eq!(tape.mark(), start);
}

/// `backward` zeroes the gradients of all nodes that are not leaves: also of those recorded after the loss.
#[test]
fn a_tensor_recorded_after_the_loss_has_gradient_zero() {
    // What lay in the slab before must not be read as a gradient.
    let (mut nodes, mut grads) = ([Node::EMPTY; 8], [f32::NAN; 16]);
    let (mut values, mut saved) = ([f32::NAN; 16], [f32::NAN; 1]);
    let slabs = Slabs { nodes: &mut nodes, values: &mut values, grads: &mut grads, saved: &mut saved };
    let mut tape = Tape::with_backend(slabs, Portable);
    let w = tape.param(Shape::SCALAR, &[3.0]).expect("room");
    let loss = tape.mul(w, w).expect("room");
    let later = tape.affine(loss, 2.0, 0.0).expect("room");
    tape.backward(loss).expect("a loss");
    assert_eq!(tape.grad(later), Ok(&[0.0][..]), "never written");
    tape.backward(later).expect("a loss");
    assert_eq!(tape.grad(w), Ok(&[6.0 + 12.0][..]));
    tape.backward(loss).expect("a loss");
    assert_eq!(tape.grad(later), Ok(&[0.0][..]), "left from the pass before");
    assert_eq!(tape.grad(w), Ok(&[6.0 + 12.0 + 6.0][..]));
}

/// Views and detached names: one gradient under several names, and losses that are such names.
#[test]
fn views_share_their_gradient_and_detached_names_have_none() {
    let mut memory = TapeMem::<16, 128, 128, 8>::new();
    let mut tape = Tape::new(memory.slabs());
    let w = tape.param(Shape::new(2, 3), &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).expect("room");
    let flat = tape.view(w, Shape::new(1, 6)).expect("room");
    let square = tape.mul(flat, flat).expect("room");
    let tall = tape.view(square, Shape::new(6, 1)).expect("room");
    let tall_again = tape.view(tall, Shape::new(3, 2)).expect("room");
    let (first, second) = (tape.sum(tall).expect("room"), tape.sum(tall_again).expect("room"));
    let both = tape.add(first, second).expect("room");
    let loss = tape.view(both, Shape::SCALAR).expect("room");
    let constant = tape.detach(loss).expect("room");
    assert_eq!(tape.backward(constant), Err(Error::NoGrad));
    let constant_again = tape.view(constant, Shape::SCALAR).expect("room");
    assert_eq!(tape.backward(constant_again), Err(Error::NoGrad));
    for pass in 1..=3 {
        tape.backward(loss).expect("a loss");
        assert_eq!(tape.grad(tall), Ok(&[2.0; 6][..]), "a computed gradient starts at 0 in each pass");
        assert_eq!(tape.grad(tall_again), tape.grad(square));
        let expected: Vec<f32> = (1..=6).map(|x| 4.0 * (x * pass) as f32).collect();
        assert_eq!(tape.grad(flat), Ok(&expected[..]));
        assert_eq!(tape.param_grads(), &expected[..]);
    }
    // A view of the middle of a chain, as the loss.
    tape.zero_grad().expect("no error");
    tape.backward_with(tall_again, &[1.0; 6]).expect("a gradient");
    assert_eq!(tape.param_grads(), &[2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
}

/// A replay starts at its mark: what lies before keeps its values, and draws go on where the cursor is.
#[test]
fn a_replay_from_the_middle_leaves_what_lies_before() {
    let mut memory = TapeMem::<8, 64, 64, 8>::new();
    let mut tape = Tape::new(memory.slabs());
    let w = tape.param(Shape::new(1, 2), &[1.0, 2.0]).expect("room");
    let before = tape.affine(w, 10.0, 0.0).expect("room");
    let middle = tape.mark();
    let after = tape.affine(before, 1.0, 1.0).expect("room");
    tape.set(w, &[5.0, 6.0]).expect("a parameter");
    tape.replay(middle, Draws::Stream).expect("it ran before");
    assert_eq!(tape.value(before), Ok(&[10.0, 20.0][..]));
    assert_eq!(tape.value(after), Ok(&[11.0, 21.0][..]));
}

/// The handles of a slab run out one day; then nothing is recorded, and no handle of an earlier tape comes to life
/// again.
#[test]
#[ignore = "billions of resets: half a minute; ./ci.sh exhaustive"]
fn a_tape_that_has_run_out_of_handles_says_so() {
    let mut memory = TapeMem::<2, 4, 4, 0>::new();
    let mut tape = Tape::new(memory.slabs());
    let mark = tape.mark();
    let first = tape.input(Shape::new(1, 1), &[1.0]).expect("room").to_bits() >> 32;
    for _ in first + 1..u64::from(u32::MAX) {
        tape.reset(mark).expect("handles are left");
    }
    let last = tape.input(Shape::new(1, 1), &[1.0]).expect("the last handles");
    let mut next = Tape::new(memory.slabs());
    assert_eq!(next.value(last), Err(Error::Stale));
    assert_eq!(next.input(Shape::new(1, 1), &[2.0]), Err(Error::EpochsExhausted));
    assert_eq!(next.value(last), Err(Error::Stale));
    assert_eq!(next.reset(mark), Err(Error::EpochsExhausted));
}
