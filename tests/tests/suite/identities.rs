//! Identities of the estimators (sources in their files) as properties of random problems, masks and extremes included.

use crate::family::Row;
use proptest::prelude::*;
use reinmax::{
    Estimator, GradientInputs, OneLane, Portable, ReinMax, Reinforce, ScoreEstimator, ScoreInputs, StraightThrough,
};
use reinmax_tests::{assert_close, assert_same_bits, tolerance, twin};

/// Straight-Through's and ReinMax's gradients of a row.
fn both(row: &Row) -> [Vec<f32>; 2] {
    [row.gradient(StraightThrough { tau: row.tau }), row.gradient(ReinMax { tau: row.tau })]
}

/// Ordinary logits, wide ones, huge ones, and masks; category 0 is never masked.
fn row(most: usize) -> impl Strategy<Value = Row> {
    let logit = prop_oneof![
        8 => -3.0_f32..3.0,
        2 => -50.0_f32..50.0,
        1 => Just(f32::NEG_INFINITY),
    ];
    (1..=most).prop_flat_map(move |k| {
        let logits = prop::collection::vec(logit.clone(), k);
        let upstream = prop::collection::vec(-2.0_f32..2.0, k);
        let shift = prop_oneof![9 => Just(0.0_f32), 1 => Just(1e4_f32)];
        (logits, upstream, 0.3_f32..3.0, 0..k, shift).prop_map(|(mut logits, upstream, tau, drawn, shift)| {
            if logits[0] == f32::NEG_INFINITY {
                logits[0] = 0.0;
            }
            logits.iter_mut().for_each(|x| *x += shift);
            Row { logits, upstream, tau, drawn }
        })
    })
}

fn close(a: &[f32], b: &[f32], tolerance: f64) {
    assert_close(a, &twin::wide(b), tolerance, "identity");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn gradients_match_their_twins(row in row(40)) {
        let (logits, upstream) = (twin::wide(&row.logits), twin::wide(&row.upstream));
        let tau = f64::from(row.tau);
        let [st, reinmax] = both(&row);
        let tolerance = tolerance::IDENTITY * row.scale();
        assert_close(&st, &twin::straight_through(&logits, &upstream, tau), tolerance, "straight_through");
        assert_close(&reinmax, &twin::reinmax(&logits, row.drawn, &upstream, tau), tolerance, "reinmax");
    }

    #[test]
    fn a_gradient_sums_to_zero(row in row(40)) {
        for grad in both(&row) {
            let sum: f64 = twin::wide(&grad).iter().sum();
            prop_assert!(sum.abs() <= tolerance::IDENTITY * row.scale(), "{}", sum);
        }
    }

    #[test]
    fn a_constant_added_to_the_upstream_gradient_changes_nothing(row in row(40), constant in -3.0_f32..3.0) {
        let mut moved = row.clone();
        moved.upstream.iter_mut().for_each(|g| *g += constant);
        for (a, b) in both(&row).iter().zip(&both(&moved)) {
            close(a, b, 4.0 * tolerance::IDENTITY * row.scale());
        }
    }

    #[test]
    fn a_shift_of_all_logits_changes_nothing(row in row(40), shift in -100.0_f32..100.0) {
        prop_assume!(row.logits.iter().all(|x| *x < 100.0));
        let mut moved = row.clone();
        moved.logits.iter_mut().for_each(|x| *x += shift);
        for (a, b) in both(&row).iter().zip(&both(&moved)) {
            close(a, b, tolerance::SHIFT * row.scale());
        }
    }

    #[test]
    fn a_gradient_is_linear_in_the_upstream_gradient(row in row(40), factor in -3.0_f32..3.0) {
        let mut scaled = row.clone();
        scaled.upstream.iter_mut().for_each(|g| *g *= factor);
        for (a, b) in both(&row).iter().zip(&both(&scaled)) {
            let a: Vec<f32> = a.iter().map(|a| a * factor).collect();
            close(&a, b, 4.0 * tolerance::IDENTITY * row.scale());
        }
    }

    #[test]
    fn categories_can_change_places(row in row(40)) {
        let mut turned = row.clone();
        turned.logits.rotate_left(1);
        turned.upstream.rotate_left(1);
        turned.drawn = (row.drawn + row.k() - 1) % row.k();
        for (a, b) in both(&row).iter().zip(&both(&turned)) {
            let mut a = a.clone();
            a.rotate_left(1);
            close(&a, b, tolerance::IDENTITY * row.scale());
        }
    }

    #[test]
    fn with_two_categories_reinmax_is_straight_through_over_twice_the_probability(row in row(2)) {
        prop_assume!(row.k() == 2);
        let probability = row.probs()[row.drawn];
        prop_assume!(probability > 1e-3);
        let st = row.gradient(StraightThrough { tau: 1.0 });
        let reinmax: Vec<f32> = row.gradient(ReinMax { tau: 1.0 }).iter().map(|g| g * 2.0 * probability).collect();
        close(&reinmax, &st, tolerance::IDENTITY * row.scale());
    }

    #[test]
    fn reinmax_is_the_mean_of_straight_through_and_darn(row in row(40)) {
        let darn = twin::darn(&twin::wide(&row.logits), row.drawn, &twin::wide(&row.upstream));
        let st = row.gradient(StraightThrough { tau: 1.0 });
        let mean: Vec<f64> = st.iter().zip(&darn).map(|(st, darn)| (f64::from(*st) + darn) / 2.0).collect();
        let scale = Row { tau: 1.0, ..row.clone() }.scale();
        assert_close(&row.gradient(ReinMax { tau: 1.0 }), &mean, tolerance::IDENTITY * scale, "mean");
    }

    /// E_D[ReinMax | g fixed] = J(p) g at tau = 1.
    #[test]
    fn for_a_linear_loss_reinmax_is_unbiased(row in row(24)) {
        let probs = row.probs();
        let mut mean = vec![0.0; row.k()];
        for (drawn, p) in probs.iter().enumerate() {
            let grad = Row { drawn, ..row.clone() }.gradient(ReinMax { tau: 1.0 });
            mean.iter_mut().zip(&grad).for_each(|(mean, g)| *mean += f64::from(*p) * f64::from(*g));
        }
        let exact = twin::jacobian_product(&twin::softmax(&twin::wide(&row.logits), 1.0), &twin::wide(&row.upstream));
        for (mean, exact) in mean.iter().zip(&exact) {
            prop_assert!((mean - exact).abs() <= tolerance::IDENTITY * row.scale());
        }
    }

    /// The expectation of f (e - p), and with a baseline too.
    #[test]
    fn reinforce_is_unbiased(row in row(24), baseline in -1.0_f32..1.0) {
        let (probs, k) = (row.probs(), row.k());
        let mut mean = vec![0.0; k];
        for (drawn, p) in probs.iter().enumerate() {
            let (index, losses) = ([drawn as u32], [row.upstream[drawn]]);
            let inputs = ScoreInputs { probs: &probs, index: &index, losses: &losses, k, draws: 1 };
            let mut grad = vec![0.0; k];
            Reinforce { baseline }.gradient(&Portable, inputs, &mut grad).expect("a valid row");
            mean.iter_mut().zip(&grad).for_each(|(mean, g)| *mean += f64::from(*p) * f64::from(*g));
        }
        let exact = twin::jacobian_product(&twin::softmax(&twin::wide(&row.logits), 1.0), &twin::wide(&row.upstream));
        for (mean, exact) in mean.iter().zip(&exact) {
            prop_assert!((mean - exact).abs() <= 2.0 * tolerance::IDENTITY * row.scale());
        }
    }

    #[test]
    fn many_draws_sum_the_gradients_of_single_ones(row in row(40), draws in 1_usize..40) {
        let (probs, k) = (row.probs(), row.k());
        let index: Vec<u32> = (0..draws).map(|d| ((d * 7 + row.drawn) % k) as u32).collect();
        let upstream: Vec<f32> = (0..draws).flat_map(|d| row.upstream.iter().map(move |g| g * (d % 5) as f32)).collect();
        for tau in [1.0, row.tau] {
            let estimator = ReinMax { tau };
            let inputs = GradientInputs {
                logits: &row.logits,
                probs: &probs,
                index: &index,
                saved: &[],
                upstream: &upstream,
                k,
                draws,
                column: None,
            };
            let (mut all, mut one_lane) = (vec![0.0; k], vec![0.0; k]);
            estimator.backward(&Portable, inputs, &mut all).expect("valid");
            estimator.backward(&OneLane, inputs, &mut one_lane).expect("valid");
            assert_same_bits(&all, &one_lane, "one lane");
            let mut sum = vec![0.0; k];
            for (d, index) in index.iter().enumerate() {
                let upstream = upstream[d * k..][..k].to_vec();
                let grad = Row { upstream, drawn: *index as usize, ..row.clone() }.gradient(estimator);
                sum.iter_mut().zip(&grad).for_each(|(sum, g)| *sum += f64::from(*g));
            }
            assert_close(&all, &sum, tolerance::IDENTITY * row.scale() * 4.0 * draws as f64, "sum over draws");
        }
    }
}

#[test]
fn one_category_has_no_gradient() {
    let row = Row { logits: vec![3.0], upstream: vec![-7.0], tau: 0.7, drawn: 0 };
    assert_eq!(both(&row), [vec![0.0], vec![0.0]]);
}

#[test]
fn a_certain_row_has_no_gradient() {
    let row = Row { logits: vec![0.0, 200.0, 1.0], upstream: vec![3.0, -2.0, 1.0], tau: 1.0, drawn: 1 };
    for grad in both(&row) {
        assert_eq!(grad, vec![0.0; 3]);
    }
}

/// It is not true that ReinMax is always less biased than Straight-Through. A quartic of eight binary variables on
/// which it is not: f(z) = (3 + <w, z>)^4, z_i the first component of variable i's one-hot vector. docs/estimators.md
/// has the figures.
#[test]
fn reinmax_is_not_always_less_biased() {
    const LOGITS: [f32; 8] = [-0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    const WEIGHTS: [f32; 8] = [2.0, 1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0];
    let probs = LOGITS.map(|x| twin::softmax(&[f64::from(x), 0.0], 1.0)[0]);
    let (mut exact, mut st, mut reinmax) = ([0.0; 8], [0.0; 8], [0.0; 8]);
    for state in 0..1_u32 << 8 {
        let z = [0, 1, 2, 3, 4, 5, 6, 7].map(|i| (state >> i & 1) as u8);
        let of_variable = |(p, z): (&f64, &u8)| if *z == 1 { *p } else { 1.0 - p };
        let probability: f64 = probs.iter().zip(&z).map(of_variable).product();
        let inner = 3.0 + WEIGHTS.iter().zip(&z).map(|(w, z)| w * f32::from(*z)).sum::<f32>();
        for i in 0..8 {
            let upstream = vec![4.0 * WEIGHTS[i] * inner.powi(3), 0.0];
            let row = Row { logits: vec![LOGITS[i], 0.0], upstream, tau: 1.0, drawn: usize::from(1 - z[i]) };
            let [of_st, of_reinmax] = both(&row);
            exact[i] += probability * f64::from(inner.powi(4)) * (f64::from(z[i]) - probs[i]);
            st[i] += probability * f64::from(of_st[0]);
            reinmax[i] += probability * f64::from(of_reinmax[0]);
        }
    }
    let norm = |x: [f64; 8]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let bias = |mean: [f64; 8]| norm(std::array::from_fn(|i| mean[i] - exact[i])) / norm(exact);
    let (st, reinmax) = (bias(st), bias(reinmax));
    assert!(reinmax > 3.0 * st, "{st} and {reinmax}");
    let page = include_str!("../../../docs/estimators.md");
    let figures = format!("its bias is {st:.2} of the exact gradient's norm, ReinMax's {reinmax:.2}.");
    assert!(page.contains(&figures), "docs/estimators.md does not say: {figures}");
}
