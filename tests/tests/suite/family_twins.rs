//! Every formula of the family against a plain double-precision one, for rows of many lengths, one draw and many, on
//! every level, with equal bits.

use rand_core::Rng;
use rand_pcg::Pcg32;
use reinmax::categorical::softmax;
use reinmax::{
    Backend, Darn, DecoupledGumbel, DecoupledSt, DrawInputs, Error, Estimator, Gap, GappedSt, GradientInputs,
    GumbelRao, Mve, Noise, OneLane, Portable, ReinMaxRao, Result, Stream,
};
use reinmax_tests::{assert_close, assert_same_bits, hosts, tolerance, twin};

/// Two rows of logits with masks, and some draws of each.
struct Case {
    k: usize,
    draws: usize,
    logits: Vec<f32>,
    probs: Vec<f32>,
    index: Vec<u32>,
    upstream: Vec<f32>,
}

impl Case {
    fn new(k: usize, draws: usize) -> Self {
        let mut generator = Pcg32::new(k as u64, draws as u64);
        let mut numbers = |n: usize, width: f32| -> Vec<f32> {
            (0..n).map(|_| (reinmax::random::uniform(generator.next_u32()) - 0.5) * width).collect()
        };
        let (mut logits, upstream) = (numbers(2 * k, 6.0), numbers(2 * draws * k, 4.0));
        logits.iter_mut().skip(1).step_by(5).filter(|_| k > 2).for_each(|x| *x = f32::NEG_INFINITY);
        logits[k] = 0.5;
        let index = (0..2 * draws).map(|d| (d * 7 % k) as u32).collect();
        let mut probs = vec![0.0; 2 * k];
        softmax(&Portable, &logits, k, 1.0, &mut probs).expect("a softmax");
        Case { k, draws, logits, probs, index, upstream }
    }

    fn inputs<'a>(&'a self, saved: &'a [f32]) -> GradientInputs<'a> {
        let Case { k, draws, logits, probs, index, upstream } = self;
        GradientInputs { logits, probs, index, saved, upstream, k: *k, draws: *draws, column: None }
    }

    /// The sum over draws of `of_draw(row, logits, drawn, upstream, draw)`.
    fn twin(&self, of_draw: impl Fn(&[f64], usize, &[f64], usize) -> Vec<f64>) -> Vec<f64> {
        let mut grad = vec![0.0; 2 * self.k];
        for (draw, index) in self.index.iter().enumerate() {
            let row = draw / self.draws * self.k;
            let logits = twin::wide(&self.logits[row..row + self.k]);
            let upstream = twin::wide(&self.upstream[draw * self.k..][..self.k]);
            let of_draw = of_draw(&logits, *index as usize, &upstream, draw);
            grad[row..].iter_mut().zip(&of_draw).for_each(|(grad, x)| *grad += x);
        }
        grad
    }
}

/// A backward pass whose backend comes later.
struct Job<'a> {
    estimator: Any<'a>,
    inputs: GradientInputs<'a>,
    grad: &'a mut [f32],
}

#[derive(Clone, Copy)]
enum Any<'a> {
    Darn,
    DecoupledGumbel(DecoupledGumbel),
    DecoupledSt(DecoupledSt),
    GappedSt(GappedSt),
    Mve,
    GumbelRao(GumbelRao, &'a [f32]),
    ReinMaxRao(ReinMaxRao, &'a [f32]),
    Seeded(GumbelRao),
}

impl Job<'_> {
    fn run<B: Backend>(self, backend: &B) -> Result<()> {
        let Job { estimator, inputs, grad } = self;
        match estimator {
            Any::Darn => Darn.backward(backend, inputs, grad),
            Any::DecoupledGumbel(estimator) => estimator.backward(backend, inputs, grad),
            Any::DecoupledSt(estimator) => estimator.backward(backend, inputs, grad),
            Any::GappedSt(estimator) => estimator.backward(backend, inputs, grad),
            Any::Mve => Mve.backward(backend, inputs, grad),
            Any::GumbelRao(estimator, noise) => estimator.backward_with_exponentials(backend, inputs, noise, grad),
            Any::ReinMaxRao(estimator, noise) => estimator.backward_with_exponentials(backend, inputs, noise, grad),
            Any::Seeded(estimator) => estimator.backward(backend, inputs, grad),
        }
    }
}

/// Holds a gradient to its twin with one lane, and every level to the same bits.
fn check(case: &Case, name: &str, estimator: Any<'_>, saved: &[f32], expected: &[f64]) {
    let what = format!("{name}, k = {}, {} draws", case.k, case.draws);
    let mut one_lane = vec![0.0; 2 * case.k];
    Job { estimator, inputs: case.inputs(saved), grad: &mut one_lane }.run(&OneLane).expect("a valid case");
    let scale = (case.k as f64).sqrt() * case.draws as f64 * 4.0;
    assert_close(&one_lane, expected, tolerance::IDENTITY * scale, &what);
    for host in hosts() {
        let mut grad = vec![0.0; 2 * case.k];
        Job { estimator, inputs: case.inputs(saved), grad: &mut grad }.run(&host).expect("a valid case");
        assert_same_bits(&grad, &one_lane, &format!("{what} on {}", host.level()));
    }
}

fn cases() -> impl Iterator<Item = Case> {
    (1..=34).chain([48, 64, 65, 130]).flat_map(|k| [1, 3, 17].map(|draws| Case::new(k, draws)))
}

#[test]
fn darn_and_decoupled_straight_through() {
    for case in cases() {
        let expected = case.twin(|logits, drawn, upstream, _| twin::darn(logits, drawn, upstream));
        check(&case, "darn", Any::Darn, &[], &expected);
        let expected = case.twin(|logits, _, upstream, _| twin::straight_through(logits, upstream, 1.3));
        let estimator = DecoupledSt { tau_forward: 1.0, tau_backward: 1.3 };
        check(&case, "decoupled_st", Any::DecoupledSt(estimator), &[], &expected);
    }
}

/// The gradient is that of softmax at the perturbed logits, by the backward temperature alone.
#[test]
fn decoupled_gumbel_softmax() {
    for case in cases() {
        let (k, mut generator) = (case.k, Pcg32::new(2, case.k as u64));
        let mut noise = || -(-reinmax::random::uniform(generator.next_u32()).ln()).ln();
        let of_row = |draw: usize| &case.logits[draw / case.draws * k..][..k];
        let saved = (0..case.index.len()).flat_map(|draw| of_row(draw).to_vec()).map(|x| x + noise());
        let saved: Vec<f32> = saved.collect();
        let expected = case.twin(|_, _, upstream, draw| {
            twin::straight_through(&twin::wide(&saved[draw * k..][..k]), upstream, f64::from(0.7_f32))
        });
        let estimator = DecoupledGumbel { tau_forward: 0.4, tau_backward: 0.7 };
        check(&case, "decoupled_gumbel", Any::DecoupledGumbel(estimator), &saved, &expected);
    }
}

#[test]
fn gapped_straight_through() {
    for case in cases() {
        for gap in [Gap::Constant(1.0), Gap::Constant(0.0), Gap::Adaptive] {
            let expected = case.twin(|logits, drawn, upstream, _| {
                let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let pi = twin::softmax(logits, 1.0)[drawn] * (1.0 - 1e-5);
                let gap = match gap {
                    Gap::Constant(gap) => f64::from(gap),
                    Gap::Adaptive if pi == 0.0 => 1.0,
                    Gap::Adaptive => -(-pi).ln_1p() / pi,
                };
                let gapped = |(i, x): (usize, &f64)| if i == drawn { max } else { x.min(max - gap) };
                let gapped: Vec<f64> = logits.iter().enumerate().map(gapped).collect();
                twin::straight_through(&gapped, upstream, 0.8)
            });
            check(&case, "gapped_st", Any::GappedSt(GappedSt { tau: 0.8, gap }), &[], &expected);
        }
    }
}

/// W as the definition has it: C by elimination, without the estimator's scaling and pinning.
#[test]
fn minimum_variance() {
    for mut case in cases().filter(|case| case.k <= 32) {
        // The definition divides by p_i + p_j.
        case.logits.iter_mut().filter(|x| x.is_infinite()).for_each(|x| *x = -1.5);
        softmax(&Portable, &case.logits, case.k, 1.0, &mut case.probs).expect("a softmax");
        let expected = case.twin(|logits, drawn, upstream, _| {
            let (p, k) = (twin::softmax(logits, 1.0), logits.len());
            let coupling = |i: usize, j: usize| p[i] * p[j] / (p[i] + p[j]);
            let mut system = vec![vec![0.0; 2 * k]; k];
            for (i, row) in system.iter_mut().enumerate() {
                for j in 0..k {
                    let degree: f64 = (0..k).filter(|other| *other != i).map(|other| coupling(i, other)).sum();
                    row[j] = 1.0 / k as f64 + if i == j { degree } else { -coupling(i, j) };
                    row[k + j] = (if i == j { p[i] } else { 0.0 } - p[i] * p[j]) / 2.0;
                }
            }
            let c = solved(system);
            let mut grad = vec![0.0; k];
            for (j, g) in upstream.iter().enumerate() {
                for (i, grad) in grad.iter_mut().enumerate() {
                    let e = f64::from(u8::from(i == drawn));
                    let weight = p[j] / (p[drawn] + p[j]) * (c[j][i] - c[drawn][i]);
                    *grad += g * if j == drawn { (e - p[i]) / 2.0 } else { weight };
                }
            }
            grad
        });
        check(&case, "mve", Any::Mve, &[], &expected);
    }
}

/// Gauss and Jordan with pivots; returns the right half.
fn solved(mut system: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let k = system.len();
    for column in 0..k {
        let pivot = (column..k).max_by(|a, b| system[*a][column].abs().total_cmp(&system[*b][column].abs()));
        system.swap(column, pivot.expect("a row"));
        let lead = system[column][column];
        system[column].iter_mut().for_each(|x| *x /= lead);
        let pivot = system[column].clone();
        for (_, line) in system.iter_mut().enumerate().filter(|(row, _)| *row != column) {
            let factor = line[column];
            line.iter_mut().zip(&pivot).for_each(|(x, p)| *x -= factor * p);
        }
    }
    system.into_iter().map(|line| line[k..].to_vec()).collect()
}

/// The mean over r of J(y_r) g / tau at probabilities p, exponential numbers [k, R] as the caller gives them.
fn averaged(p: &[f64], drawn: usize, g: &[f64], tau: f64, noise: &[f32], repeats: usize) -> Vec<f64> {
    let mut grad = vec![0.0; p.len()];
    for r in 0..repeats {
        let e = |i: usize| f64::from(noise[i * repeats + r]);
        let v = |i: usize| if i == drawn { -e(i).ln() } else { -(e(i) / p[i] + e(drawn)).ln() };
        let y = twin::softmax(&(0..p.len()).map(v).collect::<Vec<f64>>(), tau);
        let of_sample = twin::jacobian_product(&y, g);
        grad.iter_mut().zip(&of_sample).for_each(|(grad, x)| *grad += x / (tau * repeats as f64));
    }
    grad
}

#[test]
fn relaxed_samples_averaged() {
    const REPEATS: usize = 3;
    for case in cases() {
        let (k, mut generator) = (case.k, Pcg32::new(1, case.k as u64));
        let exponential = |_| -reinmax::random::uniform(generator.next_u32()).ln();
        let noise: Vec<f32> = (0..case.index.len() * k * REPEATS).map(exponential).collect();
        for tau in [1.0, 0.6] {
            let of_draw = |draw: usize| &noise[draw * k * REPEATS..][..k * REPEATS];
            let expected = case.twin(|logits, drawn, g, draw| {
                averaged(&twin::softmax(logits, 1.0), drawn, g, tau, of_draw(draw), REPEATS)
            });
            let draws = REPEATS as u32;
            let estimator = GumbelRao { tau: tau as f32, relaxed_samples: draws };
            check(&case, "gumbel_rao", Any::GumbelRao(estimator, &noise), &[], &expected);
            let expected = case.twin(|logits, drawn, g, draw| {
                let p = twin::softmax(logits, 1.0);
                let middle: Vec<f64> =
                    p.iter().enumerate().map(|(i, p)| (p + f64::from(u8::from(i == drawn))) / 2.0).collect();
                let first = averaged(&middle, drawn, g, tau, of_draw(draw), REPEATS);
                let second = twin::jacobian_product(&p, g);
                first.iter().zip(&second).map(|(a, b)| 2.0 * a - 0.5 * b).collect()
            });
            let estimator = ReinMaxRao { tau: tau as f32, relaxed_samples: draws };
            check(&case, "reinmax_rao", Any::ReinMaxRao(estimator, &noise), &[], &expected);
        }
    }
}

/// Noise that is made again from a draw's key has the gradient of the same noise given: key, generator and the order of
/// its numbers are as documented in `estimator::conditional`.
#[test]
fn noise_made_again_is_that_of_the_key() {
    const REPEATS: usize = 3;
    for case in cases() {
        let (k, count) = (case.k, case.index.len());
        let estimator = GumbelRao { tau: 1.0, relaxed_samples: REPEATS as u32 };
        let (mut index, mut saved) = (vec![0; count], vec![0.0; 2 * count]);
        let noise = Noise::Forced { index: &case.index, stream: Stream::new(5, 6), position: 7 };
        let inputs = DrawInputs { logits: &case.logits, probs: &case.probs, k, draws: case.draws, noise };
        estimator.draw(&Portable, inputs, &mut index, &mut saved).expect("forced draws");
        let keys: std::collections::BTreeSet<[u32; 2]> =
            saved.chunks(2).map(|key| [key[0].to_bits(), key[1].to_bits()]).collect();
        assert_eq!(keys.len(), count, "no two draws share their noise");
        // A row of more than 16 categories takes whole blocks of 16 numbers.
        let stride = if k > 16 { k.next_multiple_of(16) } else { k };
        let mut noise = vec![0.0; count * k * REPEATS];
        for (noise, key) in noise.chunks_mut(k * REPEATS).zip(saved.chunks(2)) {
            let mut state = splitmix64(u64::from(key[0].to_bits()) << 30 | u64::from(key[1].to_bits()));
            for r in 0..REPEATS {
                for i in 0..stride {
                    let u = f64::from(reinmax::random::uniform(pcg_output(state)));
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(0xda3e_39cb_94b9_5bdb);
                    if i < k {
                        noise[i * REPEATS + r] = -u.ln() as f32;
                    }
                }
            }
        }
        let expected = case.twin(|logits, drawn, g, draw| {
            averaged(&twin::softmax(logits, 1.0), drawn, g, 1.0, &noise[draw * k * REPEATS..][..k * REPEATS], REPEATS)
        });
        check(&case, "gumbel_rao by keys", Any::Seeded(estimator), &saved, &expected);
    }
}

fn splitmix64(x: u64) -> u64 {
    let z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// PCG XSH-RR.
fn pcg_output(state: u64) -> u32 {
    ((((state >> 18) ^ state) >> 27) as u32).rotate_right((state >> 59) as u32)
}

/// Refusals name what was wrong, and leave the gradient as it was.
#[test]
fn misuse_is_refused() {
    let case = Case::new(3, 2);
    let refused = |estimator: Any<'_>, saved: &[f32]| {
        let mut grad = vec![7.0; 6];
        let outcome = Job { estimator, inputs: case.inputs(saved), grad: &mut grad }.run(&Portable);
        assert_eq!(grad, [7.0; 6]);
        outcome.expect_err("it is wrong")
    };
    let says = |error: Error, words: &str| assert!(error.to_string().contains(words), "'{words}' is not in: {error}");
    let gapped = |tau, gap| Any::GappedSt(GappedSt { tau, gap: Gap::Constant(gap) });
    says(refused(gapped(0.0, 1.0), &[]), "Tau");
    says(refused(gapped(1.0, -1.0), &[]), "Gap");
    says(refused(gapped(1.0, f32::NAN), &[]), "Gap");
    let decoupled = |tau_forward, tau_backward| Any::DecoupledSt(DecoupledSt { tau_forward, tau_backward });
    says(refused(decoupled(f32::INFINITY, 1.0), &[]), "Tau");
    says(refused(decoupled(1.0, -1.0), &[]), "Tau");
    says(refused(decoupled(0.5, 1.0), &[]), "Saved");
    let noise = [1.0; 12 * 2];
    says(refused(Any::GumbelRao(GumbelRao { tau: 1.0, relaxed_samples: 0 }, &[]), &[]), "RelaxedSamples");
    says(refused(Any::GumbelRao(GumbelRao { tau: 1.0, relaxed_samples: 1 }, &noise), &[]), "Exponentials");
    says(refused(Any::GumbelRao(GumbelRao { tau: 1.0, relaxed_samples: 2 }, &[0.0; 24]), &[]), "Exponentials");
    says(refused(Any::ReinMaxRao(ReinMaxRao { tau: f32::NAN, relaxed_samples: 2 }, &noise), &[]), "Tau");
    says(refused(Any::Seeded(GumbelRao { tau: 1.0, relaxed_samples: 2 }), &[]), "Saved");
}
