//! What operations do with infinities, NaN, zeros and numbers at the edge of `f32`: on every level, by definition.

use reinmax::categorical::{Noise, draw, softmax};
use reinmax::kernel::exp::{ln_1p_unit, sigmoid, tanh};
use reinmax::kernel::lanes::Lanes;
use reinmax::kernel::reduce::Dot;
use reinmax::{
    Argument, Backend, Error, Estimator, Footprint, GradientInputs, GumbelSoftmax, Host, Kernel, Memory, ReinMax,
    Result, Shape, StraightThrough, Stream, Tape, Var,
};
use reinmax_tests::{assert_close, assert_same_bits, elementary, hosts, tolerance, twin};

const INF: f32 = f32::INFINITY;

/// Values and gradient (of the sum) of an operation of one row.
fn run(host: Host, x: &[f32], record: impl Fn(&mut Tape<'_, Host>, Var) -> Result<Var>) -> (Vec<f32>, Vec<f32>) {
    let mut memory = Memory::new(&Footprint { nodes: 8, values: 400, grads: 400, saved: 50 });
    let mut tape = Tape::with_backend(memory.slabs(), host);
    let x = tape.param(Shape::new(1, x.len() as u32), x).expect("room");
    let y = record(&mut tape, x).expect("room");
    let sum = tape.sum(y).expect("room");
    tape.backward(sum).expect("a loss");
    (tape.value(y).expect("live").to_vec(), tape.param_grads().to_vec())
}

/// The same, repeated beyond one block of lanes, so that whole vectors and ragged ends both see it.
fn everywhere(x: f32, record: impl Fn(&mut Tape<'_, Host>, Var) -> Result<Var>) -> (f32, f32) {
    let mut first = None;
    for host in hosts() {
        let (y, g) = run(host, &[x; 19], &record);
        for (y, g) in y.into_iter().zip(g) {
            let (y0, g0) = *first.get_or_insert((y, g));
            let same = |a: f32, b: f32| a == b || (a.is_nan() && b.is_nan());
            assert!(same(y, y0) && same(g, g0), "at {x:e}: {y:e}, {g:e} and {y0:e}, {g0:e} on {}", host.level());
        }
    }
    first.expect("a level")
}

#[test]
fn relu_is_the_maximum_of_x_and_0() {
    assert_eq!(everywhere(-INF, |t, x| t.relu(x)), (0.0, 0.0));
    assert_eq!(everywhere(INF, |t, x| t.relu(x)), (INF, 1.0));
    assert_eq!(everywhere(0.0, |t, x| t.relu(x)), (0.0, 0.0));
    assert_eq!(everywhere(f32::MAX, |t, x| t.relu(x)), (f32::MAX, 1.0));
    assert_eq!(everywhere(-INF, |t, x| t.leaky_relu(x, 0.1)), (-INF, 0.1));
    // Where the maximum is 0, so is its sign: 1 / relu(x) is +inf.
    assert_eq!(everywhere(-1.0, |t, x| t.relu(x)).0.to_bits(), 0);
}

#[test]
fn sigmoid_and_tanh_saturate() {
    for x in [-INF, -1e30, -100.0] {
        assert_eq!(everywhere(x, |t, x| t.sigmoid(x)), (0.0, 0.0));
        assert_eq!(everywhere(x, |t, x| t.tanh(x)), (-1.0, 0.0));
        assert_eq!(everywhere(-x, |t, x| t.sigmoid(x)), (1.0, 0.0));
        assert_eq!(everywhere(-x, |t, x| t.tanh(x)), (1.0, 0.0));
    }
    assert_eq!(everywhere(0.0, |t, x| t.sigmoid(x)), (0.5, 0.25));
    assert_eq!(everywhere(0.0, |t, x| t.tanh(x)), (0.0, 1.0));
    assert_eq!(everywhere(1e-30, |t, x| t.tanh(x)), (1e-30, 1.0));
}

#[test]
fn powers_of_zero_and_infinity() {
    for power in [0.5, 1.0, 1.5, 2.0, 2.7, 3.0, 7.3] {
        assert_eq!(everywhere(0.0, |t, x| t.abs_pow(x, power)), (0.0, 0.0), "|0|^{power}");
        assert_eq!(everywhere(-0.0, |t, x| t.abs_pow(x, power)), (0.0, 0.0), "|-0|^{power}");
        assert_eq!(everywhere(-INF, |t, x| t.abs_pow(x, power)).0, INF, "|-inf|^{power}");
    }
    assert_eq!(everywhere(-1.0, |t, x| t.abs_pow(x, 1.0)), (1.0, -1.0));
}

#[test]
fn nan_goes_through_every_function_of_an_element() {
    type Record = fn(&mut Tape<'_, Host>, Var) -> Result<Var>;
    let functions: [(&str, Record); 12] = [
        ("affine", |t, x| t.affine(x, 2.0, 1.0)),
        ("relu", |t, x| t.relu(x)),
        ("leaky_relu", |t, x| t.leaky_relu(x, 0.1)),
        ("sigmoid", |t, x| t.sigmoid(x)),
        ("tanh", |t, x| t.tanh(x)),
        ("|x|^1", |t, x| t.abs_pow(x, 1.0)),
        ("|x|^1.5", |t, x| t.abs_pow(x, 1.5)),
        ("|x|^2.7", |t, x| t.abs_pow(x, 2.7)),
        ("x x", |t, x| t.mul(x, x)),
        ("entropy", |t, x| t.entropy(x)),
        ("kl_to_uniform", |t, x| t.kl_to_uniform(x)),
        ("bce_with_logits", |t, x| t.bce_with_logits(x, x)),
    ];
    for (name, record) in functions {
        assert!(everywhere(f32::NAN, record).0.is_nan(), "{name}");
    }
}

/// Of a target near 1 a large logit leaves (1 - t) x.
#[test]
fn soft_targets_keep_their_digits() {
    for t in [0.0, 0.001, 0.3, 0.5, 0.999, 1.0] {
        for x in [1.0, 10.0, 100.0, 1e4, 1e38, -1.0, -10.0, -100.0, -1e4, -1e38] {
            let (y, _) = everywhere(x, |tape, x| {
                let targets = tape.input(Shape::new(1, 19), &[t; 19])?;
                let each = tape.view(x, Shape::new(19, 1))?;
                let targets = tape.view(targets, Shape::new(19, 1))?;
                tape.bce_with_logits(each, targets)
            });
            let (x, t) = (f64::from(x), f64::from(t));
            let exact = (if x > 0.0 { (1.0 - t) * x } else { -t * x }) + (-x.abs()).exp().ln_1p();
            // Exponentials below the least normal number are 0.
            let allowed = tolerance::FORWARD * exact + f64::from(f32::MIN_POSITIVE);
            assert!((f64::from(y) - exact).abs() <= allowed, "t = {t}, x = {x}: {y} for {exact}");
        }
    }
}

#[test]
fn losses_at_extreme_logits_are_finite() {
    for host in hosts() {
        let (y, g) = run(host, &[1e4, -1e4, 100.0, -100.0, 0.0], |t, x| {
            let targets = t.input(Shape::new(1, 5), &[0.0, 1.0, 1.0, 0.0, 0.5])?;
            t.bce_with_logits(x, targets)
        });
        assert_close(&y, &[2e4 + std::f64::consts::LN_2], tolerance::FORWARD * 2e4, "bce");
        assert_eq!(g, [1.0, -1.0, 0.0, 0.0, 0.0]);
        for (class, loss) in [(0.0, 0.0), (1.0, 2e4), (2.0, f64::from(INF))] {
            let (y, g) = run(host, &[1e4, -1e4, -INF], |t, x| {
                let class = t.input(Shape::SCALAR, &[class])?;
                t.cross_entropy(x, class)
            });
            assert_eq!(f64::from(y[0]), loss, "class {class}");
            let expected = [0.0, 1.0, 2.0].map(|j| f32::from(u8::from(j == 0.0)) - f32::from(u8::from(j == class)));
            assert_eq!(g, expected, "class {class}");
        }
    }
}

/// 0 ln 0 = 0, and no gradient there; at k <= 16 and beyond.
#[test]
fn entropies_of_certain_rows() {
    for k in [1, 2, 16, 17, 40] {
        let mut certain = vec![0.0; k];
        certain[k - 1] = 1.0;
        for host in hosts() {
            let (entropy, g) = run(host, &certain, |t, x| t.entropy(x));
            assert_eq!(entropy, [0.0]);
            assert!(g[..k - 1].iter().all(|g| *g == 0.0) && g[k - 1] == -1.0, "{g:?}");
            let (kl, g) = run(host, &certain, |t, x| t.kl_to_uniform(x));
            assert_close(&kl, &[(k as f64).ln()], tolerance::FORWARD * 4.0, "kl");
            assert!(g[..k - 1].iter().all(|g| *g == 0.0) && g[k - 1] == 1.0, "{g:?}");
        }
    }
}

/// Masked logits get no gradient from softmax, log_softmax and cross_entropy, whatever flows back to the others.
#[test]
fn masked_logits_get_no_gradient() {
    for k in [3, 16, 17, 40] {
        let x: Vec<f32> = (0..k).map(|j| if j % 3 == 1 { -INF } else { j as f32 * 0.1 }).collect();
        for host in hosts() {
            let (p, g) = run(host, &x, |t, x| {
                let p = t.softmax(x)?;
                t.abs_pow(p, 2.0)
            });
            let (y, h) = run(host, &x, |t, x| {
                let y = t.log_softmax(x)?;
                let allowed: Vec<f32> = (0..k).map(|j| if j % 3 == 1 { 0.0 } else { 1.0 }).collect();
                let allowed = t.input(Shape::new(1, k as u32), &allowed)?;
                let zero = t.affine(allowed, 0.0, 0.0)?;
                t.select(allowed, y, zero)
            });
            let (_, c) = run(host, &x, |t, x| {
                let class = t.input(Shape::SCALAR, &[0.0])?;
                t.cross_entropy(x, class)
            });
            for j in (0..k).filter(|j| j % 3 == 1) {
                assert_eq!([p[j], g[j], y[j], h[j], c[j]], [0.0; 5], "k = {k}, category {j}");
            }
            assert!([p, g, y, h, c].iter().flatten().all(|x| x.is_finite()), "k = {k}");
        }
    }
}

/// Every temperature that `check` lets through gives finite gradients where the formula does; others are named.
#[test]
fn temperatures_at_the_edge() {
    let (logits, upstream) = ([0.5, -0.5, 0.5], [1.0, -1.0, 0.25]);
    let mut probs = [0.0; 3];
    softmax(&reinmax::Portable, &logits, 3, 1.0, &mut probs).expect("finite logits");
    let refused = Err(Error::Value { argument: Argument::Tau, at: 0 });
    for tau in [0.0, -0.0, -1.0, f32::NAN, INF] {
        assert_eq!(softmax(&reinmax::Portable, &logits, 3, tau, &mut [0.0; 3]), refused);
        assert_eq!(StraightThrough { tau }.check(), refused);
        assert_eq!(ReinMax { tau }.check(), refused);
        assert_eq!(GumbelSoftmax { tau }.check(), refused);
    }
    // 1e-39 has no reciprocal in f32: it may be refused, but not give NaN or blame the logits.
    for tau in [1e-39, f32::MIN_POSITIVE, 1e-10, 1e10, f32::MAX] {
        for host in hosts() {
            let mut tempered = [0.0; 3];
            let outcome = softmax(&host, &logits, 3, tau, &mut tempered);
            assert!(outcome.is_ok() || outcome == refused, "softmax at tau = {tau:e}: {outcome:?}");
            let inputs = GradientInputs {
                logits: &logits,
                probs: &probs,
                index: &[0],
                saved: &[],
                upstream: &upstream,
                k: 3,
                draws: 1,
                column: None,
            };
            let mut grad = [0.0; 3];
            let outcome = ReinMax { tau }.backward(&host, inputs, &mut grad);
            assert!(outcome == refused || grad.iter().all(|g| g.is_finite()), "tau = {tau:e}: {outcome:?}, {grad:?}");
            if outcome.is_ok() {
                let wide = (twin::wide(&logits), twin::wide(&upstream));
                let expected = twin::reinmax(&wide.0, 0, &wide.1, f64::from(tau));
                assert_close(&grad, &expected, tolerance::IDENTITY * 2.0, "reinmax");
            }
        }
    }
}

/// Formulas compare indices as floats, which hold whole numbers up to 2^24.
#[test]
fn more_than_2_to_the_24_categories_are_refused() {
    let (k, drawn) = ((1 << 24) + 2, (1 << 24) + 1);
    let mut upstream = vec![0.0; k];
    upstream[drawn] = 1.0;
    let probs = vec![1.0 / k as f32; k];
    let index = [drawn as u32];
    let (logits, upstream) = (&probs, &upstream);
    let inputs =
        GradientInputs { logits, probs: &probs, index: &index, saved: &[], upstream, k, draws: 1, column: None };
    let mut grad = vec![0.0; k];
    let outcome = ReinMax { tau: 1.0 }.backward(&Host::detect(), inputs, &mut grad);
    assert_eq!(outcome, Err(Error::Value { argument: Argument::Categories, at: k }));
}

/// Functions besides exp and ln whose greatest errors are documented.
#[derive(Clone, Copy, Debug)]
enum Documented {
    Sigmoid,
    Tanh,
    Ln1p,
}

struct Map<'a> {
    function: Documented,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Map<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (x, out) in self.x.chunks(L::N).zip(self.out.chunks_mut(L::N)) {
            let x = L::load(x);
            match self.function {
                Documented::Sigmoid => sigmoid(x),
                Documented::Tanh => tanh(x),
                Documented::Ln1p => ln_1p_unit(x),
            }
            .store(out);
        }
    }
}

/// A sweep of every 331st float where the function neither saturates nor underflows.
#[test]
fn sigmoid_tanh_and_ln_1p_are_within_their_bounds() {
    let floats = |upto: f32| (1..=upto.to_bits()).step_by(331).map(f32::from_bits);
    for (function, upto, bound) in [
        (Documented::Sigmoid, 87.0, tolerance::SIGMOID_ULP),
        (Documented::Tanh, 10.0, tolerance::TANH_ULP),
        (Documented::Ln1p, 1.0, tolerance::LN_1P_ULP),
    ] {
        let mut x: Vec<f32> = floats(upto).collect();
        if !matches!(function, Documented::Ln1p) {
            x.extend(floats(upto).map(|x| -x));
        }
        let mut first: Option<Vec<f32>> = None;
        for host in hosts() {
            let mut out = vec![0.0; x.len()];
            host.run(Map { function, x: &x, out: &mut out });
            assert_same_bits(first.get_or_insert_with(|| out.clone()), &out, host.level().name());
        }
        let mut worst = (0.0, 0.0);
        for (x, got) in x.iter().zip(first.expect("a level")) {
            let wide = f64::from(*x);
            let truth = match function {
                Documented::Sigmoid => 1.0 / (1.0 + (-wide).exp()),
                Documented::Tanh => wide.tanh(),
                Documented::Ln1p => wide.ln_1p(),
            };
            let error = elementary::ulps(got, truth);
            assert!(error <= bound, "{function:?} at {x:e}: {got:e} where {truth:e} is right, {error} ULP");
            if error > worst.0 {
                worst = (error, *x);
            }
        }
        println!("{function:?}: {:.4} ULP at {:e}", worst.0, worst.1);
    }
}

/// A row without elements has sums of 0.
#[test]
fn losses_of_no_columns_are_those_of_empty_sums() {
    for host in hosts() {
        let mut memory = Memory::new(&Footprint { nodes: 4, values: 8, grads: 0, saved: 0 });
        memory.slabs().values.fill(f32::NAN);
        let mut tape = Tape::with_backend(memory.slabs(), host);
        let nothing = tape.input(Shape::new(3, 0), &[]).expect("room");
        let entropy = tape.entropy(nothing).expect("room");
        assert_eq!(tape.value(entropy), Ok(&[0.0; 3][..]), "on {}", host.level());
    }
}

#[test]
fn the_greatest_of_a_row_that_has_none_is_an_error() {
    for (bad, row) in [([1.0, 2.0, f32::NAN, 0.0], 1), ([-INF, -INF, 0.0, 1.0], 0)] {
        let mut memory = Memory::new(&Footprint { nodes: 4, values: 8, grads: 0, saved: 0 });
        let mut tape = Tape::new(memory.slabs());
        let x = tape.input(Shape::new(2, 2), &bad).expect("room");
        assert_eq!(tape.argmax_one_hot(x), Err(Error::Logits { row }));
    }
}

/// Rows that no distribution has: found at every length, for one draw and for many, on every level; with threads too.
#[test]
fn probabilities_that_are_none_are_refused() {
    let refused = |at| Err(Error::Value { argument: Argument::Probs, at });
    let stream = Stream::new(1, 0);
    for host in hosts() {
        for k in [1, 2, 3, 8, 16, 17, 40, 1100] {
            for (draws, rows) in [(1, 37), (20, 3)] {
                for bad in [f32::NAN, INF] {
                    let mut probs = vec![0.5 / k as f32; rows * k];
                    let mut index = vec![0; rows * draws];
                    let mut draw = |probs: &[f32]| draw(&host, probs, k, draws, Noise::stream(&stream, 0), &mut index);
                    assert_eq!(draw(&probs), Ok(()), "k = {k}, {draws} draws on {}", host.level());
                    let last = (rows - 1) * k;
                    let at = last + k / 2;
                    probs[at] = bad;
                    assert_eq!(draw(&probs), refused(at), "{bad} at k = {k}, {draws} draws on {}", host.level());
                    probs[last..].fill(0.0);
                    // A row without a category that could be drawn.
                    assert_eq!(draw(&probs), refused(last), "zeros at k = {k}, {draws} draws on {}", host.level());
                }
            }
        }
    }
    let mut probs = vec![0.5; 1 << 19];
    probs[400_001] = f32::NAN;
    let mut index = vec![0; 1 << 18];
    let threads = Host::detect().with_threads(2);
    let outcome = draw(&threads, &probs, 2, 1, Noise::stream(&stream, 0), &mut index);
    assert_eq!(outcome, refused(400_001));
}

#[test]
fn a_dot_product_ends_with_the_shorter_factor() {
    let x: Vec<f32> = (1..=40).map(|x| x as f32).collect();
    for (a, b) in [(3, 1), (1, 3), (40, 0), (0, 40), (40, 17), (17, 40), (20, 4)] {
        let len = a.min(b);
        let truth: f32 = x[..len].iter().map(|x| x * x).sum();
        for host in hosts() {
            assert_eq!(host.run(Dot { a: &x[..a], b: &x[..b] }), truth, "{a} by {b} on {}", host.level());
        }
    }
}

/// Sentences name what was refused, where there is more than one of it.
#[test]
fn refusals_read_as_sentences() {
    let says = |argument, at| Error::Value { argument, at }.to_string();
    assert_eq!(says(Argument::Tau, 0), "Tau is not a positive finite temperature");
    assert_eq!(says(Argument::Uniforms, 7), "Uniforms[7] is not in [0, 1)");
    assert_eq!(says(Argument::Repeats, 3), "Repeats = 3 is not a number of draws or repeats that is possible here");
    assert_eq!(says(Argument::RelaxedSamples, 0), "RelaxedSamples = 0 is not in 1 ..= 65536");
    assert_eq!(says(Argument::Step, 0), "Step = 0 is not at least 1");
}

/// Logits where probabilities belong: not a number, where the logarithm's own bits would give a plausible one.
#[test]
fn the_entropy_of_negative_numbers_is_nan() {
    for host in hosts() {
        let mut memory = Memory::new(&Footprint { nodes: 4, values: 60, grads: 60, saved: 0 });
        let mut tape = Tape::with_backend(memory.slabs(), host);
        let x = tape.param(Shape::new(2, 20), &[[0.05; 20], [-0.05; 20]].concat()).expect("room");
        let entropy = tape.entropy(x).expect("room");
        let divergence = tape.kl_to_uniform(x).expect("room");
        for value in [entropy, divergence] {
            let value = tape.value(value).expect("a value");
            assert!(value[0].is_finite() && value[1].is_nan(), "{value:?} on {}", host.level());
        }
        tape.backward_with(entropy, &[1.0, 1.0]).expect("a gradient");
        let grad = tape.grad(x).expect("a gradient");
        assert!(grad[..20].iter().all(|g| g.is_finite()) && grad[20..].iter().all(|g| g.is_nan()), "{}", host.level());
    }
}
