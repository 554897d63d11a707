//! The kernels, over shapes from a few categories to thousands, in and out of cache.

use std::hint::black_box;

use indicatif::ProgressBar;
use reinmax::categorical::{Samples, draw, log_softmax, sample, softmax};
use reinmax::kernel::exp::exp_nonpositive;
use reinmax::kernel::lanes::Function;
use reinmax::kernel::lanes::Lanes;
use reinmax::kernel::linear::{Contraction, Operand};
use reinmax::kernel::pointwise::{Base, Pointwise};
use reinmax::{Backend, Estimator, Floats, GradientInputs, Host, Noise, ReinMax, Result, StraightThrough, Stream};

use super::Measurement;
use super::timing::interleaved;
use crate::Failure;
use crate::args::BenchArgs;

/// What can be measured on a matrix of rows x k, in the order of the report.
const KERNELS: [&str; 10] = [
    "memcpy",
    "exp",
    "uniform",
    "softmax",
    "log_softmax",
    "sample",
    "sample_index",
    "reinmax_backward",
    "reinmax_backward_tau1",
    "st_backward",
];

/// rows x k: 64 KiB, 4 MiB and more.
const SHAPES: [(usize, usize); 19] = [
    (8192, 2),
    (2048, 8),
    (1638, 10),
    (512, 32),
    (163, 100),
    (128, 128),
    (16, 1000),
    (4, 4096),
    (524_288, 2),
    (131_072, 8),
    (104_857, 10),
    (32_768, 32),
    (8192, 128),
    (1048, 1000),
    (256, 4096),
    (1 << 23, 2),
    (1 << 21, 8),
    (1 << 17, 128),
    (16_384, 1000),
];

/// rows x inner x cols: squares, and the layers of the paper's VAE. The weight is cols x inner, as in `linear`.
const LINEAR: [(usize, usize, usize); 7] = [
    (256, 256, 256),
    (512, 512, 512),
    (100, 784, 512),
    (100, 512, 256),
    (100, 256, 32),
    (100, 32, 256),
    (100, 512, 784),
];

/// Matrices larger than this are measured in fewer rounds: they take milliseconds a call.
const LARGE: usize = 1 << 22;

/// What is measured on sizes of its own.
const WITHOUT_SHAPE: [&str; 2] = ["linear", "tape"];

/// All of them, for messages.
pub(crate) fn names() -> String {
    [&KERNELS[..], &WITHOUT_SHAPE].concat().join(", ")
}

/// Refuses kernels that there are not, and shapes for those that have sizes of their own.
pub(super) fn check(args: &BenchArgs) -> std::result::Result<(), String> {
    for kernel in &args.kernel {
        if WITHOUT_SHAPE.contains(&kernel.as_str()) {
            if let Some((rows, k)) = args.shape.first() {
                return Err(format!(
                    "--kernel {kernel} does not go with --shape {rows}x{k}: {kernel} has sizes of its own; leave one of the two out"
                ));
            }
        } else if !KERNELS.contains(&kernel.as_str()) {
            return Err(format!("--kernel {kernel}: there are {}", names()));
        }
    }
    Ok(())
}

/// All kernels that are asked for.
pub(super) fn measure(args: &BenchArgs, hosts: &[Host]) -> std::result::Result<Vec<Measurement>, Failure> {
    let wanted = |name: &&str| args.kernel.is_empty() || args.kernel.iter().any(|kernel| kernel == *name);
    let kernels: Vec<&str> = KERNELS.into_iter().filter(wanted).collect();
    let shapes = if args.shape.is_empty() { SHAPES.to_vec() } else { args.shape.clone() };
    let progress =
        if args.quiet { ProgressBar::hidden() } else { ProgressBar::new((shapes.len() + LINEAR.len()) as u64) };
    let mut results = Vec::new();
    if !kernels.is_empty() {
        for shape in shapes {
            results.extend(on_matrix(shape, &kernels, args, hosts).map_err(|error| Failure::error(error.to_string()))?);
            progress.inc(1);
        }
    }
    if wanted(&"linear") && args.shape.is_empty() {
        for shape in LINEAR {
            results.extend(products(shape, args, hosts).map_err(|error| Failure::error(error.to_string()))?);
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(results)
}

/// e^x of numbers that are not positive.
#[derive(Clone, Copy)]
struct Exp;

impl Function<1> for Exp {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        exp_nonpositive(x)
    }
}

/// The operands of all kernels on one shape.
struct Operands {
    k: usize,
    logits: Floats,
    nonpositive: Floats,
    upstream: Floats,
    /// softmax of the logits, and draws from it.
    probs: Floats,
    index: Vec<u32>,
    /// What is written.
    out: Floats,
    one_hot: Floats,
    drawn: Vec<u32>,
}

impl Operands {
    /// Logits uniform in (-5, 5), upstream gradients in (-1, 1).
    fn new(rows: usize, k: usize, host: &Host) -> Result<Self> {
        let uniforms = |stream: u64, low: f32, high: f32| {
            let mut x = Floats::zeros(rows * k);
            Stream::new(1, stream).fill_uniforms(0, &mut x);
            x.iter_mut().for_each(|x| *x = low + *x * (high - low));
            x
        };
        let logits = uniforms(0, -5.0, 5.0);
        let (mut probs, mut index) = (Floats::zeros(rows * k), vec![0; rows]);
        softmax(host, &logits, k, 1.0, &mut probs)?;
        draw(host, &probs, k, 1, Noise::stream(&Stream::new(1, 3), 0), &mut index)?;
        Ok(Operands {
            k,
            nonpositive: uniforms(2, -10.0, 0.0),
            upstream: uniforms(1, -1.0, 1.0),
            out: Floats::zeros(rows * k),
            one_hot: Floats::zeros(rows * k),
            drawn: vec![0; rows],
            logits,
            probs,
            index,
        })
    }

    /// One call of the kernel.
    fn call(&mut self, kernel: &str, host: &Host) -> Result<()> {
        let noise = Noise::stream(&Stream::new(1, 4), 0);
        let (k, out) = (self.k, &mut self.out[..]);
        let inputs = GradientInputs {
            logits: &self.logits,
            probs: &self.probs,
            index: &self.index,
            saved: &[],
            upstream: &self.upstream,
            k,
            draws: 1,
            column: None,
        };
        match kernel {
            "memcpy" => out.copy_from_slice(black_box(&self.logits)),
            "exp" => host.run_rows(Pointwise { f: Exp, inputs: [&self.nonpositive], base: Base::Nothing, out }),
            "uniform" => Stream::new(1, 4).fill_uniforms_on(host, 0, out),
            "softmax" => softmax(host, &self.logits, k, 1.0, out)?,
            "log_softmax" => log_softmax(host, &self.logits, k, out)?,
            "sample" => {
                let out = Samples { probs: out, index: &mut self.drawn, one_hot: &mut self.one_hot };
                sample(host, &self.logits, k, 1.0, noise, out)?;
            }
            "sample_index" => {
                softmax(host, &self.logits, k, 1.0, out)?;
                draw(host, out, k, 1, noise, &mut self.drawn)?;
            }
            "reinmax_backward" => ReinMax { tau: 1.3 }.backward(host, inputs, &mut self.one_hot)?,
            "reinmax_backward_tau1" => ReinMax { tau: 1.0 }.backward(host, inputs, &mut self.one_hot)?,
            _ => StraightThrough { tau: 1.0 }.backward(host, inputs, &mut self.one_hot)?,
        }
        black_box((&mut self.out, &mut self.one_hot, &mut self.drawn));
        Ok(())
    }
}

fn on_matrix(
    (rows, k): (usize, usize),
    kernels: &[&str],
    args: &BenchArgs,
    hosts: &[Host],
) -> Result<Vec<Measurement>> {
    let fastest = Host::detect();
    let mut operands = Operands::new(rows, k, &fastest)?;
    // Copying memory has no level.
    let any = |kernel: &str| kernel == "memcpy";
    let things: Vec<(&str, Host)> = kernels
        .iter()
        .flat_map(|kernel| hosts.iter().take(if any(kernel) { 1 } else { hosts.len() }).map(|host| (*kernel, *host)))
        .collect();
    let rounds = if rows * k >= LARGE { usize::from(args.rounds).div_ceil(3) } else { usize::from(args.rounds) };
    let mut failed = None;
    let timings = interleaved(things.len(), rounds, |thing| {
        if let Some((kernel, host)) = things.get(thing)
            && let Err(error) = operands.call(kernel, host)
        {
            failed = Some(error);
        }
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(things
            .iter()
            .zip(timings)
            .map(|((kernel, host), timing)| {
                let measurement = Measurement::new((*kernel).to_owned(), (rows, k), host, timing);
                if any(kernel) { Measurement { level: "any", ..measurement } } else { measurement }
            })
            .collect()),
    }
}

/// A product of a layer of `rows` x `inner` inputs and `cols` outputs: three of as many multiplications.
struct Product<'a> {
    kernel: &'static str,
    a: Operand<'a>,
    b: Operand<'a>,
    bias: &'a [f32],
    /// Rows, terms and columns of the contraction.
    sizes: (usize, usize, usize),
}

/// `linear` (the weight is cols x inner), `matmul` (inner x cols; the sums are the same) and `linear_weight_gradient`.
fn products((rows, inner, cols): (usize, usize, usize), args: &BenchArgs, hosts: &[Host]) -> Result<Vec<Measurement>> {
    let uniforms = |stream: u64, len: usize| {
        let mut x = Floats::zeros(len);
        Stream::new(2, stream).fill_uniforms(0, &mut x);
        x
    };
    let (x, w, bias) = (uniforms(0, rows * inner), uniforms(1, inner * cols), uniforms(2, cols));
    let upstream = uniforms(3, rows * cols);
    let (plain, transposed) = (Operand::plain, Operand::transposed);
    let product = |kernel, a, b, bias, sizes| Product { kernel, a, b, bias, sizes };
    let all = [
        product("linear", plain(&x), transposed(&w), &bias[..], (rows, inner, cols)),
        product("matmul", plain(&x), plain(&w), &[], (rows, inner, cols)),
        product("linear_weight_gradient", transposed(&upstream), plain(&x), &[], (cols, rows, inner)),
    ];
    let mut out = Floats::zeros((rows * cols).max(cols * inner));
    let mut outcome = Ok(());
    let things: Vec<_> = all.iter().flat_map(|product| hosts.iter().map(move |host| (product, *host))).collect();
    let timings = interleaved(things.len(), usize::from(args.rounds), |thing| {
        let Some((Product { a, b, bias, sizes: (rows, inner, cols), .. }, host)) = things.get(thing) else { return };
        let (a, b, rows, inner, cols, out) = (*a, *b, *rows, *inner, *cols, &mut out[..rows * cols]);
        if let Err(error) = host.contract(Contraction { a, b, bias, rows, inner, cols, add: false, out }) {
            outcome = Err(error);
        }
        black_box(out);
    });
    outcome?;
    let with_cols = |((product, host), timing): (&(&Product<'_>, Host), super::Timing)| {
        let flops = 2.0 * (rows * inner * cols) as f64;
        Measurement {
            cols: Some(cols),
            gflops: Some(flops / timing.median),
            ..Measurement::new(product.kernel.to_owned(), (rows, inner), host, timing)
        }
    };
    Ok(things.iter().zip(timings).map(with_cols).collect())
}
