//! Every operation against its double-precision twin: values directly, gradients by central differences of the twin. On
//! every level, with equal bits.

use reinmax::{Draws, Host, Memory, ReinMax, Result, Shape, Tape, Var, measure};
use reinmax_tests::{assert_close, assert_same_bits, hosts, tolerance, twin};

type Record<'a> = &'a dyn Fn(&mut Tape<'_, Host>, &[Var]) -> Result<Var>;
type Twin<'a> = &'a dyn Fn(&[Vec<f64>]) -> Vec<f64>;

/// Numbers in about [-1.5, 1.5], none of them near 0, where some operations have a corner.
fn numbers(n: usize, salt: usize) -> Vec<f32> {
    let number = |i: usize| {
        let x = ((i * 7919 + salt * 104_729) % 1_009) as f32 / 1_009.0 * 2.8 - 1.4;
        if x.abs() < 0.05 { x + 0.11 } else { x }
    };
    (0..n).map(number).collect()
}

/// Positive numbers whose rows sum to 1.
fn probabilities(rows: usize, cols: usize) -> Vec<f32> {
    let x = twin::wide(&numbers(rows * cols, 3));
    x.chunks(cols).flat_map(|row| twin::softmax(row, 1.0)).map(|p| p as f32).collect()
}

/// Compares one operation with its twin. `fixed` inputs (targets, masks) are not differentiated.
fn check(name: &str, inputs: &[(Shape, Vec<f32>)], fixed: &[usize], record: Record<'_>, of_twin: Twin<'_>) {
    let wide: Vec<Vec<f64>> = inputs.iter().map(|(_, x)| twin::wide(x)).collect();
    let values = of_twin(&wide);
    let upstream = numbers(values.len(), 77);
    let loss = |x: &[Vec<f64>]| -> f64 { of_twin(x).iter().zip(&upstream).map(|(y, u)| y * f64::from(*u)).sum() };
    let slopes: Vec<Vec<f64>> = (0..wide.len()).map(|at| central_differences(&wide, at, &loss)).collect();
    let mut first: Option<Vec<f32>> = None;
    for host in hosts() {
        let what = format!("{name} on {}", host.level());
        let build = |tape: &mut Tape<'_, Host>| -> Result<(Vec<Var>, Var)> {
            let leaves = inputs.iter().enumerate().map(|(at, (shape, x))| {
                if fixed.contains(&at) { tape.input(*shape, x) } else { tape.differentiable_input(*shape, x) }
            });
            let leaves = leaves.collect::<Result<Vec<_>>>()?;
            let out = record(tape, &leaves)?;
            Ok((leaves, out))
        };
        let mut memory = Memory::new(&measure(host, |tape| build(tape).map(drop)).expect(&what));
        let mut tape = Tape::with_backend(memory.slabs(), host);
        let (leaves, out) = build(&mut tape).expect(&what);
        let greatest = values.iter().fold(1.0_f64, |m, x| m.max(x.abs()));
        assert_close(tape.value(out).expect(&what), &values, tolerance::FORWARD * greatest, &what);
        tape.backward_with(out, &upstream).expect(&what);
        let mut bits = tape.value(out).expect(&what).to_vec();
        for (at, leaf) in leaves.iter().enumerate().filter(|(at, _)| !fixed.contains(at)) {
            let greatest = slopes[at].iter().fold(1.0_f64, |m, x| m.max(x.abs()));
            let grad = tape.grad(*leaf).expect(&what);
            assert_close(grad, &slopes[at], tolerance::VJP * greatest, &format!("{what}, input {at}"));
            bits.extend(grad);
        }
        assert_same_bits(first.get_or_insert_with(|| bits.clone()), &bits, &what);
    }
}

fn central_differences(x: &[Vec<f64>], at: usize, loss: &dyn Fn(&[Vec<f64>]) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    (0..x[at].len())
        .map(|i| {
            let moved = |by: f64| {
                let mut x = x.to_vec();
                x[at][i] += by;
                loss(&x)
            };
            (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
        })
        .collect()
}

/// Shapes on both sides of every change of method: one element, ragged tiles, 16 and 17 columns, long rows.
const SHAPES: [(u32, u32); 9] = [(1, 1), (1, 5), (3, 2), (5, 16), (2, 17), (17, 3), (33, 2), (2, 33), (1, 70)];

/// A function of each element, as an operation of one input.
fn pointwise(name: &str, record: Record<'_>, f: &dyn Fn(f64) -> f64) {
    for (rows, cols) in SHAPES {
        let x = numbers((rows * cols) as usize, 1);
        check(name, &[(Shape::new(rows, cols), x)], &[], record, &|x| x[0].iter().map(|x| f(*x)).collect());
    }
}

#[test]
fn functions_of_one_element() {
    pointwise("affine", &|t, x| t.affine(x[0], -1.5, 0.25), &|x| -1.5 * x + 0.25);
    pointwise("relu", &|t, x| t.relu(x[0]), &|x| x.max(0.0));
    pointwise("leaky_relu", &|t, x| t.leaky_relu(x[0], 0.1), &|x| if x > 0.0 { x } else { 0.1 * x });
    pointwise("sigmoid", &|t, x| t.sigmoid(x[0]), &|x| 1.0 / (1.0 + (-x).exp()));
    pointwise("tanh", &|t, x| t.tanh(x[0]), &f64::tanh);
    for power in [1.0, 1.5, 2.0, 2.7, 3.0, 0.5] {
        let exponent = f64::from(power);
        pointwise("abs_pow", &|t, x| t.abs_pow(x[0], power), &|x| x.abs().powf(exponent));
    }
}

/// Ragged ends of every length.
#[test]
fn pointwise_kernels_at_every_length() {
    for n in 1..=130 {
        let x = [(Shape::new(1, n), numbers(n as usize, 4))];
        check("tanh", &x, &[], &|t, x| t.tanh(x[0]), &|x| x[0].iter().map(|x| x.tanh()).collect());
        let column = [(Shape::new(n, 1), numbers(n as usize, 5))];
        check("affine", &column, &[], &|t, x| t.affine(x[0], 0.5, 1.0), &|x| {
            x[0].iter().map(|x| 0.5 * x + 1.0).collect()
        });
    }
}

#[test]
fn functions_of_two_and_three_tensors() {
    for (rows, cols) in SHAPES {
        let (shape, n) = (Shape::new(rows, cols), (rows * cols) as usize);
        let two = [(shape, numbers(n, 1)), (shape, numbers(n, 2))];
        let zip = |f: fn(f64, f64) -> f64| {
            move |x: &[Vec<f64>]| x[0].iter().zip(&x[1]).map(|(a, b)| f(*a, *b)).collect::<Vec<f64>>()
        };
        check("add", &two, &[], &|t, x| t.add(x[0], x[1]), &zip(|a, b| a + b));
        check("sub", &two, &[], &|t, x| t.sub(x[0], x[1]), &zip(|a, b| a - b));
        check("mul", &two, &[], &|t, x| t.mul(x[0], x[1]), &zip(|a, b| a * b));
        check("square", &two[..1], &[], &|t, x| t.mul(x[0], x[0]), &|x| x[0].iter().map(|x| x * x).collect());
        let mask: Vec<f32> = (0..n).map(|i| (i % 3 % 2) as f32).collect();
        let three = [(shape, mask), two[0].clone(), two[1].clone()];
        check("select", &three, &[0], &|t, x| t.select(x[0], x[1], x[2]), &|x| {
            (0..n).map(|i| if x[0][i] != 0.0 { x[1][i] } else { x[2][i] }).collect()
        });
    }
}

#[test]
fn matrix_products() {
    for (rows, inner, cols) in [(1, 1, 1), (2, 3, 5), (3, 16, 2), (4, 17, 18), (20, 33, 3), (2, 50, 40), (40, 2, 17)] {
        let (n, m, c) = (rows as usize, inner as usize, cols as usize);
        let product = move |a: &[f64], b: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            let element = |i: usize, j: usize| (0..m).map(|l| a[i * m + l] * b(l, j)).sum();
            (0..n).flat_map(|i| (0..c).map(move |j| (i, j))).map(|(i, j)| element(i, j)).collect()
        };
        let a = (Shape::new(rows, inner), numbers(n * m, 1));
        let b = (Shape::new(inner, cols), numbers(m * c, 2));
        check("matmul", &[a.clone(), b], &[], &|t, x| t.matmul(x[0], x[1]), &|x| {
            product(&x[0], &|l, j| x[1][l * c + j])
        });
        let weight = (Shape::new(cols, inner), numbers(m * c, 2));
        let bias = (Shape::new(1, cols), numbers(c, 3));
        check("linear", &[a, weight, bias], &[], &|t, x| t.linear(x[0], x[1], x[2]), &|x| {
            let product = product(&x[0], &|l, j| x[1][j * m + l]);
            product.iter().enumerate().map(|(at, y)| y + x[2][at % c]).collect()
        });
    }
}

#[test]
fn rows_as_distributions() {
    for (rows, cols) in SHAPES {
        let (shape, k) = (Shape::new(rows, cols), cols as usize);
        let x = numbers((rows * cols) as usize, 1);
        let each_row = |f: &dyn Fn(&[f64]) -> Vec<f64>, x: &[f64]| -> Vec<f64> { x.chunks(k).flat_map(f).collect() };
        let logits = [(shape, x.clone())];
        check("softmax", &logits, &[], &|t, x| t.softmax(x[0]), &|x| each_row(&|row| twin::softmax(row, 1.0), &x[0]));
        check("log_softmax", &logits, &[], &|t, x| t.log_softmax(x[0]), &|x| {
            each_row(&|row| twin::softmax(row, 1.0).iter().map(|p| p.ln()).collect(), &x[0])
        });
        let classes: Vec<f32> = (0..rows).map(|r| (r * 5 % cols) as f32).collect();
        let labelled = [(shape, x.clone()), (Shape::new(rows, 1), classes.clone())];
        check("cross_entropy", &labelled, &[1], &|t, x| t.cross_entropy(x[0], x[1]), &|x| {
            let row = |(row, class): (&[f64], &f64)| -twin::softmax(row, 1.0)[*class as usize].ln();
            x[0].chunks(k).zip(&x[1]).map(row).collect()
        });
        let targets: Vec<f32> = probabilities(rows as usize, k).iter().map(|p| 1.0 - p).collect();
        let binary = [(shape, x), (shape, targets)];
        check("bce_with_logits", &binary, &[1], &|t, x| t.bce_with_logits(x[0], x[1]), &|x| {
            let term = |(x, t): (&f64, &f64)| x.max(0.0) - x * t + (-x.abs()).exp().ln_1p();
            x[0].chunks(k).zip(x[1].chunks(k)).map(|(x, t)| x.iter().zip(t).map(term).sum()).collect()
        });
        let probs = [(shape, probabilities(rows as usize, k))];
        let plogp = |row: &[f64]| row.iter().map(|p| p * p.ln()).sum::<f64>();
        check("entropy", &probs, &[], &|t, x| t.entropy(x[0]), &|x| x[0].chunks(k).map(|row| -plogp(row)).collect());
        check("kl_to_uniform", &probs, &[], &|t, x| t.kl_to_uniform(x[0]), &|x| {
            x[0].chunks(k).map(|row| plogp(row) + (k as f64).ln()).collect()
        });
    }
}

#[test]
fn layouts_and_sums() {
    for (rows, cols) in SHAPES {
        let (shape, n, k) = (Shape::new(rows, cols), (rows * cols) as usize, cols as usize);
        let one = [(shape, numbers(n, 1))];
        check("sum", &one, &[], &|t, x| t.sum(x[0]), &|x| vec![x[0].iter().sum()]);
        check("mean", &one, &[], &|t, x| t.mean(x[0]), &|x| vec![x[0].iter().sum::<f64>() / n as f64]);
        check("view", &one, &[], &|t, x| t.view(x[0], Shape::new(cols, rows)), &|x| x[0].clone());
        check("repeat_rows", &one, &[], &|t, x| t.repeat_rows(x[0], 3), &|x| {
            x[0].chunks(k).flat_map(|row| row.repeat(3)).collect()
        });
        let (start, width) = (k / 3, k - k / 3);
        check("slice", &one, &[], &|t, x| t.slice(x[0], start as u32, width as u32), &|x| {
            x[0].chunks(k).flat_map(|row| row[start..].to_vec()).collect()
        });
        let two = [one[0].clone(), (Shape::new(rows, 2), numbers(2 * rows as usize, 2))];
        check("concat", &two, &[], &|t, x| t.concat(x[0], x[1]), &|x| {
            x[0].chunks(k).zip(x[1].chunks(2)).flat_map(|(a, b)| [a, b].concat()).collect()
        });
        let index: Vec<f32> = (0..2 * rows).map(|i| (i * 3 % rows) as f32).collect();
        let looked_up = [one[0].clone(), (Shape::new(2 * rows, 1), index)];
        check("gather_rows", &looked_up, &[1], &|t, x| t.gather_rows(x[0], x[1]), &|x| {
            x[1].iter().flat_map(|i| x[0][*i as usize * k..][..k].to_vec()).collect()
        });
    }
}

#[test]
fn a_tensor_used_twice_gets_both_gradients_and_a_detached_one_none() {
    let shape = Shape::new(2, 3);
    let x = [(shape, numbers(6, 1))];
    check(
        "x * x + x",
        &x,
        &[],
        &|t, x| {
            let y = t.mul(x[0], x[0])?;
            t.add(y, x[0])
        },
        &|x| x[0].iter().map(|x| x * x + x).collect(),
    );
    // x times a constant that happens to be x.
    let at = twin::wide(&x[0].1);
    check(
        "x * detach(x)",
        &x,
        &[],
        &|t, x| {
            let y = t.detach(x[0])?;
            t.mul(x[0], y)
        },
        &|x| x[0].iter().zip(&at).map(|(x, at)| x * at).collect(),
    );
}

#[test]
fn masks_have_probability_zero_and_gradient_zero() {
    let masked = [0.3, f32::NEG_INFINITY, -0.2, f32::NEG_INFINITY, f32::NEG_INFINITY, 1.0];
    for host in hosts() {
        let mut memory = Memory::new(&reinmax::Footprint { nodes: 16, values: 200, grads: 200, saved: 50 });
        let mut tape = Tape::with_backend(memory.slabs(), host);
        let logits = tape.param(Shape::new(2, 3), &masked).expect("room");
        let probs = tape.softmax(logits).expect("a softmax");
        let one_hot = tape.sample(ReinMax { tau: 1.5 }, logits, probs, Draws::Stream).expect("a draw");
        let kl = tape.kl_to_uniform(probs).expect("room");
        let entropy = tape.entropy(probs).expect("room");
        let both = tape.add(kl, entropy).expect("room");
        let (kl, drawn) = (tape.sum(both).expect("room"), tape.sum(one_hot).expect("room"));
        let loss = tape.add(kl, drawn).expect("room");
        tape.backward(loss).expect("a loss");
        for i in [1, 3, 4] {
            assert_eq!(tape.value(probs).expect("live")[i], 0.0);
            assert_eq!(tape.grad(logits).expect("live")[i], 0.0);
        }
        assert_eq!(tape.value(probs).expect("live")[5], 1.0);
        // p ln p - p ln p + ln k, k = 3, for both rows, and two draws.
        assert_close(tape.value(loss).expect("live"), &[2.0 * 3.0_f64.ln() + 2.0], tolerance::FORWARD * 4.0, "masks");
    }
}

#[test]
fn argmax_one_hot_takes_the_first_of_equals_and_no_gradient() {
    let mut memory = reinmax::TapeMem::<4, 32, 32, 1>::new();
    let mut tape = Tape::new(memory.slabs());
    let x = tape.param(Shape::new(2, 4), &[1.0, 3.0, 3.0, 0.0, -5.0, -7.0, -5.5, -5.0]).expect("room");
    let one_hot = tape.argmax_one_hot(x).expect("room");
    assert_eq!(tape.value(one_hot), Ok(&[0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0][..]));
    assert_eq!(tape.grad(one_hot), Err(reinmax::Error::NoGrad));
}
