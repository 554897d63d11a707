//! Kernels against naive twins at every length, with equal bits on every level.

use reinmax::categorical::{log_softmax, softmax};
use reinmax::kernel::lanes::Lanes;
use reinmax::kernel::reduce::{Dot, Sum, SumOf};
use reinmax::kernel::sqrt::in_software;
use reinmax::{Backend, Error, Host, Memory, Shape, Tape, measure};
use reinmax_tests::elementary::{Function, ulps};
use reinmax_tests::{assert_close, assert_same_bits, hosts, order, tolerance, twin};

fn numbers(n: usize, salt: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + salt * 131) % 2003) as f32 / 200.0 - 5.0).collect()
}

/// Sizes around every change of method, and some large ones.
fn sizes() -> impl Iterator<Item = usize> {
    (1..=130).chain([255, 256, 1000, 4097])
}

#[test]
fn sums_have_the_documented_order() {
    for n in sizes() {
        let (a, b) = (numbers(n, 1), numbers(n, 2));
        let products: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
        for host in hosts() {
            let what = format!("{n} terms on {}", host.level());
            assert_same_bits(&[host.run(Sum { x: &a })], &[order::sum(&a)], &what);
            assert_same_bits(&[host.run(Dot { a: &a, b: &b })], &[order::sum(&products)], &what);
        }
    }
}

#[test]
fn softmax_and_log_softmax_at_every_k() {
    for k in sizes() {
        // A ragged last tile, a single row, whole tiles, two tiles at a time and a rest.
        for rows in if k > 130 { vec![1, 3] } else { vec![1, 15, 16, 17, 33, 167] } {
            let x = numbers(rows * k, k);
            let wide = twin::wide(&x);
            let softmax_at = |tau| wide.chunks(k).flat_map(|row| twin::softmax(row, tau)).collect::<Vec<f64>>();
            let expected = [softmax_at(1.0), softmax_at(0.7)].concat();
            let logs: Vec<f64> = wide.chunks(k).flat_map(|row| twin::softmax(row, 1.0)).map(f64::ln).collect();
            let mut first: Option<Vec<f32>> = None;
            for host in hosts() {
                let what = format!("k = {k}, {rows} rows, {}", host.level());
                let (mut p, mut log_p) = (vec![f32::NAN; 2 * x.len()], vec![f32::NAN; x.len()]);
                softmax(&host, &x, k, 1.0, &mut p[..x.len()]).expect("finite logits");
                softmax(&host, &x, k, 0.7, &mut p[x.len()..]).expect("finite logits");
                log_softmax(&host, &x, k, &mut log_p).expect("finite logits");
                assert_close(&p, &expected, tolerance::FORWARD, &what);
                assert_close(&log_p, &logs, tolerance::FORWARD * 10.0, &what);
                p.extend(log_p);
                assert_same_bits(first.get_or_insert_with(|| p.clone()), &p, &what);
            }
        }
    }
}

#[test]
fn a_row_without_a_softmax_is_named() {
    for k in [1, 2, 3, 8, 10, 16, 17, 33, 100] {
        for rows in [1, 5, 16, 20, 40, 150] {
            for bad_row in [0, rows / 2, rows - 1] {
                for bad in [vec![f32::NAN], vec![f32::INFINITY], vec![f32::NEG_INFINITY; k]] {
                    let mut x = numbers(rows * k, 5);
                    let at = bad_row * k + (k - bad.len()) / 2;
                    x[at..at + bad.len()].copy_from_slice(&bad);
                    for host in hosts() {
                        let mut out = vec![0.0; x.len()];
                        let error = Err(Error::Logits { row: bad_row });
                        assert_eq!(softmax(&host, &x, k, 1.0, &mut out), error, "k = {k}, {}", host.level());
                        assert_eq!(log_softmax(&host, &x, k, &mut out), error);
                    }
                }
            }
        }
    }
}

fn map(host: Host, function: Function, x: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    function.map(host, x, &mut out);
    out
}

/// A thousandth of all floats; `exhaustive` has the rest.
#[test]
fn exp_and_ln_are_within_their_bounds() {
    let exp: Vec<f32> = (0..=87.3_f32.to_bits()).step_by(1009).map(|bits| -f32::from_bits(bits)).collect();
    let ln: Vec<f32> = (1..f32::INFINITY.to_bits()).step_by(1009).map(f32::from_bits).collect();
    for (function, x, bound) in [(Function::Exp, &exp, tolerance::EXP_ULP), (Function::Ln, &ln, tolerance::LN_ULP)] {
        let mut first: Option<Vec<f32>> = None;
        for host in hosts() {
            let got = map(host, function, x);
            assert_same_bits(first.get_or_insert_with(|| got.clone()), &got, host.level().name());
        }
        for (x, got) in x.iter().zip(first.expect("a level")) {
            let truth = function.truth(*x);
            assert!(ulps(got, truth) <= bound, "at {x:e}: {got:e} where {truth:e} is right");
        }
    }
}

#[test]
fn exp_and_ln_at_their_corners() {
    for host in hosts() {
        let exp = map(host, Function::Exp, &[0.0, -0.0, f32::NEG_INFINITY, -88.0, -1e30, f32::NAN]);
        assert_eq!(exp[..5], [1.0, 1.0, 0.0, 0.0, 0.0]);
        assert!(exp[5].is_nan());
        let ln = map(host, Function::Ln, &[1.0, 0.0, f32::INFINITY, f32::NAN]);
        assert_eq!(ln[..3], [0.0, f32::NEG_INFINITY, f32::INFINITY]);
        assert!(ln[3].is_nan());
    }
}

#[test]
fn levels_that_the_cpu_lacks_are_refused() {
    let missing: Vec<_> = ["scalar", "sse2", "neon", "simd128", "avx2", "avx512"]
        .iter()
        .map(|name| name.parse().expect("a level"))
        .filter(|level| !reinmax::Level::available().contains(level))
        .collect();
    assert!(!missing.is_empty(), "no machine has both NEON and SSE2");
    for level in missing {
        assert!(Host::new(level).expect_err("not here").to_string().contains(level.name()));
    }
    assert!("avx1024".parse::<reinmax::Level>().is_err());
}

#[test]
fn square_roots_in_software_are_rounded_correctly() {
    let corners =
        [0.0, -0.0, f32::from_bits(1), f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, 1.0, 2.0, 4.0_f32.next_down()];
    let spread = (0..f32::INFINITY.to_bits()).step_by(9973).map(f32::from_bits);
    for x in corners.into_iter().chain(spread) {
        assert_eq!(in_software(x).to_bits(), x.sqrt().to_bits(), "{x:e}");
    }
    for x in [-1.0, -f32::from_bits(1), f32::NEG_INFINITY, f32::NAN] {
        assert!(in_software(x).is_nan(), "{x:e}");
    }
}

/// The gradients of a linear layer's weight and bias.
fn gradients_of_a_layer(
    host: Host,
    (rows, inner, cols): (usize, usize, usize),
    x: &[f32],
    upstream: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let record = |tape: &mut Tape<'_, Host>| {
        let weight = tape.param_zeros(Shape::new(cols as u32, inner as u32))?;
        let bias = tape.param_zeros(Shape::new(1, cols as u32))?;
        let x = tape.input(Shape::new(rows as u32, inner as u32), x)?;
        tape.linear(x, weight, bias)
    };
    let mut memory = Memory::new(&measure(host, |tape| record(tape).map(drop)).expect("it records"));
    let mut tape = Tape::with_backend(memory.slabs(), host);
    let out = record(&mut tape).expect("room");
    tape.backward_with(out, upstream).expect("a gradient for each output");
    let (weight, bias) = tape.param_grads().split_at(cols * inner);
    (weight.to_vec(), bias.to_vec())
}

/// Gradients of a weight and of a bias are sums over a batch: blocks of its rows, one after the other.
#[test]
fn long_batches_lose_little() {
    let (cols, inner) = (3, 2);
    for rows in [1000, 16_384, 16_385, 3 * 16_384 + 5, 1 << 20] {
        let (upstream, x) = (vec![0.1_f32; rows * cols], vec![0.1_f32; rows * inner]);
        let mut first = None;
        for host in hosts() {
            let (of_weight, of_bias) = gradients_of_a_layer(host, (rows, inner, cols), &x, &upstream);
            let (term, square) = (f64::from(0.1_f32), f64::from(0.1_f32).powi(2));
            for (sums, term) in [(&of_bias, term), (&of_weight, square)] {
                for sum in sums {
                    let exact = term * rows as f64;
                    let error = (f64::from(*sum) - exact).abs() / exact;
                    assert!(error < tolerance::LONG_SUM, "{rows} rows on {}: {error:e}", host.level());
                }
            }
            let column = vec![0.1_f32; rows];
            let in_order = column.chunks(1 << 14).fold(0.0, |sum, x| sum + order::sum(x));
            assert_same_bits(&of_bias[..1], &[in_order], "blocks in order");
            let both = [of_bias, of_weight].concat();
            assert_same_bits(&both, first.get_or_insert(both.clone()), &format!("{rows} rows on {}", host.level()));
        }
    }
}

/// Of equal terms a single running sum would round all away the same way: 1 % of 2^24 times 0.1.
#[test]
fn long_sums_lose_little() {
    for len in [1000, 16_384, 16_385, 3 * 16_384 + 5, 1 << 20, 1 << 24] {
        let x = vec![0.1_f32; len];
        let (terms, square) = (f64::from(0.1_f32), f64::from(0.1_f32).powi(2));
        let mut first = None;
        for host in hosts() {
            let sums = [host.run(Sum { x: &x }), host.run(Dot { a: &x, b: &x }), host.run(SumOf { f: Square, x: &x })];
            for (sum, term) in sums.iter().zip([terms, square, square]) {
                let exact = term * len as f64;
                let error = (f64::from(*sum) - exact).abs() / exact;
                assert!(error < tolerance::LONG_SUM, "{len} terms on {}: {error:e}", host.level());
            }
            let in_order = x.chunks(1 << 14).fold(0.0, |sum, x| sum + order::sum(x));
            assert_same_bits(&sums[..1], &[in_order], "blocks in order");
            assert_same_bits(&sums, first.get_or_insert(sums), &format!("{len} terms on {}", host.level()));
        }
    }
}

#[derive(Clone, Copy)]
struct Square;
impl reinmax::kernel::lanes::Function<1> for Square {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        x * x
    }
}
