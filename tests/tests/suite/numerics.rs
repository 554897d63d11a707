//! `Numerics::Fast`: as accurate as the portable kernels, though not of equal bits.

use reinmax::categorical::{log_softmax, softmax};
use reinmax::kernel::linear::{Contraction, Operand};
use reinmax::{Backend, Estimator, GradientInputs, Host, Numerics, ReinMax, StraightThrough, Stream};
use reinmax_tests::{assert_close, assert_same_bits, hosts, tolerance, twin};

fn uniforms(stream: u64, len: usize, low: f32, high: f32) -> Vec<f32> {
    let mut x = vec![0.0; len];
    Stream::new(77, stream).fill_uniforms(0, &mut x);
    x.iter().map(|x| low + x * (high - low)).collect()
}

fn fast_hosts() -> Vec<Host> {
    hosts().into_iter().map(|host| host.with_numerics(Numerics::Fast)).collect()
}

#[test]
fn fast_softmax_is_as_close_to_the_truth() {
    for host in fast_hosts() {
        for k in (1..=130).chain([256, 1000, 4097]) {
            let rows = if k > 130 { 2 } else { 133 };
            let mut x = uniforms(k as u64, rows * k, -20.0, 20.0);
            if k > 2 {
                x[1] = f32::NEG_INFINITY;
            }
            let what = format!("k = {k}, {}", host.level());
            let wide = twin::wide(&x);
            for tau in [1.0, 0.7] {
                let expected: Vec<f64> = wide.chunks(k).flat_map(|row| twin::softmax(row, tau)).collect();
                let mut p = vec![f32::NAN; x.len()];
                softmax(&host, &x, k, tau as f32, &mut p).expect("logits");
                assert_close(&p, &expected, tolerance::FORWARD, &what);
                if k > 2 {
                    assert_eq!(p[1], 0.0, "{what}: masked");
                }
            }
            let logs: Vec<f32> =
                wide.chunks(k).flat_map(|row| twin::softmax(row, 1.0)).map(|p| p.ln() as f32).collect();
            let mut log_p = vec![f32::NAN; x.len()];
            log_softmax(&host, &x, k, &mut log_p).expect("logits");
            for (a, b) in log_p.iter().zip(&logs) {
                assert!(a == b || (a - b).abs() <= tolerance::FORWARD as f32 * b.abs().max(1.0), "{what}: {a} {b}");
            }
            x[0] = f32::NAN;
            assert!(softmax(&host, &x, k, 1.0, &mut log_p).is_err(), "{what}: NaN");
        }
    }
}

#[test]
fn fast_gradients_agree_with_the_portable_ones() {
    for host in fast_hosts() {
        let portable = host.with_numerics(Numerics::Portable);
        for k in [1, 2, 3, 8, 10, 16, 17, 100, 1100] {
            let (rows, what) = (19, format!("k = {k}, {}", host.level()));
            let (logits, upstream) = (uniforms(1, rows * k, -5.0, 5.0), uniforms(2, rows * k, -1.0, 1.0));
            let mut probs = vec![0.0; rows * k];
            softmax(&portable, &logits, k, 1.0, &mut probs).expect("logits");
            let index: Vec<u32> = (0..rows).map(|row| (row % k) as u32).collect();
            let inputs = GradientInputs {
                logits: &logits,
                probs: &probs,
                index: &index,
                saved: &[],
                upstream: &upstream,
                k,
                draws: 1,
                column: None,
            };
            let gradient = |host: &Host, reinmax: bool| {
                let mut grad = vec![0.0; rows * k];
                if reinmax {
                    ReinMax { tau: 1.3 }.backward(host, inputs, &mut grad)
                } else {
                    StraightThrough { tau: 0.7 }.backward(host, inputs, &mut grad)
                }
                .expect("inputs");
                grad
            };
            for reinmax in [true, false] {
                let expected = twin::wide(&gradient(&portable, reinmax));
                assert_close(&gradient(&host, reinmax), &expected, tolerance::IDENTITY, &what);
            }
        }
    }
}

/// Small ones, strips that end early, and several threads along either side.
#[test]
fn fast_products_agree_with_the_portable_ones() {
    let shapes = [
        (1, 1, 1),
        (3, 5, 7),
        (33, 70, 19),
        (64, 300, 65),
        (9, 700, 30),
        (50, 1100, 130),
        (260, 300, 70),
        (300, 120, 290),
    ];
    for (host, (rows, inner, cols)) in fast_hosts().into_iter().flat_map(|host| shapes.map(|shape| (host, shape))) {
        let portable = host.with_numerics(Numerics::Portable);
        let (a, b, bias) =
            (uniforms(3, rows * inner, -1.0, 1.0), uniforms(4, inner * cols, -1.0, 1.0), uniforms(5, cols, -1.0, 1.0));
        for (a_transposed, b_transposed, add, biased) in
            (0..16).map(|bits| (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0, bits & 8 > 0))
        {
            let product = |host: &Host| {
                let mut out = uniforms(6, rows * cols, -1.0, 1.0);
                let (a, b) = (
                    Operand { values: &a, transposed: a_transposed },
                    Operand { values: &b, transposed: b_transposed },
                );
                let bias = if biased { &bias[..] } else { &[] };
                host.contract(Contraction { a, b, bias, rows, inner, cols, add, out: &mut out }).expect("sizes");
                out
            };
            let expected = twin::wide(&product(&portable));
            for threads in [1, 3] {
                let what = format!("{rows} x {inner} x {cols}, {}, {threads} threads", host.level());
                let tolerance = tolerance::FORWARD * (inner as f64).sqrt();
                assert_close(&product(&host.with_threads(threads)), &expected, tolerance, &what);
            }
        }
    }
}

/// Levels without fused instructions, and draws from the same probabilities, do not change.
#[test]
fn what_fast_numerics_leave_alone() {
    let (host, mut a, mut b) = (Host::new(reinmax::Level::Scalar).expect("everywhere"), [0.0; 40], [0.0; 40]);
    let x = uniforms(9, 40, -3.0, 3.0);
    softmax(&host, &x, 4, 0.7, &mut a).expect("logits");
    softmax(&host.with_numerics(Numerics::Fast), &x, 4, 0.7, &mut b).expect("logits");
    assert_same_bits(&a, &b, "scalar");
}
