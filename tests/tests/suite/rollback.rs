//! "On an error the tape has recorded nothing", and `Full { need }` is the length that would have been enough: for
//! every operation and every slab that can end.

use reinmax::{
    Argument, Draws, Error, Footprint, GumbelSoftmax, Memory, Portable, ReinMax, Result, Shape, Slab, StraightThrough,
    Tape, Var, measure,
};
use reinmax_tests::assert_same_bits;

/// What operations work on.
#[derive(Clone, Copy)]
struct Setup {
    x: Var,
    probs: Var,
    square: Var,
    bias: Var,
    classes: Var,
}

const ROWS: u32 = 3;

fn setup(tape: &mut Tape<'_>, k: u32) -> Result<Setup> {
    let shape = Shape::new(ROWS, k);
    let x: Vec<f32> = (0..shape.len()).map(|i| (i % 5) as f32 * 0.3 - 0.5).collect();
    let x = tape.param(shape, &x)?;
    let square = tape.input(Shape::new(k, k), &vec![0.25; (k * k) as usize])?;
    let bias = tape.input(Shape::new(1, k), &vec![0.5; k as usize])?;
    let classes = tape.input(Shape::new(ROWS, 1), &[1.0, 0.0, 2.0])?;
    let probs = tape.softmax(x)?;
    Ok(Setup { x, probs, square, bias, classes })
}

type Record = fn(&mut Tape<'_>, Setup) -> Result<Var>;

const OPERATIONS: [(&str, Record); 37] = [
    ("input", |t, _| t.input(Shape::new(2, 2), &[1.0; 4])),
    ("differentiable_input", |t, _| t.differentiable_input(Shape::new(2, 2), &[1.0; 4])),
    ("view", |t, s| t.view(s.x, Shape::new(1, t.shape(s.x)?.len() as u32))),
    ("detach", |t, s| t.detach(s.x)),
    ("repeat_rows", |t, s| t.repeat_rows(s.x, 3)),
    ("slice", |t, s| t.slice(s.x, 1, 2)),
    ("column", |t, s| t.column(s.x, 2)),
    ("concat", |t, s| t.concat(s.x, s.probs)),
    ("add", |t, s| t.add(s.x, s.probs)),
    ("sub", |t, s| t.sub(s.x, s.probs)),
    ("mul", |t, s| t.mul(s.x, s.x)),
    ("affine", |t, s| t.affine(s.x, 2.0, 1.0)),
    ("abs_pow", |t, s| t.abs_pow(s.x, 2.7)),
    ("mean_abs_pow", |t, s| t.mean_abs_pow(s.x, -0.5, 2.7)),
    ("matmul", |t, s| t.matmul(s.x, s.square)),
    ("linear", |t, s| t.linear(s.x, s.square, s.bias)),
    ("relu", |t, s| t.relu(s.x)),
    ("leaky_relu", |t, s| t.leaky_relu(s.x, 0.1)),
    ("sigmoid", |t, s| t.sigmoid(s.x)),
    ("tanh", |t, s| t.tanh(s.x)),
    ("softmax", |t, s| t.softmax(s.x)),
    ("log_softmax", |t, s| t.log_softmax(s.x)),
    ("bce_with_logits", |t, s| t.bce_with_logits(s.x, s.probs)),
    ("cross_entropy", |t, s| t.cross_entropy(s.x, s.classes)),
    ("entropy", |t, s| t.entropy(s.probs)),
    ("kl_to_uniform", |t, s| t.kl_to_uniform(s.probs)),
    ("sum", |t, s| t.sum(s.x)),
    ("mean", |t, s| t.mean(s.x)),
    ("gather_rows", |t, s| t.gather_rows(s.x, s.classes)),
    ("select", |t, s| t.select(s.probs, s.x, s.probs)),
    ("argmax_one_hot", |t, s| t.argmax_one_hot(s.x)),
    ("sample", |t, s| t.sample(ReinMax { tau: 1.0 }, s.x, s.probs, Draws::Stream)),
    ("sample, forced", |t, s| t.sample(ReinMax { tau: 1.3 }, s.x, s.probs, Draws::Forced(&[0, 2, 1]))),
    ("sample, uniforms", |t, s| {
        t.sample(StraightThrough { tau: 1.0 }, s.x, s.probs, Draws::Uniforms(&[0.1, 0.9, 0.5]))
    }),
    ("sample_many", |t, s| t.sample_many(StraightThrough { tau: 0.5 }, s.x, s.probs, 4, Draws::Stream)),
    ("gumbel_softmax", |t, s| t.sample_many(GumbelSoftmax { tau: 0.5 }, s.x, s.probs, 2, Draws::Stream)),
    ("sample_column", |t, s| t.sample_column(ReinMax { tau: 1.0 }, s.x, s.probs, 2, 1, Draws::Stream)),
];

fn length(footprint: &mut Footprint, slab: Slab) -> &mut usize {
    match slab {
        Slab::Nodes => &mut footprint.nodes,
        Slab::Values => &mut footprint.values,
        Slab::Grads => &mut footprint.grads,
        Slab::Saved => &mut footprint.saved,
    }
}

const SLABS: [Slab; 4] = [Slab::Nodes, Slab::Values, Slab::Grads, Slab::Saved];

/// Runs `operation` where `slab` has `room` elements and the others have enough; it must end in `Full`.
fn refused(name: &str, k: u32, operation: Record, enough: &Footprint, slab: Slab, room: usize) {
    let what = format!("{name}, k = {k}, {room} elements of {slab:?}");
    let (mut enough, mut less) = (*enough, *enough);
    let need = *length(&mut enough, slab);
    *length(&mut less, slab) = room;
    let mut memory = Memory::new(&less);
    let mut tape = Tape::new(memory.slabs());
    let leaves = setup(&mut tape, k).expect(&what);
    tape.set_cursor(40);
    let before = (tape.mark(), tape.footprint(), tape.cursor());
    assert_eq!(operation(&mut tape, leaves), Err(Error::Full { slab, need }), "{what}");
    assert_eq!((tape.mark(), tape.footprint(), tape.cursor()), before, "{what}: something was recorded");
}

/// k = 3 lies across the lanes, k = 17 along them; `sample_column` is one node or three.
#[test]
fn full_records_nothing_and_names_what_would_be_enough() {
    for k in [3, 17] {
        let start = measure(Portable, |tape| setup(tape, k).map(drop)).expect("it records");
        for (name, operation) in OPERATIONS {
            let record = |tape: &mut Tape<'_>| setup(tape, k).and_then(|leaves| operation(tape, leaves)).map(drop);
            let mut enough = measure(Portable, record).expect(name);
            for slab in SLABS {
                let (none, all) = (*length(&mut start.clone(), slab), *length(&mut enough, slab));
                for room in [none, all.saturating_sub(1)] {
                    if none <= room && room < all {
                        refused(name, k, operation, &enough, slab, room);
                    }
                }
            }
        }
    }
}

/// Operations that fail for what they read, between those of an ordinary program.
fn failures(tape: &mut Tape<'_>, s: Setup) {
    let before = (tape.mark(), tape.footprint(), tape.cursor());
    let stream = Draws::Stream;
    let nan = GumbelSoftmax { tau: f32::NAN };
    let outcomes = [
        tape.sample(ReinMax { tau: 1.0 }, s.x, s.probs, Draws::Forced(&[0, 99, 0])),
        tape.sample(ReinMax { tau: 1.0 }, s.x, s.probs, Draws::Forced(&[0; 4])),
        tape.sample(ReinMax { tau: 1.0 }, s.x, s.probs, Draws::Uniforms(&[0.5, f32::NAN, 0.5])),
        tape.sample(ReinMax { tau: 1.0 }, s.x, s.probs, Draws::Uniforms(&[0.5; 2])),
        tape.sample(GumbelSoftmax { tau: 1.0 }, s.x, s.probs, Draws::Uniforms(&[0.5; 3])),
        tape.sample(ReinMax { tau: f32::INFINITY }, s.x, s.probs, stream),
        tape.sample(nan, s.x, s.probs, stream),
        tape.sample(ReinMax { tau: 1.0 }, s.x, s.bias, stream),
        tape.sample_many(ReinMax { tau: 1.0 }, s.x, s.probs, 0, stream),
        tape.sample_column(ReinMax { tau: 1.0 }, s.x, s.probs, 1, 99, stream),
        tape.sample_column(ReinMax { tau: 1.0 }, s.x, s.probs, 2, 0, Draws::Forced(&[0; 3])),
        tape.cross_entropy(s.x, s.probs),
        tape.gather_rows(s.bias, s.classes),
        tape.gather_rows(s.x, s.x),
        tape.add(s.x, s.bias),
        tape.matmul(s.x, s.bias),
        tape.linear(s.x, s.classes, s.bias),
        tape.linear(s.x, s.square, s.square),
        tape.concat(s.x, s.bias),
        tape.slice(s.x, 1, u32::MAX),
        tape.column(s.x, 1000),
        tape.repeat_rows(s.x, u32::MAX),
        tape.view(s.x, Shape::new(1, 1)),
        tape.select(s.x, s.x, s.bias),
        tape.abs_pow(s.x, 0.0),
        tape.abs_pow(s.x, f32::INFINITY),
        tape.mean_abs_pow(s.x, 0.0, 0.0),
        tape.mean_abs_pow(s.x, 0.0, f32::NAN),
        tape.bce_with_logits(s.x, s.bias),
        tape.param(Shape::SCALAR, &[1.0]),
        tape.input(Shape::new(1, 2), &[1.0]),
        tape.input(Shape::new(u32::MAX, u32::MAX), &[]),
        tape.input(Shape::new(1000, 1000), &[0.0; 1_000_000]),
    ];
    for (at, outcome) in outcomes.into_iter().enumerate() {
        assert!(outcome.is_err(), "failure {at} has gone through");
    }
    assert_eq!((tape.mark(), tape.footprint(), tape.cursor()), before, "something was recorded");
}

#[test]
fn a_tape_that_failed_goes_on_as_one_that_never_tried() {
    for k in [3, 17] {
        let run = |failing: bool| -> (Vec<f32>, Footprint, u64) {
            let room = 40_000;
            let mut memory = Memory::new(&Footprint { nodes: 64, values: room, grads: room, saved: room });
            let mut tape = Tape::new(memory.slabs());
            let leaves = setup(&mut tape, k).expect("room");
            let mut loss = tape.sum(leaves.x).expect("room");
            for (_, operation) in OPERATIONS {
                if failing {
                    failures(&mut tape, leaves);
                }
                let y = operation(&mut tape, leaves).expect("room");
                let y = tape.sum(y).expect("room");
                loss = tape.add(loss, y).expect("room");
                if tape.footprint().nodes > 56 {
                    break;
                }
            }
            tape.backward(loss).expect("a loss");
            let bits = [tape.value(loss).expect("live"), tape.param_grads()].concat();
            (bits, tape.footprint(), tape.cursor())
        };
        let (with, without) = (run(true), run(false));
        assert_same_bits(&with.0, &without.0, "loss and gradients");
        assert_eq!((with.1, with.2), (without.1, without.2));
    }
}

#[test]
fn a_replay_that_fails_leaves_the_cursor_and_can_be_repeated() {
    let mut memory = Memory::new(&Footprint { nodes: 16, values: 1000, grads: 1000, saved: 100 });
    let mut tape = Tape::new(memory.slabs());
    let leaves = setup(&mut tape, 3).expect("room");
    let start = tape.mark();
    let z = tape.sample_many(ReinMax { tau: 1.0 }, leaves.x, leaves.probs, 2, Draws::Stream).expect("room");
    let first = tape.value(z).expect("live").to_vec();
    tape.set_cursor(0);
    let short = Error::Length { argument: Argument::Index, expected: 6, got: 5 };
    assert_eq!(tape.replay(start, Draws::Forced(&[0; 5])), Err(short));
    assert_eq!(tape.cursor(), 0);
    tape.replay(start, Draws::Stream).expect("it ran before");
    assert_eq!(tape.value(z).expect("live"), first);
}
