//! The polynomial objective, the traces of optimisers and exact expectations against reference vectors.

use reinmax::categorical::softmax;
use reinmax::estimator::exact::enumerate;
use reinmax::optim::{Adam, Optimizer, RAdam};
use reinmax::{Draws, Estimator, GradientInputs, Host, Memory, ReinMax, Shape, StraightThrough, Tape, measure};
use reinmax_tests::golden::{Objective, by_latent, load};
use reinmax_tests::{assert_close, hosts, tolerance};
use serde::Deserialize;

/// Loss and gradient of the polynomial task for forced samples.
fn polynomial<E: Estimator>(
    host: Host,
    estimator: E,
    theta: &[f32],
    sample: &[u32],
    (power, target, batch): (f32, f32, usize),
) -> (f32, Vec<f32>) {
    let shape = Shape::new((theta.len() / 2) as u32, 2);
    let record = |tape: &mut Tape<'_, Host>| {
        let logits = tape.param(shape, theta)?;
        let probs = tape.softmax(logits)?;
        let x = tape.sample_column(estimator, logits, probs, batch as u32, 0, Draws::Forced(sample))?;
        let x = tape.affine(x, 1.0, -target)?;
        let x = tape.abs_pow(x, power)?;
        tape.mean(x)
    };
    let mut memory = Memory::new(&measure(host, |tape| record(tape).map(drop)).expect("it records"));
    let mut tape = Tape::with_backend(memory.slabs(), host);
    let loss = record(&mut tape).expect("it records");
    tape.backward(loss).expect("it has a gradient");
    (tape.value(loss).expect("a loss")[0], tape.param_grads().to_vec())
}

#[test]
fn polynomial_objective() {
    for case in load::<Objective>("poly_objective") {
        let sample = by_latent(&case.sample, case.batch, case.latent);
        let setting = (case.pnorm, case.target, case.batch);
        for host in hosts() {
            let (loss, st) = polynomial(host, StraightThrough { tau: 1.0 }, &case.theta, &sample, setting);
            let (_, reinmax) = polynomial(host, ReinMax { tau: 1.0 }, &case.theta, &sample, setting);
            assert_close(&[loss], &[case.loss], tolerance::GOLDEN, &case.id);
            assert_close(&st, &case.grad_st_tau1, tolerance::GOLDEN, &case.id);
            assert_close(&reinmax, &case.grad_reinmax_tau1, tolerance::GOLDEN, &case.id);
        }
        exact_objective(&case);
    }
}

/// The separable objective is exact on an ordinary tape: sum(softmax(l) * table).
fn exact_objective(case: &Objective) {
    let shape = Shape::new(case.latent as u32, 2);
    let term = |x: f32| (x - case.target).abs().powf(case.pnorm) / case.latent as f32;
    let table = [term(1.0), term(0.0)].repeat(case.latent);
    let mut memory = reinmax::TapeMem::<8, 128, 128, 1>::new();
    let mut tape = Tape::new(memory.slabs());
    let logits = tape.param(shape, &case.theta).expect("room");
    let table = tape.input(shape, &table).expect("room");
    let probs = tape.softmax(logits).expect("room");
    let product = tape.mul(probs, table).expect("room");
    let loss = tape.sum(product).expect("room");
    tape.backward(loss).expect("a loss");
    assert_close(tape.value(loss).expect("a loss"), &[case.exact_loss], tolerance::GOLDEN, &case.id);
    assert_close(tape.param_grads(), &case.exact_grad, tolerance::GOLDEN, &case.id);
}

#[derive(Deserialize)]
struct Trace {
    id: String,
    optimizer: String,
    lr: f32,
    pnorm: f32,
    target: f32,
    batch: usize,
    latent: usize,
    steps: usize,
    theta0: Vec<f32>,
    samples: Vec<u32>,
    losses: Vec<f64>,
    thetas: Vec<Vec<f64>>,
}

#[test]
fn optimizer_traces() {
    for trace in load::<Trace>("optimizer_trace") {
        match trace.optimizer.as_str() {
            "Adam" => follow(&trace, Adam::new(trace.lr)),
            "RAdam" => follow(&trace, RAdam::new(trace.lr)),
            other => panic!("{other}"),
        }
    }
}

fn follow<O: Optimizer>(trace: &Trace, optimizer: O) {
    let host = Host::detect();
    let mut theta = trace.theta0.clone();
    let mut state = vec![0.0; O::state_len(theta.len())];
    for (t, samples) in trace.samples.chunks(trace.batch * trace.latent).enumerate() {
        let sample = by_latent(samples, trace.batch, trace.latent);
        let setting = (trace.pnorm, trace.target, trace.batch);
        let (loss, grad) = polynomial(host, ReinMax { tau: 1.0 }, &theta, &sample, setting);
        let what = format!("{} step {t}", trace.id);
        assert_close(&[loss], &[trace.losses[t]], tolerance::GOLDEN, &what);
        optimizer.step(t as u32 + 1, &mut theta, &grad, &mut state).expect("a valid step");
        assert_close(&theta, &trace.thetas[t], tolerance::TRACE * f64::from(trace.lr), &what);
    }
    assert_eq!(trace.thetas.len(), trace.steps);
}

#[derive(Deserialize)]
struct Enumeration {
    id: String,
    variables: usize,
    k: usize,
    f: Polynomial,
    logits: Vec<f32>,
    expected_f: f64,
    exact_grad: Vec<f64>,
    tau: f32,
    mean_st_tau1: Vec<f64>,
    mean_reinmax_tau1: Vec<f64>,
    mean_st_tau: Vec<f64>,
    mean_reinmax_tau: Vec<f64>,
}

/// f(z) = sum coef prod z[v, c]^e + sum coef (bias + <weights, z>)^power.
#[derive(Deserialize)]
struct Polynomial {
    monomials: Vec<Monomial>,
    affine_powers: Vec<AffinePower>,
}

#[derive(Deserialize)]
struct Monomial {
    coef: f64,
    vars: Vec<(usize, usize, i32)>,
}

#[derive(Deserialize)]
struct AffinePower {
    coef: f64,
    power: i32,
    bias: f64,
    weights: Vec<f64>,
}

impl Polynomial {
    fn value(&self, z: &[f64], k: usize) -> f64 {
        let monomial = |m: &Monomial| m.coef * m.vars.iter().map(|(v, c, e)| z[v * k + c].powi(*e)).product::<f64>();
        let affine = |a: &AffinePower| a.coef * a.inner(z).powi(a.power);
        self.monomials.iter().map(monomial).sum::<f64>() + self.affine_powers.iter().map(affine).sum::<f64>()
    }

    /// The gradient with respect to every element of z.
    fn gradient(&self, z: &[f64], k: usize) -> Vec<f32> {
        let mut grad = vec![0.0; z.len()];
        for m in &self.monomials {
            for (at, (v, c, e)) in m.vars.iter().enumerate() {
                let others = m.vars.iter().enumerate().filter(|(i, _)| *i != at);
                let others: f64 = others.map(|(_, (v, c, e))| z[v * k + c].powi(*e)).product();
                grad[v * k + c] += m.coef * others * f64::from(*e) * z[v * k + c].powi(e - 1);
            }
        }
        for a in &self.affine_powers {
            let slope = a.coef * f64::from(a.power) * a.inner(z).powi(a.power - 1);
            for (grad, w) in grad.iter_mut().zip(&a.weights) {
                *grad += slope * w;
            }
        }
        grad.iter().map(|x| *x as f32).collect()
    }
}

impl AffinePower {
    fn inner(&self, z: &[f64]) -> f64 {
        self.bias + self.weights.iter().zip(z).map(|(w, z)| w * z).sum::<f64>()
    }
}

#[test]
fn exact_enumeration_and_expectations_of_estimators() {
    let host = Host::detect();
    for case in load::<Enumeration>("exact_enumeration") {
        let (k, n) = (case.k, case.variables);
        let mut probs = vec![0.0; n * k];
        softmax(&host, &case.logits, k, 1.0, &mut probs).expect("finite logits");
        let (mut state, mut grad) = (vec![0; n], vec![0.0; n * k]);
        let mut scale = 1.0_f64;
        let mut means = vec![vec![0.0; n * k]; 4];
        let expected = enumerate(&probs, k, &mut state, &mut grad, |z| {
            let one_hot: Vec<f64> = (0..n * k).map(|i| f64::from(u8::from(z[i / k] as usize == i % k))).collect();
            let value = case.f.value(&one_hot, k);
            let upstream = case.f.gradient(&one_hot, k);
            scale = upstream.iter().fold(scale.max(value.abs()), |s, x| s.max(f64::from(x.abs())));
            let probability: f64 = (0..n).map(|v| f64::from(probs[v * k + z[v] as usize])).product();
            let case_inputs = GradientInputs {
                logits: &case.logits,
                probs: &probs,
                index: z,
                saved: &[],
                upstream: &upstream,
                k,
                draws: 1,
                column: None,
            };
            let mut add = |mean: usize, run: &dyn Fn(&mut [f32])| {
                let mut grad = vec![0.0; n * k];
                run(&mut grad);
                for (sum, g) in means[mean].iter_mut().zip(&grad) {
                    *sum += probability * f64::from(*g);
                }
            };
            for (at, tau) in [(0, 1.0), (2, case.tau)] {
                add(at, &|grad| StraightThrough { tau }.backward(&host, case_inputs, grad).expect("valid"));
                add(at + 1, &|grad| ReinMax { tau }.backward(&host, case_inputs, grad).expect("valid"));
            }
            value
        });
        let tolerance = tolerance::ENUMERATION * scale;
        assert!((expected.expect("few states") - case.expected_f).abs() <= tolerance, "{}", case.id);
        let golden = [&case.mean_st_tau1, &case.mean_reinmax_tau1, &case.mean_st_tau, &case.mean_reinmax_tau];
        for (got, golden) in means.iter().chain([&grad]).zip(golden.into_iter().chain([&case.exact_grad])) {
            for (got, golden) in got.iter().zip(golden) {
                assert!((got - golden).abs() <= tolerance, "{}: {got:e} where {golden:e} is right", case.id);
            }
        }
    }
}
