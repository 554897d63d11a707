//! RLOO, ARM and DisARM against plain double-precision twins: many shapes, losses of their own for each row and shared
//! ones, on every level, with equal bits.

use rand_core::Rng;
use rand_pcg::Pcg32;
use reinmax::categorical::softmax;
use reinmax::estimator::draw_antithetic;
use reinmax::{Argument, Arm, Backend, DisArm, Error, OneLane, Portable, Rloo, ScoreEstimator, ScoreInputs};
use reinmax_tests::{assert_close, assert_same_bits, hosts, tolerance, twin};

/// Some draws of each row, and a loss for every one of them.
struct Case {
    rows: usize,
    k: usize,
    draws: usize,
    logits: Vec<f32>,
    probs: Vec<f32>,
    index: Vec<u32>,
    losses: Vec<f32>,
}

/// Losses are in +-2.
const GREATEST_LOSS: f64 = 2.0;

/// What the gradient holds before anything is added.
const BEFORE: f32 = 0.5;

impl Case {
    fn new(rows: usize, k: usize, draws: usize) -> Self {
        let mut generator = Pcg32::new((rows * 1000 + k) as u64, draws as u64);
        let mut numbers = |n: usize, width: f32| -> Vec<f32> {
            (0..n).map(|_| (reinmax::random::uniform(generator.next_u32()) - 0.5) * width).collect()
        };
        let mut logits = numbers(rows * k, if k == 2 { 1.5 } else { 6.0 });
        logits.iter_mut().skip(1).step_by(5).filter(|_| k > 2).for_each(|x| *x = f32::NEG_INFINITY);
        // Every row has a category that can be drawn.
        logits.iter_mut().step_by(k).for_each(|x| *x = x.max(-3.0));
        let losses = numbers(rows * draws, 2.0 * GREATEST_LOSS as f32);
        let index = (0..rows * draws).map(|d| (d * 7 % k) as u32).collect();
        let mut probs = vec![0.0; rows * k];
        softmax(&Portable, &logits, k, 1.0, &mut probs).expect("a softmax");
        Case { rows, k, draws, logits, probs, index, losses }
    }

    /// With the pairs of draws that `uniforms` make.
    fn of_pairs(rows: usize, pairs: usize) -> (Self, Vec<f32>) {
        let mut case = Case::new(rows, 2, 2 * pairs);
        let mut generator = Pcg32::new(rows as u64, pairs as u64);
        let uniforms: Vec<f32> = (0..rows * pairs).map(|_| reinmax::random::uniform(generator.next_u32())).collect();
        draw_antithetic(&case.probs, 2, &uniforms, &mut case.index).expect("pairs");
        (case, uniforms)
    }

    /// Row after row of `of_row(logits, index, losses, row)`, on top of what was there. `shared`: all rows have the
    /// losses of the first.
    fn twin(&self, shared: bool, of_row: impl Fn(&[f64], &[u32], &[f64], usize) -> Vec<f64>) -> Vec<f64> {
        let of_row = |row: usize| {
            let logits = twin::wide(&self.logits[row * self.k..][..self.k]);
            let losses = twin::wide(&self.losses[if shared { 0 } else { row * self.draws }..][..self.draws]);
            of_row(&logits, &self.index[row * self.draws..][..self.draws], &losses, row)
        };
        (0..self.rows).flat_map(of_row).map(|grad| f64::from(BEFORE) + grad).collect()
    }

    /// Holds the gradient to its twin with one lane, and every level to the same bits.
    fn check(&self, estimator: impl ScoreEstimator, shared: bool, expected: &[f64], what: &str) {
        let Case { rows, k, draws, probs, index, .. } = self;
        let what = format!("{what}, {rows} rows, k = {k}, {draws} draws, shared: {shared}");
        let losses = if shared { &self.losses[..*draws] } else { &self.losses };
        let inputs = ScoreInputs { probs, index, losses, k: *k, draws: *draws };
        let one_lane = gradient(&OneLane, estimator, inputs);
        assert_close(&one_lane, expected, tolerance::IDENTITY * GREATEST_LOSS * *draws as f64, &what);
        assert_same_bits(&gradient(&Portable, estimator, inputs), &one_lane, &what);
        for host in hosts() {
            let grad = gradient(&host, estimator, inputs);
            assert_same_bits(&grad, &one_lane, &format!("{what} on {}", host.level()));
        }
    }
}

fn gradient(backend: &impl Backend, estimator: impl ScoreEstimator, inputs: ScoreInputs<'_>) -> Vec<f32> {
    let mut grad = vec![BEFORE; inputs.probs.len()];
    estimator.gradient(backend, inputs, &mut grad).expect("valid inputs");
    grad
}

/// How many of the gradients say something: comparing zeros would show nothing.
#[derive(Default)]
struct Telling {
    all: u32,
    telling: u32,
}

impl Telling {
    fn look(&mut self, expected: &[f64]) {
        self.all += 1;
        self.telling += u32::from(expected.iter().any(|grad| (grad - f64::from(BEFORE)).abs() > 0.02));
    }

    fn assert_most(&self) {
        assert!(self.telling * 10 > self.all * 9, "{} of {}", self.telling, self.all);
    }
}

#[test]
fn leave_one_out() {
    let mut seen = Telling::default();
    let shapes = (2..=34).chain([48, 64, 65, 130]).flat_map(|k| [(1, 2), (3, 3), (2, 17), (5, 40)].map(|s| (k, s)));
    for (k, (rows, draws)) in shapes.chain([(1, (3, 2))]) {
        let case = Case::new(rows, k, draws);
        for shared in [false, true] {
            let expected = case.twin(shared, |logits, index, losses, _| twin::rloo(logits, index, losses));
            seen.look(&expected);
            case.check(Rloo, shared, &expected, "rloo");
        }
    }
    seen.assert_most();
}

#[test]
fn antithetic_pairs() {
    let mut seen = [Telling::default(), Telling::default()];
    for rows in [1, 2, 3, 15, 16, 17, 37] {
        for pairs in [1, 2, 9, 16, 33] {
            let (case, uniforms) = Case::of_pairs(rows, pairs);
            for shared in [false, true] {
                let of_row = |row: usize| twin::wide(&uniforms[row * pairs..][..pairs]);
                let arm = case.twin(shared, |_, _, losses, row| twin::arm(&of_row(row), losses));
                case.check(Arm { uniforms: &uniforms }, shared, &arm, "arm");
                let disarm = case.twin(shared, |logits, index, losses, _| twin::disarm(logits, index, losses));
                case.check(DisArm, shared, &disarm, "disarm");
                seen.iter_mut().zip([arm, disarm]).for_each(|(seen, expected)| seen.look(&expected));
            }
        }
    }
    seen.iter().for_each(Telling::assert_most);
}

/// A uniform equal to the probability of category 0 draws category 1, for both of a pair.
#[test]
fn pairs_are_those_of_the_definition() {
    let uniforms: Vec<f32> = (0..64).map(|i| i as f32 / 64.0).collect();
    let rows = [0.0, 0.25, 0.5, 0.640_625, 0.9, 1.0];
    let probs: Vec<f32> = rows.iter().flat_map(|p| [*p, 1.0 - p]).collect();
    let mut index = vec![u32::MAX; 2 * rows.len() * uniforms.len()];
    draw_antithetic(&probs, 2, &uniforms.repeat(rows.len()), &mut index).expect("pairs");
    let of_row = |p: &[f32]| {
        let p = twin::wide(p);
        uniforms.iter().flat_map(|u| twin::antithetic(&p, f64::from(*u))).collect::<Vec<u32>>()
    };
    let expected: Vec<u32> = probs.chunks(2).flat_map(of_row).collect();
    assert_eq!(index, expected);
}

/// A category of probability 0 is never drawn, also from a uniform of 0, whose mirror image would be 1.
#[test]
fn pairs_have_no_impossible_category() {
    let mut index = [u32::MAX; 4];
    draw_antithetic(&[1.0, 0.0, 0.0, 1.0], 2, &[0.0, 0.0], &mut index).expect("pairs");
    assert_eq!(index, [0, 0, 1, 1]);
}

/// Losses whose sum overflows, where their differences do not.
#[test]
fn leave_one_out_of_great_losses() {
    let mut grad = [0.0; 2];
    let inputs = ScoreInputs { probs: &[0.5; 2], index: &[0, 1], losses: &[2e38, 3e38], k: 2, draws: 2 };
    Rloo.gradient(&Portable, inputs, &mut grad).expect("two draws");
    assert_close(&grad, &[-1e38, 1e38], 1e38 * tolerance::IDENTITY, "great losses");
}

/// Refusals name what was wrong, and leave the gradient as it was.
#[test]
fn misuse_is_refused() {
    fn refused(estimator: impl ScoreEstimator, k: usize, draws: usize, losses: usize) -> Error {
        let (index, losses, mut grad) = (vec![0; 12 / k * draws], vec![1.0; losses], [7.0; 12]);
        let inputs = ScoreInputs { probs: &[0.5; 12], index: &index, losses: &losses, k, draws };
        let outcome = estimator.gradient(&Portable, inputs, &mut grad);
        assert_eq!(grad, [7.0; 12]);
        outcome.expect_err("it is wrong")
    }
    let value = |argument, at| Error::Value { argument, at };
    let losses = |expected, got| Error::Length { argument: Argument::Losses, expected, got };
    assert_eq!(refused(Rloo, 3, 1, 4), value(Argument::Repeats, 1));
    assert_eq!(refused(Rloo, 3, 2, 9), losses(8, 9));
    assert_eq!(refused(DisArm, 3, 2, 8), value(Argument::Categories, 3));
    assert_eq!(refused(DisArm, 2, 3, 18), value(Argument::Repeats, 3));
    assert_eq!(refused(DisArm, 2, 2, 11), losses(12, 11));
    assert_eq!(refused(Arm { uniforms: &[0.5; 4] }, 3, 2, 8), value(Argument::Categories, 3));
    assert_eq!(refused(Arm { uniforms: &[0.5; 6] }, 2, 3, 18), value(Argument::Repeats, 3));
    let uniforms = Error::Length { argument: Argument::Uniforms, expected: 6, got: 5 };
    assert_eq!(refused(Arm { uniforms: &[0.5; 5] }, 2, 2, 12), uniforms);
    assert_eq!(refused(Arm { uniforms: &[0.5, 0.5, 1.0, 0.5, 0.5, 0.5] }, 2, 2, 12), value(Argument::Uniforms, 2));
}
