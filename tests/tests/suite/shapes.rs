//! Every level, and several threads, have the bits of one lane, whatever the shape.
//!
//! Kernels change their ways with sizes: at 16 categories, at 64, where prefix sums or scratch memory are kept no more,
//! where factors are copied. Other tests know these sizes; this one draws them, small and large ones alike.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use reinmax::categorical::{draw, log_softmax, softmax};
use reinmax::kernel::lanes::Lanes;
use reinmax::kernel::linear::{Contraction, Operand};
use reinmax::kernel::softmax::{AddLogSoftmaxVjp, AddSoftmaxVjp};
use reinmax::{
    Backend, Darn, DrawInputs, Estimator, Gap, GappedSt, GradientInputs, GumbelRao, GumbelSoftmax, Host, Kernel, Noise,
    OneLane, ReinMax, ReinMaxRao, ReinMaxTau1, Split, StraightThrough, Stream,
};
use reinmax_tests::{assert_same_bits, hosts, uniforms};

/// 1 to 2^`bits`, a size of 10 as often as one of 1000.
fn size(bits: f64) -> impl Strategy<Value = usize> {
    (0.0..bits).prop_map(|exponent| exponent.exp2() as usize)
}

/// Rows of k categories, k up to 8192, and draws for each; not more than some 2^16 numbers.
fn rows() -> impl Strategy<Value = (usize, usize, usize)> {
    (size(13.0), size(6.0), size(6.0)).prop_map(|(k, rows, draws)| {
        let rows = rows.min((1 << 14) / k).max(1);
        (rows, k, draws.min((1 << 16) / (rows * k)).max(1))
    })
}

/// Computations of so many numbers wake threads.
const WAKES_THREADS: usize = 1 << 17;

/// Rows of k categories, k up to 4096, with one to three draws for each: for threads.
fn many_rows() -> impl Strategy<Value = (usize, usize, usize)> {
    (size(12.0), 1_usize..4, 0.0..2.0).prop_map(|(k, draws, more)| {
        let numbers = (WAKES_THREADS as f64 * f64::exp2(more)) as usize;
        (numbers.div_ceil(k), k, draws)
    })
}

/// Counts how often it is cut.
struct Counted<'a> {
    rows: usize,
    cuts: &'a AtomicUsize,
}

impl Kernel for Counted<'_> {
    type Out = ();
    fn run<L: Lanes>(self) {}
}

impl Split for Counted<'_> {
    fn rows(&self) -> usize {
        self.rows
    }
    fn work(&self) -> usize {
        self.rows
    }
    fn split(self, row: usize) -> (Self, Self) {
        self.cuts.fetch_add(1, Ordering::Relaxed);
        (Counted { rows: row, ..self }, Counted { rows: self.rows - row, ..self })
    }
}

/// Without this the properties of many rows would say nothing of threads.
#[test]
fn many_rows_wake_threads() {
    let cuts = AtomicUsize::new(0);
    let run = |threads| {
        Host::detect().with_threads(threads).run_rows(Counted { rows: WAKES_THREADS, cuts: &cuts });
        cuts.load(Ordering::Relaxed)
    };
    assert_eq!(run(1), 0);
    assert!(run(3) > 0);
}

/// Logits between -12 and 12, one in nine of them masked; the first of a row never is.
fn logits(rows: usize, k: usize, seed: u64) -> Vec<f32> {
    let mut x: Vec<f32> = uniforms(seed, rows * k).iter().map(|u| u * 24.0 - 12.0).collect();
    for (i, x) in x.iter_mut().enumerate() {
        if i % k > 0 && (i * 7919 + seed as usize).is_multiple_of(9) {
            *x = f32::NEG_INFINITY;
        }
    }
    x
}

/// softmax, its relatives and the draws, one after the other.
fn sampled(backend: &impl Backend, (rows, k, draws): (usize, usize, usize), seed: u64) -> (Vec<f32>, Vec<u32>) {
    let (x, upstream) = (logits(rows, k, seed), uniforms(seed + 1, rows * k));
    let [mut probs, mut log_probs] = [(); 2].map(|()| vec![f32::NAN; rows * k]);
    softmax(backend, &x, k, 1.0, &mut probs).expect("logits");
    log_softmax(backend, &x, k, &mut log_probs).expect("logits");
    let [mut through_softmax, mut through_log_softmax] = [(); 2].map(|()| uniforms(seed + 2, rows * k));
    let grad = &mut through_softmax[..];
    backend.add_softmax_vjp(AddSoftmaxVjp { probs: &probs, upstream: &upstream, k, scale: 0.7, grad });
    let grad = &mut through_log_softmax[..];
    backend.add_log_softmax_vjp(AddLogSoftmaxVjp { log_probs: &log_probs, upstream: &upstream, k, grad });
    let mut index = vec![u32::MAX; rows * draws];
    let noise = Noise::stream(&Stream::new(seed, 3), 5);
    draw(backend, &probs, k, draws, noise, &mut index).expect("probabilities");
    ([probs, log_probs, through_softmax, through_log_softmax].concat(), index)
}

/// What an estimator draws, saves, and adds to a gradient.
fn estimated<E: Estimator>(
    backend: &impl Backend,
    estimator: E,
    (rows, k, draws): (usize, usize, usize),
    seed: u64,
) -> (Vec<f32>, Vec<u32>) {
    let x = logits(rows, k, seed);
    let mut probs = vec![f32::NAN; rows * k];
    softmax(backend, &x, k, 1.0, &mut probs).expect("logits");
    let mut index = vec![u32::MAX; rows * draws];
    let mut saved = vec![f32::NAN; rows * draws * estimator.saved_per_draw(k)];
    let noise = Noise::stream(&Stream::new(seed, 7), 3);
    let inputs = DrawInputs { logits: &x, probs: &probs, k, draws, noise };
    estimator.draw(backend, inputs, &mut index, &mut saved).expect("a draw");
    let upstream: Vec<f32> = uniforms(seed + 1, rows * draws * k).iter().map(|u| u - 0.5).collect();
    let mut grad = uniforms(seed + 2, rows * k);
    let (probs, upstream, column) = (&probs, &upstream, None);
    let inputs = GradientInputs { logits: &x, probs, index: &index, saved: &saved, upstream, k, draws, column };
    estimator.backward(backend, inputs, &mut grad).expect("a gradient");
    ([grad, saved].concat(), index)
}

/// Holds what `run` gives on every level, on one thread and on three, to what it gives with one lane.
macro_rules! same_everywhere {
    ($what:expr, |$backend:ident| $run:expr) => {{
        let expected = {
            let $backend = &OneLane;
            $run
        };
        for host in hosts().into_iter().flat_map(|host: Host| [1, 3].map(|threads| host.with_threads(threads))) {
            let $backend = &host;
            let (numbers, index) = $run;
            let what = format!("{:?}, {} threads, {}", $what, host.threads(), host.level());
            assert_eq!(index, expected.1, "{what}");
            assert_same_bits(&numbers, &expected.0, &what);
        }
    }};
}

/// An estimator by its number.
fn estimator_everywhere(which: usize, shape: (usize, usize, usize), seed: u64) {
    let what = (shape, which);
    match which {
        0 => same_everywhere!(what, |backend| estimated(backend, ReinMax { tau: 1.3 }, shape, seed)),
        1 => same_everywhere!(what, |backend| estimated(backend, ReinMaxTau1, shape, seed)),
        2 => same_everywhere!(what, |backend| estimated(backend, StraightThrough { tau: 0.7 }, shape, seed)),
        3 => same_everywhere!(what, |backend| estimated(backend, StraightThrough { tau: 1.0 }, shape, seed)),
        4 => same_everywhere!(what, |backend| estimated(backend, GumbelSoftmax { tau: 0.5 }, shape, seed)),
        5 => {
            let estimator = GappedSt { tau: 0.8, gap: Gap::Constant(1.0) };
            same_everywhere!(what, |backend| estimated(backend, estimator, shape, seed));
        }
        6 => same_everywhere!(what, |backend| estimated(backend, Darn, shape, seed)),
        7 => {
            let estimator = GumbelRao { tau: 0.5, relaxed_samples: 2 };
            same_everywhere!(what, |backend| estimated(backend, estimator, shape, seed));
        }
        _ => {
            let estimator = ReinMaxRao { tau: 1.0, relaxed_samples: 2 };
            same_everywhere!(what, |backend| estimated(backend, estimator, shape, seed));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 9, ..ProptestConfig::default() })]

    #[test]
    fn many_rows_of_any_length(shape in many_rows(), seed in 0_u64..1 << 40) {
        same_everywhere!(shape, |backend| sampled(backend, shape, seed));
    }

    #[test]
    fn estimators_on_many_rows_of_any_length(shape in many_rows(), seed in 0_u64..1 << 40, which in 0_usize..9) {
        estimator_everywhere(which, shape, seed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn rows_of_any_length(shape in rows(), seed in 0_u64..1 << 40) {
        same_everywhere!(shape, |backend| sampled(backend, shape, seed));
    }

    #[test]
    fn estimators_on_rows_of_any_length(shape in rows(), seed in 0_u64..1 << 40, which in 0_usize..9) {
        estimator_everywhere(which, shape, seed);
    }

    #[test]
    fn products_of_any_size(
        (rows, inner, cols) in (size(7.5), size(12.5), size(7.5)),
        turned in any::<(bool, bool)>(),
        add in any::<bool>(),
    ) {
        let inner = inner.min((1 << 20) / (rows * cols)).max(1);
        let (a, b) = (uniforms(1, rows * inner), uniforms(2, inner * cols));
        let operand = |values, transposed| Operand { values, transposed };
        same_everywhere!((rows, inner, cols, turned, add), |backend| {
            let mut out = uniforms(3, rows * cols);
            let (a, b) = (operand(&a, turned.0), operand(&b, turned.1));
            let contraction = Contraction { a, b, bias: &[], rows, inner, cols, add, out: &mut out };
            backend.contract(contraction).expect("sizes that fit");
            (out, Vec::<u32>::new())
        });
    }
}
