//! Every estimator against reference vectors, on every level, with equal bits.

use reinmax::categorical::softmax;
use reinmax::kernel::softmax::AddSoftmaxVjp;
use reinmax::{
    Argument, Backend, Darn, DecoupledGumbel, DecoupledSt, Draws, Error, Estimator, Gap, GappedSt, GradientInputs,
    GumbelRao, GumbelSoftmax, Host, Memory, Mve, ReinMax, ReinMaxRao, Reinforce, ScoreEstimator, ScoreInputs, Shape,
    StraightThrough, Tape, measure,
};
use reinmax_tests::golden::{Case, load};
use reinmax_tests::{assert_close, assert_same_bits, hosts, tolerance};

/// Runs `gradient` for every case of a file on every level.
fn check(file: &str, gradient: impl Fn(Host, &Case, &[f32]) -> Vec<f32>) {
    for case in load::<Case>(file) {
        let mut first: Option<Vec<f32>> = None;
        for host in hosts() {
            let mut probs = vec![0.0; case.logits.len()];
            softmax(&host, &case.logits, case.k, 1.0, &mut probs).expect("finite logits");
            let grad = gradient(host, &case, &probs);
            let what = format!("{file} {} on {}", case.id, host.level());
            assert_close(&grad, &case.grad, tolerance::GOLDEN * case.scale(), &what);
            assert_same_bits(first.get_or_insert_with(|| grad.clone()), &grad, &what);
        }
    }
}

/// One draw a row, forced.
fn inputs<'a>(case: &'a Case, probs: &'a [f32], saved: &'a [f32]) -> GradientInputs<'a> {
    let (logits, index, upstream) = (&case.logits, &case.sample, &case.upstream);
    GradientInputs { logits, probs, index, saved, upstream, k: case.k, draws: 1, column: None }
}

fn flat<E: Estimator>(host: Host, estimator: E, case: &Case, probs: &[f32]) -> Vec<f32> {
    let mut grad = vec![0.0; probs.len()];
    estimator.backward(&host, inputs(case, probs, &[]), &mut grad).expect("a valid case");
    grad
}

/// The same by way of a tape: parameter, softmax, sample node, upstream gradient.
fn taped<E: Estimator>(host: Host, estimator: E, case: &Case) -> Vec<f32> {
    let shape = Shape::new((case.logits.len() / case.k) as u32, case.k as u32);
    let record = |tape: &mut Tape<'_, Host>| {
        let logits = tape.param(shape, &case.logits)?;
        let probs = tape.softmax(logits)?;
        tape.sample(estimator, logits, probs, Draws::Forced(&case.sample))
    };
    let mut memory = Memory::new(&measure(host, |tape| record(tape).map(drop)).expect("it records"));
    let mut tape = Tape::with_backend(memory.slabs(), host);
    let one_hot = record(&mut tape).expect("it records");
    tape.backward_with(one_hot, &case.upstream).expect("it has a gradient");
    tape.param_grads().to_vec()
}

#[test]
fn straight_through() {
    check("st", |host, case, probs| {
        let estimator = StraightThrough { tau: case.tau };
        let grad = flat(host, estimator, case, probs);
        assert_same_bits(&grad, &taped(host, estimator, case), &case.id);
        grad
    });
}

#[test]
fn reinmax() {
    check("reinmax", |host, case, probs| {
        let estimator = ReinMax { tau: case.tau };
        let grad = flat(host, estimator, case, probs);
        assert_same_bits(&grad, &taped(host, estimator, case), &case.id);
        grad
    });
}

#[test]
fn reinmax_with_a_gradient_of_the_probabilities() {
    check("reinmax_with_prob_grad", |host, case, probs| {
        let mut grad = flat(host, ReinMax { tau: case.tau }, case, probs);
        host.run(AddSoftmaxVjp { probs, upstream: &case.upstream_prob, k: case.k, scale: 1.0, grad: &mut grad });
        grad
    });
}

#[test]
fn gumbel_softmax() {
    check("stgs", |host, case, probs| {
        let (mut index, mut saved) = (vec![0; case.sample.len()], vec![0.0; probs.len()]);
        let estimator = GumbelSoftmax { tau: case.tau };
        estimator.draw_with_gumbel(&case.logits, case.k, 1, &case.gumbel, &mut index, &mut saved).expect("valid noise");
        assert_eq!(index, case.sample, "{}", case.id);
        let mut grad = vec![0.0; probs.len()];
        estimator.backward(&host, inputs(case, probs, &saved), &mut grad).expect("a valid case");
        grad
    });
}

#[test]
fn reinforce() {
    check("reinforce", |host, case, probs| {
        let mut grad = vec![0.0; probs.len()];
        let inputs = ScoreInputs { probs, index: &case.sample, losses: &case.loss, k: case.k, draws: 1 };
        Reinforce { baseline: 0.0 }.gradient(&host, inputs, &mut grad).expect("a valid case");
        grad
    });
}

#[test]
fn darn() {
    check("darn", |host, case, probs| {
        let grad = flat(host, Darn, case, probs);
        assert_same_bits(&grad, &taped(host, Darn, case), &case.id);
        grad
    });
}

#[test]
fn gapped_st() {
    for (file, gap) in [("gst_gap1", Gap::Constant(1.0)), ("gst_gapp", Gap::Adaptive)] {
        check(file, |host, case, probs| {
            let estimator = GappedSt { tau: case.tau, gap };
            let grad = flat(host, estimator, case, probs);
            assert_same_bits(&grad, &taped(host, estimator, case), &case.id);
            grad
        });
    }
}

/// The gradient of Gapped Straight-Through is that of its relaxed sample: J(y) g / tau.
#[test]
fn gapped_samples() {
    for (file, gap) in [("gst_gap1", Gap::Constant(1.0)), ("gst_gapp", Gap::Adaptive)] {
        check(file, |host, case, probs| {
            let mut relaxed = vec![f32::NAN; probs.len()];
            let estimator = GappedSt { tau: case.tau, gap };
            estimator.relaxed(&host, inputs(case, probs, &[]), &mut relaxed).expect("a valid case");
            let mut grad = vec![0.0; probs.len()];
            let (upstream, k) = (&case.upstream, case.k);
            host.run(AddSoftmaxVjp { probs: &relaxed, upstream, k, scale: 1.0 / case.tau, grad: &mut grad });
            for (row, index) in relaxed.chunks(k).zip(&case.sample) {
                assert!(row.iter().all(|y| *y <= row[*index as usize]), "{}: the draw is the greatest", case.id);
            }
            grad
        });
    }
}

#[test]
fn decoupled_gumbel() {
    check("decoupled_stgs", |host, case, probs| {
        let (mut index, mut saved) = (vec![0; case.sample.len()], vec![0.0; probs.len()]);
        let estimator = DecoupledGumbel { tau_forward: case.tau_forward, tau_backward: case.tau_backward };
        let coupled = GumbelSoftmax { tau: case.tau_backward };
        coupled.draw_with_gumbel(&case.logits, case.k, 1, &case.gumbel, &mut index, &mut saved).expect("valid noise");
        assert_eq!(index, case.sample, "{}", case.id);
        let mut relaxed = vec![0.0; probs.len()];
        estimator.relaxed(&host, &saved, case.k, &mut relaxed).expect("perturbed logits");
        let tolerance = tolerance::GOLDEN * f64::from(1.0 / case.tau_forward).max(1.0);
        assert_close(&relaxed, &case.soft_forward, tolerance, &case.id);
        let mut grad = vec![0.0; probs.len()];
        estimator.backward(&host, inputs(case, probs, &saved), &mut grad).expect("a valid case");
        grad
    });
}

#[test]
fn decoupled_st() {
    check("decoupled_st", |host, case, probs| {
        let estimator = DecoupledSt { tau_forward: case.tau_forward, tau_backward: case.tau_backward };
        let saved = vec![0.0; case.sample.len() * estimator.saved_per_draw(case.k)];
        let mut grad = vec![0.0; probs.len()];
        estimator.backward(&host, inputs(case, probs, &saved), &mut grad).expect("a valid case");
        assert_same_bits(&grad, &taped(host, estimator, case), &case.id);
        grad
    });
}

#[test]
fn gumbel_rao() {
    check("gr_mck", |host, case, probs| {
        let estimator = GumbelRao { tau: case.tau, relaxed_samples: case.repeats };
        let mut grad = vec![0.0; probs.len()];
        let inputs = inputs(case, probs, &[]);
        estimator.backward_with_exponentials(&host, inputs, &case.exponential, &mut grad).expect("a valid case");
        grad
    });
}

#[test]
fn reinmax_rao() {
    check("reinmax_rao", |host, case, probs| {
        let estimator = ReinMaxRao { tau: case.tau, relaxed_samples: case.repeats };
        let mut grad = vec![0.0; probs.len()];
        let inputs = inputs(case, probs, &[]);
        estimator.backward_with_exponentials(&host, inputs, &case.exponential, &mut grad).expect("a valid case");
        grad
    });
}

#[test]
fn mve() {
    check("mve", |host, case, probs| {
        let grad = flat(host, Mve, case, probs);
        assert_same_bits(&grad, &taped(host, Mve, case), &case.id);
        grad
    });
    let (probs, mut grad) = ([1.0 / 33.0; 33], [0.0; 33]);
    let inputs = GradientInputs {
        logits: &[0.0; 33],
        probs: &probs,
        index: &[0],
        saved: &[],
        upstream: &probs,
        k: 33,
        draws: 1,
        column: None,
    };
    let refused = Mve.backward(&Host::detect(), inputs, &mut grad);
    assert_eq!(refused, Err(Error::Value { argument: Argument::Categories, at: 33 }));
}
