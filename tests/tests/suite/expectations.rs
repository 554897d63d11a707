//! What the estimators promise of their means and variances: by enumeration where the noise is discrete, by Monte Carlo
//! with a fixed seed and the confidence of `tolerance::SIGMAS` where it is not.

use proptest::prelude::*;
use reinmax::categorical::softmax;
use reinmax::estimator::draw_antithetic;
use reinmax::{
    Arm, Darn, DisArm, DrawInputs, Estimator, GradientInputs, GumbelRao, GumbelSoftmax, Host, Mve, Noise, Portable,
    ReinMax, ReinMaxRao, Rloo, ScoreEstimator, ScoreInputs, StraightThrough, Stream,
};
use reinmax_tests::{tolerance, twin};

use super::family::{Row, row};

/// f(z) = c (a + <w, z>)^degree of two variables with k categories each.
#[derive(Clone, Debug)]
struct Power {
    logits: [Vec<f32>; 2],
    weights: [Vec<f32>; 2],
    bias: f32,
    degree: i32,
}

fn power(degree: i32) -> impl Strategy<Value = Power> {
    (2_usize..=8, 2_usize..=8).prop_flat_map(move |(k, l)| {
        let numbers = |n: usize| prop::collection::vec(-2.0_f32..2.0, n);
        (numbers(k), numbers(l), numbers(k), numbers(l), -1.0_f32..1.0).prop_map(move |(a, b, v, w, bias)| Power {
            logits: [a, b],
            weights: [v, w],
            bias,
            degree,
        })
    })
}

impl Power {
    /// |E estimate - exact| and |exact|, over both variables.
    fn bias_of(&self, estimator: impl Estimator) -> (f64, f64) {
        let probs: Vec<Vec<f64>> = self.logits.iter().map(|x| twin::softmax(&twin::wide(x), 1.0)).collect();
        let mut mean = self.logits.clone().map(|x| vec![0.0; x.len()]);
        let mut exact = mean.clone();
        for i in 0..probs[0].len() {
            for j in 0..probs[1].len() {
                let (state, probability) = ([i, j], probs[0][i] * probs[1][j]);
                let inner = f64::from(self.bias) + f64::from(self.weights[0][i]) + f64::from(self.weights[1][j]);
                let (f, slope) = (inner.powi(self.degree), f64::from(self.degree) * inner.powi(self.degree - 1));
                for v in 0..2 {
                    let upstream = self.weights[v].iter().map(|w| (slope * f64::from(*w)) as f32).collect();
                    let row = Row { logits: self.logits[v].clone(), upstream, tau: 1.0, drawn: state[v] };
                    let grad = row.gradient(estimator);
                    for (category, grad) in grad.iter().enumerate() {
                        mean[v][category] += probability * f64::from(*grad);
                        let e = f64::from(u8::from(category == state[v]));
                        exact[v][category] += probability * f * (e - probs[v][category]);
                    }
                }
            }
        }
        let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
        let (mean, exact) = (mean.concat(), exact.concat());
        (norm(&mut mean.iter().zip(&exact).map(|(m, e)| m - e)), norm(&mut exact.iter().copied()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn linear_losses_have_exact_means(problem in power(1)) {
        let biases = [
            problem.bias_of(StraightThrough { tau: 1.0 }),
            problem.bias_of(Darn),
            problem.bias_of(ReinMax { tau: 1.0 }),
            problem.bias_of(Mve),
        ];
        for (bias, norm) in biases {
            prop_assert!(bias <= tolerance::ENUMERATION * norm.max(1.0), "{bias} of {norm}");
        }
    }

    #[test]
    fn quadratic_losses_have_exact_means(problem in power(2)) {
        for (bias, norm) in [problem.bias_of(ReinMax { tau: 1.0 }), problem.bias_of(Mve)] {
            prop_assert!(bias <= tolerance::ENUMERATION * norm.max(1.0), "{bias} of {norm}");
        }
    }

    /// The weights of a draw are the gradients for upstream gradients e_1 .. e_k.
    #[test]
    fn minimum_variance_has_no_more_variance_than_reinmax(row in row(12)) {
        let size = |estimator: &dyn Fn(&Row) -> Vec<f32>| -> f64 {
            let of_draw = |(drawn, p): (usize, &f32)| -> f64 {
                let column = |j: usize| {
                    let upstream = (0..row.logits.len()).map(|i| if i == j { 1.0 } else { 0.0 }).collect();
                    let weights = estimator(&Row { drawn, upstream, ..row.clone() });
                    weights.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>()
                };
                f64::from(*p) * (0..row.logits.len()).map(column).sum::<f64>()
            };
            row.probs().iter().enumerate().filter(|(_, p)| **p > 0.0).map(of_draw).sum()
        };
        let (mve, reinmax) = (size(&|row| row.gradient(Mve)), size(&|row| row.gradient(ReinMax { tau: 1.0 })));
        prop_assert!(mve <= reinmax * (1.0 + tolerance::ENUMERATION), "{mve} and {reinmax}");
    }

    /// Over all pairs and triples of draws, the mean of a draw's share is J(p) f.
    #[test]
    fn leave_one_out_is_unbiased(row in row(5), draws in 2_usize..=3) {
        let (probs, k) = (row.probs(), row.logits.len());
        let mut mean = vec![0.0; k];
        for state in 0..k.pow(draws as u32) {
            let index: Vec<u32> = (0..draws).map(|d| (state / k.pow(d as u32) % k) as u32).collect();
            let losses: Vec<f32> = index.iter().map(|i| row.upstream[*i as usize]).collect();
            let probability: f64 = index.iter().map(|i| f64::from(probs[*i as usize])).product();
            let mut grad = vec![0.0; k];
            let inputs = ScoreInputs { probs: &probs, index: &index, losses: &losses, k, draws };
            Rloo.gradient(&Portable, inputs, &mut grad).expect("valid draws");
            mean.iter_mut().zip(&grad).for_each(|(m, g)| *m += probability * f64::from(*g) / draws as f64);
        }
        let exact = twin::jacobian_product(&twin::softmax(&twin::wide(&row.logits), 1.0), &twin::wide(&row.upstream));
        for (mean, exact) in mean.iter().zip(&exact) {
            prop_assert!((mean - exact).abs() <= tolerance::ENUMERATION, "{mean} for {exact}");
        }
    }

    /// A pair depends on where its uniform lies; between those places ARM is linear in it, so midpoints integrate it.
    #[test]
    fn antithetic_pairs_are_unbiased(p in 0.01_f32..0.99, losses in prop::array::uniform2(-2.0_f32..2.0)) {
        let probs = [p, 1.0 - p];
        let mut cuts = [0.0, p, 1.0 - p, 1.0];
        cuts.sort_by(f32::total_cmp);
        let (mut arm, mut disarm) = ([0.0_f64; 2], [0.0_f64; 2]);
        // For each kind of pair (both categories of its draws): probability, and ARM's integral over it.
        let mut kinds = [(0.0_f64, 0.0_f64, 0.0_f64); 4];
        for ends in cuts.windows(2) {
            let (width, u) = (f64::from(ends[1]) - f64::from(ends[0]), (ends[0] + ends[1]) / 2.0);
            if width < 1e-6 {
                continue;
            }
            let mut index = [0; 2];
            draw_antithetic(&probs, 2, &[u], &mut index).expect("a pair");
            let of_draws = index.map(|i| losses[i as usize]);
            let inputs = ScoreInputs { probs: &probs, index: &index, losses: &of_draws, k: 2, draws: 2 };
            let (mut of_arm, mut of_disarm) = ([0.0; 2], [0.0; 2]);
            Arm { uniforms: &[u] }.gradient(&Portable, inputs, &mut of_arm).expect("a pair");
            DisArm.gradient(&Portable, inputs, &mut of_disarm).expect("a pair");
            // Means over the two draws.
            for (category, (a, d)) in of_arm.iter().zip(&of_disarm).enumerate() {
                arm[category] += width * f64::from(*a) / 2.0;
                disarm[category] += width * f64::from(*d) / 2.0;
            }
            let kind = &mut kinds[(index[0] * 2 + index[1]) as usize];
            *kind = (kind.0 + width, kind.1 + width * f64::from(of_arm[0]), f64::from(of_disarm[0]));
        }
        let exact = f64::from(p) * f64::from(1.0 - p) * f64::from(losses[0] - losses[1]);
        for (mean, sign) in [(arm, 1.0), (disarm, 1.0)] {
            prop_assert!((mean[0] - sign * exact).abs() <= tolerance::ENUMERATION, "{mean:?} for {exact}");
            prop_assert!((mean[1] + sign * exact).abs() <= tolerance::ENUMERATION, "{mean:?} for -{exact}");
        }
        // DisARM is the mean of ARM given the pair, so its variance is no greater.
        for (probability, integral, of_disarm) in kinds {
            prop_assert!((integral - probability * of_disarm).abs() <= tolerance::ENUMERATION);
        }
    }
}

/// Mean and standard error of each component, over `count` gradients with draws and noise of their own; forced to one
/// category where `forced` says so.
fn drawn(estimator: impl Estimator, row: &Row, count: usize, forced: Option<u32>) -> Vec<(f64, f64)> {
    let (host, k) = (Host::detect(), row.logits.len());
    let (logits, upstream) = (row.logits.repeat(count), row.upstream.repeat(count));
    let (mut probs, mut index) = (vec![0.0; count * k], vec![0; count]);
    softmax(&host, &logits, k, 1.0, &mut probs).expect("a softmax");
    let (all, stream) = (forced.map(|index| vec![index; count]), Stream::new(11, 13));
    let noise = match &all {
        Some(index) => Noise::Forced { index, stream, position: 0 },
        None => Noise::stream(&stream, 0),
    };
    let mut saved = vec![0.0; count * estimator.saved_per_draw(k)];
    let inputs = DrawInputs { logits: &logits, probs: &probs, k, draws: 1, noise };
    estimator.draw(&host, inputs, &mut index, &mut saved).expect("draws");
    let mut grad = vec![0.0; count * k];
    let (logits, probs, index, saved, upstream) = (&logits, &probs, &index, &saved, &upstream);
    let inputs = GradientInputs { logits, probs, index, saved, upstream, k, draws: 1, column: None };
    estimator.backward(&host, inputs, &mut grad).expect("gradients");
    let n = count as f64;
    (0..k)
        .map(|j| {
            let of_component = || grad.iter().skip(j).step_by(k).map(|g| f64::from(*g));
            let mean = of_component().sum::<f64>() / n;
            let variance = of_component().map(|g| (g - mean).powi(2)).sum::<f64>() / (n - 1.0);
            (mean, (variance / n).sqrt())
        })
        .collect()
}

fn example(k: usize, tau: f32) -> Row {
    let logits = (0..k).map(|j| ((j * 5 % 7) as f32 - 3.0) * 0.4).collect();
    let upstream = (0..k).map(|j| ((j * 3 % 5) as f32 - 2.0) * 0.5).collect();
    Row { logits, upstream, tau, drawn: 0 }
}

/// Averaging over the noise that leads to a draw leaves the mean alone and lowers the variance.
#[test]
fn gumbel_rao_has_the_mean_of_gumbel_softmax() {
    for (k, tau) in [(2, 1.0), (5, 0.5), (20, 1.0)] {
        let row = example(k, tau);
        let plain = drawn(GumbelSoftmax { tau }, &row, 100_000, None);
        let averaged = drawn(GumbelRao { tau, relaxed_samples: 8 }, &row, 100_000, None);
        for ((a, of_a), (b, of_b)) in plain.iter().zip(&averaged) {
            assert!((a - b).abs() <= tolerance::SIGMAS * of_a.hypot(*of_b), "k = {k}: {a} +- {of_a}, {b} +- {of_b}");
            assert!(of_b < of_a, "k = {k}: {of_a} and {of_b}");
        }
    }
}

/// For each draw the mean of Gumbel-Rao tends to ReinMax at tau = 1 as tau -> 0. The distance is of order tau, so two
/// temperatures tell where it tends to, up to order tau^2.
#[test]
fn reinmax_is_the_limit_of_gumbel_rao() {
    for (k, forced) in [(2, 0), (3, 1), (3, 2)] {
        let row = Row { drawn: forced, ..example(k, 1.0) };
        let limit = row.gradient(ReinMax { tau: 1.0 });
        let mean = |tau| drawn(GumbelRao { tau, relaxed_samples: 4_096 }, &row, 2_000, Some(forced as u32));
        for (((cold, of_cold), (warm, of_warm)), limit) in mean(0.02).iter().zip(&mean(0.04)).zip(&limit) {
            let (end, error) = (2.0 * cold - warm, (2.0 * of_cold).hypot(*of_warm));
            let distance = (end - f64::from(*limit)).abs();
            assert!(distance <= tolerance::SIGMAS * error + tolerance::LIMIT, "k = {k}: {end} +- {error} for {limit}");
            assert!((cold - f64::from(*limit)).abs() < 0.05, "k = {k}: {cold} for {limit}");
        }
    }
}

/// As tau -> 0 the mean of Rao-Blackwellised ReinMax tends, for each draw, to ReinMax less J(p) g / 2: over all draws,
/// to half the gradient of a linear loss.
#[test]
fn rao_blackwellised_reinmax_tends_to_half_a_linear_gradient() {
    for (k, forced) in [(2, 0), (3, 1), (3, 2)] {
        let row = Row { drawn: forced, ..example(k, 1.0) };
        let exact = twin::jacobian_product(&twin::softmax(&twin::wide(&row.logits), 1.0), &twin::wide(&row.upstream));
        let reinmax = twin::wide(&row.gradient(ReinMax { tau: 1.0 }));
        let limit: Vec<f64> = reinmax.iter().zip(&exact).map(|(reinmax, exact)| reinmax - exact / 2.0).collect();
        assert!(exact.iter().any(|exact| exact.abs() > 0.1), "{exact:?}");
        let mean = |tau| drawn(ReinMaxRao { tau, relaxed_samples: 4_096 }, &row, 2_000, Some(forced as u32));
        for (((cold, of_cold), (warm, of_warm)), limit) in mean(0.02).iter().zip(&mean(0.04)).zip(&limit) {
            let (end, error) = (2.0 * cold - warm, (2.0 * of_cold).hypot(*of_warm));
            // Twice a mean of the kind that the tolerance speaks of.
            let distance = (end - limit).abs();
            assert!(distance <= tolerance::SIGMAS * error + 2.0 * tolerance::LIMIT, "k = {k}: {end} for {limit}");
        }
    }
}

/// Away from temperature 1 neither is exact any more where it was: claims of exactness name their temperature.
#[test]
fn a_temperature_costs_exactness() {
    let numbers = |n: usize, by: f32| (0..n).map(|j| (j as f32 * by).sin()).collect::<Vec<f32>>();
    let problem = |degree| Power {
        logits: [numbers(3, 1.3), numbers(4, 2.1)],
        weights: [numbers(3, 0.7), numbers(4, 3.9)],
        bias: 0.3,
        degree,
    };
    for (bias, norm) in [problem(2).bias_of(ReinMax { tau: 1.5 }), problem(1).bias_of(StraightThrough { tau: 1.5 })] {
        assert!(bias > 0.01 * norm, "{bias} of {norm}");
    }
    // Nor is Straight-Through exact on squares, at any temperature.
    let (bias, norm) = problem(2).bias_of(StraightThrough { tau: 1.0 });
    assert!(bias > 0.01 * norm, "{bias} of {norm}");
}
