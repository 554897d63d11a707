//! Turns any bytes into a program for the tape, runs it in every way there is, and asserts what must hold for all
//! programs: no panic; equal bits on one lane and on SIMD lanes; replay equal to a fresh recording; a footprint that is
//! exact; errors that record nothing. Shared by the fuzz target and by the test suite, which replays the corpus.

use reinmax_core::{
    Backend, Draws, Error, Footprint, GumbelSoftmax, Node, OneLane, Portable, ReinMax, Result, Shape, Slab, Slabs,
    StraightThrough, Tape, Var,
};

/// The most operations of a program: enough for every pair of them, short enough to stay fast.
const MAX_OPS: usize = 24;
/// A program ends when its values pass this; one whose last operation passes [`MAX_FLOATS`] is not run.
const ENOUGH_VALUES: usize = 1 << 16;
const MAX_FLOATS: usize = 1 << 20;

/// Runs the program that `bytes` stand for.
///
/// # Panics
/// Where a promise of the tape is broken.
pub(crate) fn check(bytes: &[u8]) {
    let mut nodes = vec![Node::EMPTY; 64];
    let mut measuring = Tape::measuring(&mut nodes, OneLane);
    let measured_ops = record(&mut measuring, bytes).len();
    let measured = measuring.footprint();
    if measured.values.max(measured.saved) > MAX_FLOATS {
        return;
    }

    let scalar = run(OneLane, bytes, &measured);
    let vector = run(Portable, bytes, &measured);
    assert_eq!(scalar.footprint, vector.footprint);
    assert_same(&scalar.values, &vector.values, "values, one lane against SIMD");
    assert_same(&scalar.grads, &vector.grads, "gradients, one lane against SIMD");
    // What fails on values (NaN logits, an index beyond the table) a measuring tape cannot know.
    assert!(scalar.ops <= measured_ops);
    if scalar.ops == measured_ops {
        assert_eq!(scalar.footprint, measured, "measured against real");
        one_less(bytes, &measured);
    }
}

/// What a run leaves behind.
struct Outcome {
    ops: usize,
    footprint: Footprint,
    values: Vec<f32>,
    grads: Vec<f32>,
}

fn run<B: Backend + Clone>(backend: B, bytes: &[u8], room: &Footprint) -> Outcome {
    // NaN in the slabs shows whatever is read before it is written.
    let mut memory = Slabbed::<B>::new(room);
    let mut tape = Tape::with_backend(memory.slabs(), backend);
    let start = tape.mark();
    let vars = record(&mut tape, bytes);
    let values = collect(&tape, &vars, false);
    let grads = backward(&mut tape, &vars);

    tape.set_cursor(0);
    // Some operation may have drawn from given uniforms; those programs have no replay from the stream alone.
    if !uses_given_noise(bytes) {
        tape.replay(start, Draws::Stream).expect("what was recorded runs again");
        assert_same(&values, &collect(&tape, &vars, false), "replay against recording");
        tape.zero_grad().expect("no error");
        assert_same(&grads, &backward(&mut tape, &vars), "backward again");
    }
    let footprint = tape.footprint();
    tape.reset(start).expect("a mark of this tape");
    for var in &vars {
        assert_eq!(tape.value(*var), Err(Error::Stale));
    }
    Outcome { ops: vars.len(), footprint, values, grads }
}

/// One element less in any slab ends in `Full` with the number that was measured, or a smaller one of an earlier
/// operation.
fn one_less(bytes: &[u8], footprint: &Footprint) {
    for slab in [Slab::Nodes, Slab::Values, Slab::Grads, Slab::Saved] {
        let mut less = *footprint;
        let (room, need) = match slab {
            Slab::Nodes => (&mut less.nodes, footprint.nodes),
            Slab::Values => (&mut less.values, footprint.values),
            Slab::Grads => (&mut less.grads, footprint.grads),
            Slab::Saved => (&mut less.saved, footprint.saved),
        };
        if *room == 0 {
            continue;
        }
        *room -= 1;
        let mut memory = Slabbed::<OneLane>::new(&less);
        let mut tape = Tape::with_backend(memory.slabs(), OneLane);
        let error = Program::new(bytes).record_until_full(&mut tape);
        assert_eq!(error, Some(Error::Full { slab, need }));
    }
}

/// Slabs on the heap, poisoned.
struct Slabbed<B: Backend> {
    nodes: Vec<Node<B>>,
    floats: [Vec<f32>; 3],
}

impl<B: Backend> Slabbed<B> {
    fn new(room: &Footprint) -> Self {
        let floats = [room.values, room.grads, room.saved].map(|len| vec![f32::NAN; len]);
        Slabbed { nodes: vec![Node::EMPTY; room.nodes], floats }
    }

    fn slabs(&mut self) -> Slabs<'_, B> {
        let [values, grads, saved] = &mut self.floats;
        Slabs { nodes: &mut self.nodes, values, grads, saved }
    }
}

fn collect<B: Backend>(tape: &Tape<'_, B>, vars: &[Var], grads: bool) -> Vec<f32> {
    let read = |var: &Var| if grads { tape.grad(*var) } else { tape.value(*var) };
    vars.iter().filter_map(|var| read(var).ok()).flatten().copied().collect()
}

/// Backward from the last tensor that takes a gradient; all gradients.
fn backward<B: Backend>(tape: &mut Tape<'_, B>, vars: &[Var]) -> Vec<f32> {
    if let Some(last) = vars.iter().rev().find(|var| tape.grad(**var).is_ok()) {
        let upstream = vec![0.5; tape.shape(*last).expect("a live handle").len()];
        tape.backward_with(*last, &upstream).expect("it takes a gradient");
        // Gradients of what lies behind it are of no backward pass, and poisoned.
        let upto = vars.iter().position(|var| var == last).unwrap_or(0);
        return collect(tape, &vars[..=upto], true);
    }
    Vec::new()
}

/// Equal bits; NaN equals NaN whatever its payload, which differs between instruction sets.
fn assert_same(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()), "{what}: element {i}: {a:e} against {b:e}");
    }
}

fn record<B: Backend>(tape: &mut Tape<'_, B>, bytes: &[u8]) -> Vec<Var> {
    let mut program = Program::new(bytes);
    program.record(tape);
    program.vars
}

fn uses_given_noise(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|flags| flags & 1 == 1)
}

/// The bytes as a source of decisions.
struct Program<'a> {
    bytes: &'a [u8],
    vars: Vec<Var>,
    given_noise: bool,
}

impl<'a> Program<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Program { bytes: bytes.get(1..).unwrap_or(&[]), vars: Vec::new(), given_noise: uses_given_noise(bytes) }
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    /// Mostly ordinary numbers, some that break things.
    fn number(&mut self) -> f32 {
        match self.byte() {
            0 => 0.0,
            1 => -0.0,
            2 => f32::INFINITY,
            3 => f32::NEG_INFINITY,
            4 => f32::NAN,
            5 => 1e4,
            6 => -1e4,
            7 => 1e-40,
            8 => f32::MAX,
            other => (f32::from(other) - 132.0) / 32.0,
        }
    }

    fn shape(&mut self) -> Shape {
        let (rows, cols) = (u32::from(self.byte()), u32::from(self.byte()));
        Shape::new(rows % 20, cols % 40)
    }

    fn numbers(&mut self, len: usize) -> Vec<f32> {
        // One seed number and a stride: long tensors from few bytes.
        let (first, step) = (self.number(), self.number() / 16.0);
        (0..len).map(|i| if i % 7 == 0 { first } else { first + step * (i % 5) as f32 }).collect()
    }

    fn var(&mut self) -> Option<Var> {
        let pick = usize::from(self.byte());
        self.vars.get(pick.checked_rem(self.vars.len())?).copied()
    }

    fn record<B: Backend>(&mut self, tape: &mut Tape<'_, B>) {
        self.steps(tape, |_| false);
    }

    /// Stops at the first `Full` and returns it.
    fn record_until_full<B: Backend>(&mut self, tape: &mut Tape<'_, B>) -> Option<Error> {
        self.steps(tape, |error| matches!(error, Error::Full { .. }))
    }

    fn steps<B: Backend>(&mut self, tape: &mut Tape<'_, B>, stop: impl Fn(&Error) -> bool) -> Option<Error> {
        for _ in 0..MAX_OPS {
            if self.bytes.is_empty() || tape.footprint().values > ENOUGH_VALUES {
                return None;
            }
            match self.step(tape) {
                Ok(var) => self.vars.push(var),
                Err(error) if stop(&error) => return Some(error),
                // Refused: the tape is as before, and the program goes on with the next operation. A program whose
                // failure depends on values ends here, as a measuring tape would go on with one node more.
                Err(Error::Logits { .. } | Error::Value { .. } | Error::Length { .. }) => return None,
                Err(_) => {}
            }
        }
        None
    }

    fn step<B: Backend>(&mut self, tape: &mut Tape<'_, B>) -> Result<Var> {
        let op = self.byte() % 35;
        if op < 3 || self.vars.is_empty() {
            let shape = self.shape();
            let values = self.numbers(shape.len());
            return match op {
                0 => tape.param(shape, &values),
                1 => tape.input(shape, &values),
                _ => tape.differentiable_input(shape, &values),
            };
        }
        let (Some(a), Some(b), Some(c)) = (self.var(), self.var(), self.var()) else { return Err(Error::Stale) };
        let small = u32::from(self.byte() % 8);
        match op {
            3 => tape.add(a, b),
            4 => tape.sub(a, b),
            5 => tape.mul(a, b),
            6 => tape.affine(a, self.number(), self.number()),
            7 => tape.abs_pow(a, [1.0, 1.5, 2.0, 3.0, 2.7, 0.5, -1.0, f32::NAN][small as usize]),
            8 => tape.matmul(a, b),
            9 => tape.linear(a, b, c),
            10 => tape.relu(a),
            11 => tape.leaky_relu(a, 0.01),
            12 => tape.sigmoid(a),
            13 => tape.tanh(a),
            14 => tape.log_softmax(a),
            15 => tape.bce_with_logits(a, b),
            16 => tape.cross_entropy(a, b),
            17 => tape.entropy(a),
            18 => tape.kl_to_uniform(a),
            19 => tape.sum(a),
            20 => tape.mean(a),
            21 => tape.gather_rows(a, b),
            22 => tape.select(a, b, c),
            23 => tape.detach(a),
            24 => tape.argmax_one_hot(a),
            25 => tape.repeat_rows(a, small),
            26 => tape.slice(a, small, small),
            27 => tape.concat(a, b),
            28 => {
                let shape = tape.shape(a)?;
                tape.view(a, Shape::new(shape.cols, shape.rows))
            }
            29 | 30 => tape.softmax(a),
            _ => self.sample(tape, op, a, small),
        }
    }

    fn sample<B: Backend>(&mut self, tape: &mut Tape<'_, B>, op: u8, logits: Var, repeats: u32) -> Result<Var> {
        let probs = tape.softmax(logits)?;
        self.vars.push(probs);
        let shape = tape.shape(logits)?;
        let count = shape.rows as usize * repeats as usize;
        let forced: Vec<u32> = (0..count as u32).map(|i| i % shape.cols.max(1)).collect();
        let draws = if self.given_noise { Draws::Forced(&forced) } else { Draws::Stream };
        match op {
            31 => tape.sample_many(StraightThrough { tau: 0.7 }, logits, probs, repeats, draws),
            32 => tape.sample_many(ReinMax { tau: [1.0, 1.3][repeats as usize % 2] }, logits, probs, repeats, draws),
            33 => tape.sample_many(GumbelSoftmax { tau: 0.5 }, logits, probs, repeats, draws),
            _ => tape.sample_column(ReinMax { tau: 1.0 }, logits, probs, repeats, repeats / 2, draws),
        }
    }
}
