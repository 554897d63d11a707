//! Optimisers beyond their reference traces: twins in double precision, clipping, schedules, refusals.

use reinmax::optim::{Adam, Optimizer, RAdam, Schedule, Sgd, StepDecay, Warmup, clip_by_value, clip_norm};
use reinmax::{Argument, Error, Portable};
use reinmax_tests::elementary::ulps;
use reinmax_tests::{assert_close, tolerance};

#[test]
fn sgd_with_momentum_and_weight_decay() {
    let optimizer = Sgd { lr: 0.1, momentum: 0.9, weight_decay: 0.01 };
    let (mut params, mut state) = ([1.0, -2.0, 0.5], [0.0; 3]);
    let (mut twin, mut velocity) = ([1.0_f64, -2.0, 0.5], [0.0_f64; 3]);
    for step in 1..=20_u32 {
        let grads = [0.3, -0.1, 0.2 * step as f32];
        optimizer.step(step, &mut params, &grads, &mut state).expect("valid");
        for i in 0..3 {
            velocity[i] = 0.9 * velocity[i] + f64::from(grads[i]) + 0.01 * twin[i];
            twin[i] -= 0.1 * velocity[i];
        }
        let greatest = twin.iter().fold(1.0_f64, |greatest, x| greatest.max(x.abs()));
        assert_close(&params, &twin, tolerance::FORWARD * greatest, &format!("step {step}"));
    }
}

/// Weight decay is a gradient: decayed parameters step as if it had been added.
#[test]
fn weight_decay_is_added_to_the_gradient() {
    fn same<O: Optimizer + std::fmt::Debug>(decaying: O, plain: O) {
        let (mut a, mut b) = ([0.8, -0.3], [0.8, -0.3]);
        let (mut state_a, mut state_b) = ([0.0; 4], [0.0; 4]);
        for step in 1..=10 {
            let grads = [0.1, 0.2];
            let by_hand = [grads[0] + 0.1 * b[0], grads[1] + 0.1 * b[1]];
            let n = O::state_len(2);
            decaying.step(step, &mut a, &grads, &mut state_a[..n]).expect("valid");
            plain.step(step, &mut b, &by_hand, &mut state_b[..n]).expect("valid");
            assert_eq!(a, b, "{decaying:?} step {step}");
        }
    }
    same(Adam { weight_decay: 0.1, ..Adam::new(0.01) }, Adam::new(0.01));
    same(RAdam { weight_decay: 0.1, ..RAdam::new(0.01) }, RAdam::new(0.01));
    same(Sgd { weight_decay: 0.1, ..Sgd::new(0.01) }, Sgd::new(0.01));
}

/// With beta1 = 0 the first moment is the gradient, however large the last one was; PyTorch 2's numbers.
#[test]
fn without_momentum_the_last_gradient_counts() {
    fn run(adam: Adam, grads: &[f32], expected: &[f64]) {
        let (mut param, mut state) = ([0.0], [0.0; 2]);
        for (step, (grad, expected)) in (1..).zip(grads.iter().zip(expected)) {
            adam.step(step, &mut param, &[*grad], &mut state).expect("valid");
            assert_close(&param, &[*expected], tolerance::FORWARD, &format!("step {step}"));
        }
    }
    let (lr, beta1, beta2) = (0.1, 0.0, 0.0);
    let adam = Adam { beta1, beta2, ..Adam::new(lr) };
    run(adam, &[1e8, 1.0, 5.0], &[-0.1, -0.2, -0.3]);
    run(adam, &[1e4, 1e-3, 1e-3, 1e-3], &[-0.1, -0.199_999, -0.299_998, -0.399_997]);
}

#[test]
fn a_refused_step_changes_nothing() {
    let refused = |optimizer: Adam, step, grads: &[f32], state: usize| {
        let (mut params, mut state) = ([1.0, 2.0], vec![0.5; state]);
        let error = optimizer.step(step, &mut params, grads, &mut state).expect_err("refused");
        assert_eq!(params, [1.0, 2.0]);
        assert!(state.iter().all(|x| *x == 0.5));
        error
    };
    let value = |argument| Error::Value { argument, at: 0 };
    let adam = Adam::new(0.1);
    assert_eq!(refused(Adam::new(-0.1), 1, &[0.0; 2], 4), value(Argument::LearningRate));
    assert_eq!(refused(Adam::new(f32::NAN), 1, &[0.0; 2], 4), value(Argument::LearningRate));
    assert_eq!(refused(adam, 0, &[0.0; 2], 4), value(Argument::Step));
    assert_eq!(refused(Adam { beta2: 1.0, ..adam }, 1, &[0.0; 2], 4), value(Argument::Beta));
    assert!(matches!(refused(adam, 1, &[0.0; 3], 4), Error::Length { argument: Argument::Grad, .. }));
    assert!(matches!(refused(adam, 1, &[0.0; 2], 3), Error::Length { argument: Argument::State, .. }));
}

#[test]
fn clipping() {
    let mut grads = [3.0, 4.0];
    assert_eq!(clip_norm(&Portable, &mut grads, 10.0), Ok(5.0));
    assert_eq!(grads, [3.0, 4.0]);
    assert_eq!(clip_norm(&Portable, &mut grads, 1.0), Ok(5.0));
    // PyTorch's factor: max_norm / (norm + 1e-6).
    assert_close(&grads, &[3.0 / 5.000_001, 4.0 / 5.000_001], tolerance::FORWARD, "clipped");
    assert!(clip_norm(&Portable, &mut grads, 0.0).is_err());
    assert_eq!(clip_norm(&Portable, &mut [f32::NAN, 1.0], 1.0), Err(Error::Value { argument: Argument::Grad, at: 0 }));
    let mut grads = [-3.0, 0.5, 9.0];
    clip_by_value(&mut grads, 1.0).expect("a positive limit");
    assert_eq!(grads, [-1.0, 0.5, 1.0]);
}

/// Without momentum there is no velocity: what memory for one holds is neither read nor written.
#[test]
fn gradient_descent_without_momentum_needs_no_state() {
    let step = |state: &mut [f32]| {
        let mut params = [1.0_f32, -2.0];
        Sgd { weight_decay: 0.5, ..Sgd::new(0.25) }.step(1, &mut params, &[1.0, 2.0], state).map(|()| params)
    };
    let mut rubbish = [f32::NAN, f32::INFINITY];
    assert_eq!(step(&mut []), Ok([1.0 - 0.25 * 1.5, -2.0 - 0.25 * 1.0]));
    assert_eq!(step(&mut rubbish), step(&mut []));
    assert!(rubbish[0].is_nan() && rubbish[1] == f32::INFINITY);
    assert!(step(&mut [0.0]).is_err());
    assert!(Sgd { momentum: 0.9, ..Sgd::new(0.1) }.step(1, &mut [0.0], &[0.0], &mut []).is_err());
}

#[test]
fn schedules() {
    let decay = StepDecay { every: 10, factor: 0.5 };
    assert_eq!([1, 10, 11, 26].map(|step| decay.factor(step)), [1.0, 1.0, 0.5, 0.25]);
    let warmup = Warmup { steps: 4 };
    assert_eq!([1, 2, 4, 5, 100].map(|step| warmup.factor(step)), [0.25, 0.5, 1.0, 1.0, 1.0]);
    let own = |step: u32| 1.0 / (1.0 + step as f32);
    assert_eq!(Schedule::factor(&own, 3), 0.25);
    assert_eq!(Adam::new(0.5).with_lr(0.1).lr(), 0.1);
}

/// What an optimiser computes once a step has twice f32's digits: rounded, it is what double precision gives.
#[test]
fn powers_and_bias_corrections_are_rounded_from_double_precision() {
    let steps = (1..=300).chain((301..20_000).step_by(97)).chain([100_000, 1_000_000]);
    let mut worst = 0.0_f64;
    for step in steps {
        for beta in [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.999_99] {
            let power = f64::from(beta).powi(step as i32);
            if power > f64::from(f32::MIN_POSITIVE) {
                let got = StepDecay { every: 1, factor: beta }.factor(step + 1);
                worst = worst.max(ulps(got, power));
            }
            // From a state of zeros, without epsilon and with the second moment's decay at 0, a parameter at 0 steps by
            // lr / (1 - beta^step) * m, m = (1 - beta) g / |g|.
            let adam = Adam { lr: 1.0, beta1: beta, beta2: 0.0, eps: 0.0, weight_decay: 0.0 };
            let (mut param, mut state) = ([0.0], [0.0; 2]);
            adam.step(step, &mut param, &[-1.0], &mut state).expect("valid");
            let step_size = (1.0 / (1.0 - power)) as f32;
            assert_eq!(param[0], step_size * (1.0 - beta), "beta {beta}, step {step}");
        }
    }
    assert!(worst <= tolerance::CORRECTION_ULP, "{worst} ULP");
}
