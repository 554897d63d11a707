//! Bits by definition: every kernel that sums, against the documented order written out, on every level.

use reinmax::categorical::{log_softmax, softmax};
use reinmax::kernel::linear::{Contraction, Operand};
use reinmax::kernel::reduce::AddColumnSums;
use reinmax::kernel::softmax::AddSoftmaxVjp;
use reinmax::{
    Backend, Estimator, GradientInputs, Host, Memory, ReinMax, Result, Shape, StraightThrough, Tape, Var, measure,
};
use reinmax_tests::{assert_same_bits, hosts, order};

fn numbers(n: usize, salt: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + salt * 131) % 2003) as f32 / 700.0 - 1.4).collect()
}

/// Every k up to some beyond two blocks, then large ones with and without a ragged end.
fn sizes() -> impl Iterator<Item = usize> {
    (1..=50).chain([64, 127, 130, 256, 1000])
}

#[test]
fn softmax_and_its_relatives() {
    for k in sizes() {
        let rows = 19;
        let (x, g) = (numbers(rows * k, k), numbers(rows * k, k + 1));
        let of_rows = |f: &dyn Fn(&[f32]) -> Vec<f32>| -> Vec<f32> { x.chunks(k).flat_map(f).collect() };
        let probs = of_rows(&|row| order::softmax(row, 1.0 / 0.7));
        let log_probs = of_rows(&|row| {
            let (max, _, total) = order::exponentials(row, 1.0);
            row.iter().map(|x| (x - max) - order::log(total)).collect()
        });
        let products: Vec<f32> =
            probs.chunks(k).zip(g.chunks(k)).flat_map(|(p, g)| order::jacobian_product(p, g, 0.3)).collect();
        let sums: Vec<f32> = g.iter().zip(&products).map(|(start, x)| start + x).collect();
        for host in hosts() {
            let what = format!("k = {k} on {}", host.level());
            let mut out = vec![f32::NAN; x.len()];
            softmax(&host, &x, k, 0.7, &mut out).expect("finite logits");
            assert_same_bits(&out, &probs, &what);
            log_softmax(&host, &x, k, &mut out).expect("finite logits");
            assert_same_bits(&out, &log_probs, &what);
            let mut grad = g.clone();
            host.run(AddSoftmaxVjp { probs: &probs, upstream: &g, k, scale: 0.3, grad: &mut grad });
            assert_same_bits(&grad, &sums, &what);
        }
    }
}

/// One draw's gradient, as the estimators' files define it at tau = 1.
fn single_draw(reinmax: bool, p: &[f32], g: &[f32], drawn: usize) -> Vec<f32> {
    if !reinmax {
        return order::jacobian_product(p, g, 1.0);
    }
    let at_draw = g[drawn] - order::dot(p, g);
    let product = |(j, (p, x)): (usize, (&f32, &f32))| p * (x - g[drawn]) + if j == drawn { at_draw } else { 0.0 };
    p.iter().zip(g).enumerate().map(|at| 0.5 * product(at)).collect()
}

/// k <= 16: draw d into running sum d mod 16, folded, added to the gradient; k > 16: draw after draw.
#[test]
fn the_draws_of_a_row() {
    for k in [1, 2, 3, 4, 7, 8, 10, 15, 16, 17, 33, 70] {
        for draws in [1, 2, 15, 16, 17, 31, 33, 100] {
            let rows = 3;
            let probs: Vec<f32> = numbers(rows * k, 1).chunks(k).flat_map(|row| order::softmax(row, 1.0)).collect();
            let (logits, upstream) = (numbers(rows * k, 1), numbers(rows * draws * k, 2));
            let index: Vec<u32> = (0..rows * draws).map(|d| ((d * 5 + d / 3) % k) as u32).collect();
            let start = numbers(rows * k, 3);
            for reinmax in [false, true] {
                let mut expected = start.clone();
                for (row, grad) in expected.chunks_mut(k).enumerate() {
                    let of = |d: usize| {
                        let at = row * draws + d;
                        single_draw(reinmax, &probs[row * k..][..k], &upstream[at * k..][..k], index[at] as usize)
                    };
                    let products: Vec<Vec<f32>> = (0..draws).map(of).collect();
                    for (j, grad) in grad.iter_mut().enumerate() {
                        let column: Vec<f32> = products.iter().map(|product| product[j]).collect();
                        if k > order::SHORT {
                            column.iter().for_each(|x| *grad += x);
                        } else {
                            *grad += order::folded(&column);
                        }
                    }
                }
                for host in hosts() {
                    let (probs, index, upstream) = (&probs, &index, &upstream);
                    let inputs =
                        GradientInputs { logits: &logits, probs, index, saved: &[], upstream, k, draws, column: None };
                    let mut grad = start.clone();
                    let outcome = if reinmax {
                        ReinMax { tau: 1.0 }.backward(&host, inputs, &mut grad)
                    } else {
                        StraightThrough { tau: 1.0 }.backward(&host, inputs, &mut grad)
                    };
                    outcome.expect("valid inputs");
                    let what = format!("k = {k}, {draws} draws, reinmax: {reinmax}, {}", host.level());
                    assert_same_bits(&grad, &expected, &what);
                }
            }
        }
    }
}

#[test]
fn contractions_of_every_kind() {
    for (rows, cols) in [(1, 1), (2, 3), (3, 16), (2, 17), (17, 5), (1, 33)] {
        for inner in [0, 1, 2, 3, 15, 16, 17, 18, 31, 32, 33, 48, 100] {
            for transposed in [(false, false), (false, true), (true, false), (true, true)] {
                for (add, biased) in [(false, true), (false, false), (true, false)] {
                    contraction_is_in_order((rows, inner, cols), transposed, add, biased);
                }
            }
        }
    }
}

/// Where factors are turned, or used for all rows strip by strip: below and above each limit.
#[test]
fn contractions_of_long_sums() {
    for (rows, cols) in [(15, 16), (16, 16), (19, 37)] {
        for inner in [191, 192, 193, 400, 1000, 2048, 2049, 4096, 4097] {
            for b_turned in [false, true] {
                contraction_is_in_order((rows, inner, cols), (false, b_turned), false, true);
            }
        }
    }
}

/// Where both factors are copied block by block: below and above each limit, several blocks, and what is left of them.
#[test]
fn contractions_of_the_gradient_of_a_weight() {
    for (rows, cols) in [(15, 40), (16, 16), (18, 32), (39, 83)] {
        for inner in [16, 17, 31, 100, 128, 170, 171, 256, 257] {
            for add in [false, true] {
                contraction_is_in_order((rows, inner, cols), (true, false), add, !add);
            }
        }
    }
}

/// Compares every level with the definition, bit by bit.
fn contraction_is_in_order(
    (rows, inner, cols): (usize, usize, usize),
    (a_turned, b_turned): (bool, bool),
    add: bool,
    biased: bool,
) {
    let (a, b) = (numbers(rows * inner, 1), numbers(inner * cols, 2));
    let (bias, start) = (numbers(cols, 3), numbers(rows * cols, 4));
    let a_at = |i: usize, j: usize| if a_turned { a[j * rows + i] } else { a[i * inner + j] };
    let b_at = |j: usize, c: usize| if b_turned { b[c * inner + j] } else { b[j * cols + c] };
    let operand = |x, turned| if turned { Operand::transposed(x) } else { Operand::plain(x) };
    let element = |at: usize| {
        let (i, c) = (at / cols, at % cols);
        let terms: Vec<f32> = (0..inner).map(|j| a_at(i, j) * b_at(j, c)).collect();
        let product = if biased { order::sum(&terms) + bias[c] } else { order::sum(&terms) };
        if add { start[at] + product } else { product }
    };
    let expected: Vec<f32> = (0..rows * cols).map(element).collect();
    for host in hosts() {
        let mut out = if add { start.clone() } else { vec![f32::NAN; rows * cols] };
        let (a, b) = (operand(&a, a_turned), operand(&b, b_turned));
        let bias = if biased { &bias[..] } else { &[] };
        host.contract(Contraction { a, b, bias, rows, inner, cols, add, out: &mut out }).expect("sizes that fit");
        let what =
            format!("{rows} x {inner} x {cols}, transposed: {a_turned} {b_turned}, add: {add}, {}", host.level());
        assert_same_bits(&out, &expected, &what);
    }
}

#[test]
fn column_sums() {
    for rows in [0, 1, 2, 15, 16, 17, 32, 33, 100] {
        for cols in [1, 3, 16, 17, 40] {
            let (x, start) = (numbers(rows * cols, 1), numbers(cols, 2));
            let column = |c: usize| -> Vec<f32> { (0..rows).map(|r| x[r * cols + c]).collect() };
            let expected: Vec<f32> = (0..cols).map(|c| start[c] + order::sum(&column(c))).collect();
            for host in hosts() {
                let mut out = start.clone();
                host.run(AddColumnSums { x: &x, out: &mut out });
                assert_same_bits(&out, &expected, &format!("{rows} x {cols} on {}", host.level()));
            }
        }
    }
}

/// The values of what `record` makes of one input.
fn taped(host: Host, shape: Shape, x: &[f32], record: impl Fn(&mut Tape<'_, Host>, Var) -> Result<Var>) -> Vec<f32> {
    let build = |tape: &mut Tape<'_, Host>| {
        let x = tape.input(shape, x)?;
        record(tape, x)
    };
    let mut memory = Memory::new(&measure(host, |tape| build(tape).map(drop)).expect("it records"));
    let mut tape = Tape::with_backend(memory.slabs(), host);
    let out = build(&mut tape).expect("it records");
    tape.value(out).expect("a live handle").to_vec()
}

#[test]
fn entropies_sum_their_rows_in_order() {
    for k in sizes() {
        let probs: Vec<f32> = numbers(5 * k, k).chunks(k).flat_map(|row| order::softmax(row, 1.0)).collect();
        let plogp = |row: &[f32]| order::sum(&row.iter().map(|p| p * order::log(*p)).collect::<Vec<_>>());
        let expected: Vec<f32> = probs.chunks(k).map(|row| 0.0 - plogp(row)).collect();
        for host in hosts() {
            let got = taped(host, Shape::new(5, k as u32), &probs, |tape, p| tape.entropy(p));
            assert_same_bits(&got, &expected, &format!("k = {k} on {}", host.level()));
        }
    }
}

/// A fused kernel has the bits of the chain it fuses: cross_entropy is -log_softmax at the class.
#[test]
fn cross_entropy_has_the_bits_of_log_softmax() {
    for k in sizes() {
        let x = numbers(7 * k, k);
        let shape = Shape::new(7, k as u32);
        for host in hosts() {
            let log_probs = taped(host, shape, &x, |tape, x| tape.log_softmax(x));
            for class in [0, k / 2, k - 1] {
                let classes = [class as f32; 7];
                let losses = taped(host, shape, &x, |tape, x| {
                    let classes = tape.input(Shape::new(7, 1), &classes)?;
                    tape.cross_entropy(x, classes)
                });
                let expected: Vec<f32> = log_probs.chunks(k).map(|row| 0.0 - row[class]).collect();
                assert_same_bits(&losses, &expected, &format!("k = {k}, class {class} on {}", host.level()));
            }
        }
    }
}

#[test]
fn linear_has_the_bits_of_a_product_with_the_transposed_weight_and_a_sum() {
    for (rows, inputs, outputs) in [(1, 1, 1), (3, 5, 2), (4, 16, 17), (2, 17, 16), (19, 40, 3)] {
        let (x, bias) = (numbers(rows * inputs, 1), numbers(outputs, 3));
        let weight = numbers(outputs * inputs, 2);
        let turned: Vec<f32> = (0..inputs * outputs).map(|i| weight[i % outputs * inputs + i / outputs]).collect();
        let size = |r: usize, c: usize| Shape::new(r as u32, c as u32);
        for host in hosts() {
            let fused = taped(host, size(rows, inputs), &x, |tape, x| {
                let weight = tape.input(size(outputs, inputs), &weight)?;
                let bias = tape.input(size(1, outputs), &bias)?;
                tape.linear(x, weight, bias)
            });
            let chain = taped(host, size(rows, inputs), &x, |tape, x| {
                let weight = tape.input(size(inputs, outputs), &turned)?;
                let bias = tape.input(size(1, outputs), &bias)?;
                let product = tape.matmul(x, weight)?;
                let bias = tape.repeat_rows(bias, rows as u32)?;
                tape.add(product, bias)
            });
            assert_same_bits(&fused, &chain, &format!("{rows} x {inputs} x {outputs} on {}", host.level()));
        }
    }
}
