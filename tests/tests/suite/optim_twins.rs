//! Adam, RAdam and Sgd with every coefficient against twins in double precision, from the published definitions; what
//! each of them refuses; clipping on every level.

use reinmax::optim::{Adam, Optimizer, RAdam, Sgd, clip_norm};
use reinmax::{Argument, Backend, Error, OneLane};
use reinmax_tests::{assert_close, assert_same_bits, hosts, tolerance, twin};

const N: usize = 37;

fn start() -> Vec<f32> {
    (0..N).map(|i| (i as f32 - 18.0) * 0.05).collect()
}

/// Gradients of very different sizes, that change sign over the steps; one is always 0.
fn gradient(step: u32) -> Vec<f32> {
    let of = |i: usize| ((i * 31 + step as usize * 17) % 23) as f32 / 11.0 - 1.0;
    (0..N).map(|i| if i == 5 { 0.0 } else { of(i) * 10.0_f32.powi(i as i32 % 7 - 4) }).collect()
}

/// An update in double precision: (step, parameter, gradient, its two numbers of state).
type Twin<'a> = &'a dyn Fn(u32, &mut f64, f64, &mut [f64; 2]);

/// Runs both for `steps` steps; differences are in units of one learning rate.
fn check<O: Optimizer>(optimizer: O, steps: u32, twin: Twin<'_>) {
    let (mut params, mut state) = (start(), vec![0.0; O::state_len(N)]);
    let mut exact = twin::wide(&params);
    let mut exact_state = vec![[0.0; 2]; N];
    for step in 1..=steps {
        let grads = gradient(step);
        optimizer.step(step, &mut params, &grads, &mut state).expect("valid coefficients");
        for ((p, g), state) in exact.iter_mut().zip(&grads).zip(&mut exact_state) {
            twin(step, p, f64::from(*g), state);
        }
        let tolerance = tolerance::TRACE * f64::from(optimizer.lr());
        assert_close(&params, &exact, tolerance, &format!("{} after step {step}", O::NAME));
    }
}

/// A step: its number, parameters, gradients, state.
type Step<'a> = &'a dyn Fn(u32, &mut [f32], &[f32], &mut [f32]) -> reinmax::Result<()>;

/// The bits of one lane on every level, with lengths that leave a rest, and with threads.
#[test]
fn every_level_updates_alike() {
    fn check<O: Optimizer>(optimizer: O) {
        for n in (1..=40).chain([100_003]) {
            let start: Vec<f32> = start().into_iter().cycle().take(n).collect();
            let on = |update: Step<'_>| {
                let (mut params, mut state) = (start.clone(), vec![0.0; O::state_len(n)]);
                for step in 1..=7 {
                    let grads: Vec<f32> = gradient(step).into_iter().cycle().take(n).collect();
                    update(step, &mut params, &grads, &mut state).expect("valid");
                }
                [params, state].concat()
            };
            let one_lane = on(&|step, p, g, s| optimizer.step_on(&OneLane, step, p, g, s));
            assert_same_bits(&on(&|step, p, g, s| optimizer.step(step, p, g, s)), &one_lane, O::NAME);
            for host in hosts().into_iter().flat_map(|host| [host, host.with_threads(3)]) {
                let got = on(&|step, p, g, s| optimizer.step_on(&host, step, p, g, s));
                assert_same_bits(&got, &one_lane, &format!("{} of {n} on {host:?}", O::NAME));
            }
        }
    }
    check(Adam { weight_decay: 0.1, ..Adam::new(0.01) });
    check(RAdam { weight_decay: 0.1, ..RAdam::new(0.01) });
    check(Sgd::new(0.01));
    check(Sgd { momentum: 0.9, weight_decay: 0.1, ..Sgd::new(0.01) });
}

#[test]
fn sgd_with_momentum_and_decay() {
    for (momentum, weight_decay) in [(0.0_f32, 0.0_f32), (0.9, 0.0), (0.5, 0.1), (0.0, 0.3)] {
        let sgd = Sgd { lr: 0.01, momentum, weight_decay };
        check(sgd, 60, &|_, p, g, [v, _]| {
            *v = f64::from(momentum) * *v + g + f64::from(weight_decay) * *p;
            *p -= f64::from(0.01_f32) * *v;
        });
    }
}

/// First and second moment of the gradient with decay, without their corrections.
fn moments(p: f64, g: f64, [m, v]: &mut [f64; 2], (beta1, beta2, weight_decay): (f32, f32, f32)) {
    let (beta1, beta2) = (f64::from(beta1), f64::from(beta2));
    let g = g + f64::from(weight_decay) * p;
    *m = beta1 * *m + (1.0 - beta1) * g;
    *v = beta2 * *v + (1.0 - beta2) * g * g;
}

#[test]
fn adam_with_its_defaults_and_with_others() {
    for (beta1, beta2, eps, weight_decay) in [(0.9, 0.999, 1e-8, 0.0), (0.5, 0.9, 1e-3, 0.1), (0.0, 0.0, 0.1, 0.0)] {
        let adam = Adam { lr: 2e-3, beta1, beta2, eps, weight_decay };
        check(adam, 60, &|step, p, g, state| {
            moments(*p, g, state, (beta1, beta2, weight_decay));
            let m = state[0] / (1.0 - f64::from(beta1).powi(step as i32));
            let v = state[1] / (1.0 - f64::from(beta2).powi(step as i32));
            *p -= f64::from(2e-3_f32) * m / (v.sqrt() + f64::from(eps));
        });
    }
}

/// Liu et al., algorithm 2; PyTorch's threshold of 5 and its place of eps.
#[test]
fn radam_on_both_sides_of_its_rectification() {
    for (beta1, beta2, eps, weight_decay) in [(0.9, 0.999, 1e-8, 0.0), (0.5, 0.9, 1e-3, 0.1), (0.9, 0.5, 1e-8, 0.0)] {
        let radam = RAdam { lr: 2e-3, beta1, beta2, eps, weight_decay };
        check(radam, 60, &|step, p, g, state| {
            moments(*p, g, state, (beta1, beta2, weight_decay));
            let (t, decayed) = (f64::from(step), f64::from(beta2).powi(step as i32));
            let m = state[0] / (1.0 - f64::from(beta1).powi(step as i32));
            let limit = 2.0 / (1.0 - f64::from(beta2)) - 1.0;
            let length = limit - 2.0 * t * decayed / (1.0 - decayed);
            let adaptive = if length > 5.0 {
                let r = (length - 4.0) * (length - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * length);
                r.sqrt() * (1.0 - decayed).sqrt() / (state[1].sqrt() + f64::from(eps))
            } else {
                1.0
            };
            *p -= f64::from(2e-3_f32) * m * adaptive;
        });
    }
}

/// An optimiser that refuses has changed neither parameters nor state.
fn refuses<O: Optimizer>(optimizer: O, step: u32, sizes: (usize, usize), error: Error) {
    let (mut params, mut state) = (start(), vec![0.25; sizes.1]);
    let grads = vec![1.0; sizes.0];
    assert_eq!(optimizer.step(step, &mut params, &grads, &mut state), Err(error), "{}", O::NAME);
    assert_same_bits(&params, &start(), O::NAME);
    assert!(state.iter().all(|x| *x == 0.25), "{}", O::NAME);
}

#[test]
fn bad_coefficients_change_nothing() {
    let value = |argument| Error::Value { argument, at: 0 };
    let (rate, beta, decay) = (value(Argument::LearningRate), value(Argument::Beta), value(Argument::WeightDecay));
    let fits = (N, 2 * N);
    for lr in [-1e-3, f32::NAN, f32::INFINITY] {
        refuses(Sgd::new(lr), 1, (N, N), rate);
        refuses(Adam::new(lr), 1, fits, rate);
        refuses(RAdam::new(lr), 1, fits, rate);
    }
    refuses(Sgd::new(0.1), 0, (N, N), value(Argument::Step));
    refuses(Adam::new(0.1), 0, fits, value(Argument::Step));
    refuses(RAdam::new(0.1), 0, fits, value(Argument::Step));
    for bad in [-0.1, 1.0, f32::NAN] {
        refuses(Sgd { momentum: bad, ..Sgd::new(0.1) }, 1, (N, N), value(Argument::Momentum));
        refuses(Adam { beta1: bad, ..Adam::new(0.1) }, 1, fits, beta);
        refuses(Adam { beta2: bad, ..Adam::new(0.1) }, 1, fits, beta);
        refuses(RAdam { beta1: bad, ..RAdam::new(0.1) }, 1, fits, beta);
        refuses(RAdam { beta2: bad, ..RAdam::new(0.1) }, 1, fits, beta);
    }
    for bad in [-0.1, f32::NAN, f32::INFINITY] {
        refuses(Sgd { weight_decay: bad, ..Sgd::new(0.1) }, 1, (N, N), decay);
        refuses(Adam { weight_decay: bad, ..Adam::new(0.1) }, 1, fits, decay);
        refuses(RAdam { weight_decay: bad, ..RAdam::new(0.1) }, 1, fits, decay);
        refuses(Adam { eps: bad, ..Adam::new(0.1) }, 1, fits, value(Argument::Epsilon));
        refuses(RAdam { eps: bad, ..RAdam::new(0.1) }, 1, fits, value(Argument::Epsilon));
    }
    let length = |argument, expected, got| Error::Length { argument, expected, got };
    refuses(Sgd::new(0.1), 1, (N - 1, N), length(Argument::Grad, N, N - 1));
    refuses(Sgd::new(0.1), 1, (N, N + 1), length(Argument::State, N, N + 1));
    refuses(Adam::new(0.1), 1, (N + 1, 2 * N), length(Argument::Grad, N, N + 1));
    refuses(Adam::new(0.1), 1, (N, N), length(Argument::State, 2 * N, N));
    refuses(RAdam::new(0.1), 1, (N, 0), length(Argument::State, 2 * N, 0));
}

#[test]
fn a_learning_rate_of_0_moves_nothing_but_the_state() {
    let (mut params, mut state) = (start(), vec![0.0; 2 * N]);
    Adam::new(0.1).with_lr(0.0).step(1, &mut params, &gradient(1), &mut state).expect("0 is a learning rate");
    assert_same_bits(&params, &start(), "parameters");
    assert!(state.iter().any(|x| *x != 0.0));
}

/// PyTorch's clip_grad_norm_: min(1, max_norm / (norm + 1e-6)).
#[test]
fn clipping_by_norm() {
    for n in [0, 1, 2, 16, 17, 130] {
        let grads: Vec<f32> = (0..n).map(|i| ((i * 7) % 11) as f32 - 4.0).collect();
        let norm = twin::wide(&grads).iter().map(|g| g * g).sum::<f64>().sqrt();
        for max_norm in [1e-3_f32, 1.0, 5.0, 1e9, f32::INFINITY] {
            let factor = (f64::from(max_norm) / (norm + 1e-6)).min(1.0);
            let expected: Vec<f64> = grads.iter().map(|g| f64::from(*g) * factor).collect();
            let mut first: Option<Vec<f32>> = None;
            for host in hosts() {
                let mut clipped = grads.clone();
                let before = clip_norm(&host, &mut clipped, max_norm).expect("finite gradients");
                assert_close(&[before], &[norm], tolerance::FORWARD * norm, "norm");
                assert_close(&clipped, &expected, tolerance::FORWARD * norm * factor, "clipped");
                if factor == 1.0 {
                    assert_same_bits(&clipped, &grads, "nothing to clip");
                }
                assert_same_bits(first.get_or_insert_with(|| clipped.clone()), &clipped, host.level().name());
            }
        }
    }
}

#[test]
fn a_norm_that_is_not_finite_is_refused_and_clips_nothing() {
    fn refused(backend: &impl Backend, grads: &[f32], max_norm: f32, argument: Argument, at: usize) {
        let mut clipped = grads.to_vec();
        assert_eq!(clip_norm(backend, &mut clipped, max_norm), Err(Error::Value { argument, at }));
        assert_same_bits(&clipped, grads, "unchanged");
    }
    for host in hosts() {
        refused(&host, &[1.0, f32::NAN], 1.0, Argument::Grad, 1);
        refused(&host, &[1.0, f32::NEG_INFINITY], 1.0, Argument::Grad, 1);
        // Each is finite; the sum of their squares is not.
        refused(&host, &[1e30, 1.0], 1.0, Argument::Grad, 0);
        refused(&host, &[1.0, 2.0], 0.0, Argument::Limit, 0);
        refused(&host, &[1.0, 2.0], f32::NAN, Argument::Limit, 0);
    }
}
