//! Identities that hold for every estimator of the upstream gradient, as properties of random rows: masks, logits of
//! +-1e4 and draws of probability 0 included. Bits are equal with one lane and with the widest.

use proptest::prelude::*;
use reinmax::categorical::softmax;
use reinmax::{
    Backend, Darn, DecoupledGumbel, DecoupledSt, DrawInputs, Estimator, Gap, GappedSt, GradientInputs, GumbelRao,
    GumbelSoftmax, Host, Mve, Noise, OneLane, Portable, ReinMax, ReinMaxRao, StraightThrough, Stream,
};
use reinmax_tests::{assert_close, assert_same_bits, tolerance, twin};

/// One row and what happens to it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) logits: Vec<f32>,
    pub(crate) upstream: Vec<f32>,
    pub(crate) tau: f32,
    pub(crate) drawn: usize,
}

impl Row {
    pub(crate) fn k(&self) -> usize {
        self.logits.len()
    }

    pub(crate) fn probs(&self) -> Vec<f32> {
        let mut probs = vec![0.0; self.k()];
        softmax(&Portable, &self.logits, self.k(), 1.0, &mut probs).expect("a softmax");
        probs
    }

    /// max |upstream| * max(1, 1 / tau) * sqrt(k).
    pub(crate) fn scale(&self) -> f64 {
        let greatest = self.upstream.iter().fold(1.0_f32, |greatest, g| greatest.max(g.abs()));
        f64::from(greatest) * f64::from(1.0 / self.tau).max(1.0) * (self.k() as f64).sqrt()
    }

    /// The gradient for the forced draw; noise besides it comes from a fixed stream.
    fn gradient_on<B: Backend>(&self, backend: &B, estimator: impl Estimator) -> Vec<f32> {
        let (probs, k, index) = (self.probs(), self.k(), [self.drawn as u32]);
        let noise = Noise::Forced { index: &index, stream: Stream::new(3, 5), position: 7 };
        let (mut drawn, mut saved) = ([u32::MAX], vec![0.0; estimator.saved_per_draw(k)]);
        let inputs = DrawInputs { logits: &self.logits, probs: &probs, k, draws: 1, noise };
        estimator.draw(backend, inputs, &mut drawn, &mut saved).expect("a forced draw");
        assert_eq!(drawn, index);
        let (logits, upstream) = (&self.logits, &self.upstream);
        let (probs, index, saved) = (&probs, &index, &saved);
        let inputs = GradientInputs { logits, probs, index, saved, upstream, k, draws: 1, column: None };
        let mut grad = vec![0.0; k];
        estimator.backward(backend, inputs, &mut grad).expect("a valid row");
        grad
    }

    pub(crate) fn gradient(&self, estimator: impl Estimator) -> Vec<f32> {
        let grad = self.gradient_on(&Portable, estimator);
        assert_same_bits(&grad, &self.gradient_on(&OneLane, estimator), "one lane");
        assert_same_bits(&grad, &self.gradient_on(&Host::detect(), estimator), "widest lanes");
        grad
    }

    /// Estimators without noise besides the draw.
    fn without_noise(&self) -> Vec<(&'static str, Vec<f32>)> {
        let tau = self.tau;
        let mut all = vec![
            ("straight_through", self.gradient(StraightThrough { tau })),
            ("reinmax", self.gradient(ReinMax { tau })),
            ("reinmax at 1", self.gradient(ReinMax { tau: 1.0 })),
            ("decoupled_st", self.gradient(DecoupledSt { tau_forward: 0.5, tau_backward: tau })),
            ("gapped_st", self.gradient(GappedSt { tau, gap: Gap::Constant(1.0) })),
            ("gapped_st, adaptive", self.gradient(GappedSt { tau, gap: Gap::Adaptive })),
            ("darn", self.gradient(Darn)),
        ];
        if self.k() <= 32 {
            all.push(("mve", self.gradient(Mve)));
        }
        all
    }

    fn all(&self) -> Vec<(&'static str, Vec<f32>)> {
        let tau = self.tau;
        let mut all = self.without_noise();
        all.extend([
            ("gumbel_softmax", self.gradient(GumbelSoftmax { tau })),
            ("decoupled_gumbel", self.gradient(DecoupledGumbel { tau_forward: 0.5, tau_backward: tau })),
            ("gumbel_rao", self.gradient(GumbelRao { tau, relaxed_samples: 3 })),
            ("reinmax_rao", self.gradient(ReinMaxRao { tau, relaxed_samples: 3 })),
        ]);
        all
    }
}

/// Ordinary logits, wide ones, huge ones and masks; category 0 is never masked.
pub(crate) fn row(most: usize) -> impl Strategy<Value = Row> {
    let logit = prop_oneof![
        16 => -3.0_f32..3.0,
        4 => -50.0_f32..50.0,
        2 => Just(f32::NEG_INFINITY),
        1 => Just(1e4_f32),
        1 => Just(-1e4_f32),
    ];
    (1..=most).prop_flat_map(move |k| {
        let (logits, upstream) = (prop::collection::vec(logit.clone(), k), prop::collection::vec(-2.0_f32..2.0, k));
        (logits, upstream, 0.3_f32..3.0, 0..k).prop_map(|(mut logits, upstream, tau, drawn)| {
            if logits[0] == f32::NEG_INFINITY {
                logits[0] = 0.0;
            }
            Row { logits, upstream, tau, drawn }
        })
    })
}

/// Rows of up to 40 categories, and now and then of many more.
fn any_row() -> impl Strategy<Value = Row> {
    prop_oneof![12 => row(40), 1 => row(300)]
}

fn close(name: &str, a: &[f32], b: &[f32], tolerance: f64) {
    assert_close(a, &twin::wide(b), tolerance, name);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_gradient_sums_to_zero(row in any_row()) {
        for (name, grad) in row.all() {
            prop_assert!(grad.iter().all(|g| g.is_finite()), "{}: {:?}", name, grad);
            let sum: f64 = twin::wide(&grad).iter().sum();
            prop_assert!(sum.abs() <= tolerance::IDENTITY * row.scale(), "{}: {}", name, sum);
        }
    }

    #[test]
    fn a_constant_added_to_the_upstream_gradient_changes_nothing(row in any_row(), constant in -3.0_f32..3.0) {
        let mut moved = row.clone();
        moved.upstream.iter_mut().for_each(|g| *g += constant);
        for ((name, a), (_, b)) in row.all().iter().zip(&moved.all()) {
            close(name, a, b, 4.0 * tolerance::IDENTITY * row.scale());
        }
    }

    #[test]
    fn a_gradient_is_linear_in_the_upstream_gradient(row in any_row(), factor in -3.0_f32..3.0) {
        let mut scaled = row.clone();
        scaled.upstream.iter_mut().for_each(|g| *g *= factor);
        for ((name, a), (_, b)) in row.all().iter().zip(&scaled.all()) {
            let a: Vec<f32> = a.iter().map(|a| a * factor).collect();
            close(name, &a, b, 4.0 * tolerance::IDENTITY * row.scale());
        }
    }

    #[test]
    fn a_shift_of_all_logits_changes_nothing(row in any_row(), shift in -100.0_f32..100.0) {
        prop_assume!(row.logits.iter().all(|x| x.abs() < 100.0 || x.is_infinite()));
        let mut moved = row.clone();
        moved.logits.iter_mut().for_each(|x| *x += shift);
        for ((name, a), (_, b)) in row.all().iter().zip(&moved.all()) {
            close(name, a, b, tolerance::SHIFT * row.scale());
        }
    }

    /// What has noise has it for categories in their order: for it the identity holds in distribution only.
    #[test]
    fn categories_can_change_places(row in any_row(), by in 0_usize..300) {
        let (mut turned, by) = (row.clone(), by % row.k());
        turned.logits.rotate_left(by);
        turned.upstream.rotate_left(by);
        turned.drawn = (row.drawn + row.k() - by) % row.k();
        for ((name, mut a), (_, b)) in row.without_noise().into_iter().zip(&turned.without_noise()) {
            a.rotate_left(by);
            close(name, &a, b, 2.0 * tolerance::IDENTITY * row.scale());
        }
    }

    #[test]
    fn two_temperatures_that_are_one_are_the_plain_estimators(row in any_row()) {
        let tau = row.tau;
        let decoupled = row.gradient(DecoupledGumbel { tau_forward: tau, tau_backward: tau });
        assert_same_bits(&decoupled, &row.gradient(GumbelSoftmax { tau }), "gumbel_softmax");
        let decoupled = row.gradient(DecoupledSt { tau_forward: tau, tau_backward: tau });
        assert_same_bits(&decoupled, &row.gradient(StraightThrough { tau }), "straight_through");
    }

    #[test]
    fn reinmax_is_the_mean_of_straight_through_and_darn(row in any_row()) {
        let (st, darn) = (row.gradient(StraightThrough { tau: 1.0 }), row.gradient(Darn));
        let mean: Vec<f32> = st.iter().zip(&darn).map(|(a, b)| (a + b) / 2.0).collect();
        let scale = Row { tau: 1.0, ..row.clone() }.scale();
        close("mean", &row.gradient(ReinMax { tau: 1.0 }), &mean, 2.0 * tolerance::IDENTITY * scale);
    }

    #[test]
    fn with_two_categories_minimum_variance_is_reinmax(row in row(2)) {
        close("mve", &row.gradient(Mve), &row.gradient(ReinMax { tau: 1.0 }), 2.0 * tolerance::IDENTITY * row.scale());
    }

    /// A gap beyond every float leaves the one-hot sample, which has no gradient.
    #[test]
    fn a_huge_gap_leaves_no_gradient(row in any_row()) {
        let grad = row.gradient(GappedSt { tau: row.tau, gap: Gap::Constant(1e6) });
        prop_assert!(grad.iter().all(|g| *g == 0.0), "{:?}", grad);
    }
}

#[test]
fn one_category_has_no_gradient() {
    for logit in [3.0, -1e4, 1e4] {
        let row = Row { logits: vec![logit], upstream: vec![-7.0], tau: 0.7, drawn: 0 };
        for (name, grad) in row.all() {
            assert_eq!(grad, [0.0], "{name}");
        }
    }
}

#[test]
fn a_certain_row_has_no_gradient() {
    for k in [2, 3, 16, 17, 32] {
        let mut row = Row { logits: vec![0.0; k], upstream: vec![3.0; k], tau: 1.0, drawn: k - 1 };
        row.logits[k - 1] = 300.0;
        row.upstream[0] = -2.0;
        for (name, grad) in row.all() {
            assert!(grad.iter().all(|g| *g == 0.0), "{name}: {grad:?}");
        }
    }
}
