//! What the benchmarks share: the kernels' operands, and a call of each kernel by name.

use reinmax::categorical::{draw, log_softmax, one_hot, softmax};
use reinmax::kernel::linear::{Contraction, Operand};
use reinmax::kernel::reduce::Sum;
use reinmax::{
    Backend, Estimator, Footprint, GradientInputs, Host, Memory, Noise, ReinMax, Result, Shape, StraightThrough,
    Stream, Tape,
};

/// The kernels, by name.
pub const KERNELS: [&str; 11] = [
    "uniform",
    "softmax",
    "log_softmax",
    "draw",
    "one_hot",
    "reinmax_backward",
    "reinmax_backward_tau1",
    "st_backward",
    "linear",
    "sum",
    "mean_abs_pow",
];

/// Operands of rows x k, and room for results.
#[derive(Debug)]
pub struct Operands {
    rows: usize,
    k: usize,
    logits: Vec<f32>,
    upstream: Vec<f32>,
    probs: Vec<f32>,
    index: Vec<u32>,
    out: Vec<f32>,
    grad: Vec<f32>,
    square: Vec<f32>,
}

impl Operands {
    /// Logits uniform in (-5, 5), upstream gradients in (-1, 1), draws from the logits' softmax.
    ///
    /// # Errors
    /// None for k of at least 1.
    pub fn new(rows: usize, k: usize) -> Result<Self> {
        let host = Host::detect();
        let uniforms = |stream: u64, scale: f32| {
            let mut x = vec![0.0; rows * k];
            Stream::new(1, stream).fill_uniforms(0, &mut x);
            x.iter().map(|u| (u * 2.0 - 1.0) * scale).collect::<Vec<f32>>()
        };
        let (logits, upstream) = (uniforms(0, 5.0), uniforms(1, 1.0));
        let (mut probs, mut index) = (vec![0.0; rows * k], vec![0; rows]);
        softmax(&host, &logits, k, 1.0, &mut probs)?;
        draw(&host, &probs, k, 1, Noise::stream(&Stream::new(1, 3), 0), &mut index)?;
        let (out, grad, square) = (vec![0.0; rows * k], vec![0.0; rows * k], vec![0.5; k * k]);
        Ok(Operands { rows, k, logits, upstream, probs, index, out, grad, square })
    }

    /// The logits.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// One call of a kernel of [`KERNELS`].
    ///
    /// # Errors
    /// None for operands made by [`Operands::new`].
    pub fn call(&mut self, kernel: &str, host: &Host) -> Result<()> {
        let Operands { rows, k, logits, upstream, probs, index, out, grad, square } = self;
        let (k, saved, column) = (*k, &[][..], None);
        let inputs = GradientInputs { logits, probs, index, saved, upstream, k, draws: 1, column };
        match kernel {
            "uniform" => Stream::new(1, 4).fill_uniforms_on(host, 0, out),
            "softmax" => softmax(host, logits, k, 1.0, out)?,
            "log_softmax" => log_softmax(host, logits, k, out)?,
            "draw" => draw(host, probs, k, 1, Noise::stream(&Stream::new(1, 4), 0), index)?,
            "one_hot" => one_hot(host, index, k, out)?,
            "reinmax_backward" => ReinMax { tau: 1.3 }.backward(host, inputs, grad)?,
            "reinmax_backward_tau1" => ReinMax { tau: 1.0 }.backward(host, inputs, grad)?,
            "sum" => out[0] = host.run(Sum { x: logits }),
            "mean_abs_pow" => {
                let values = logits.len() + 1;
                let mut memory = Memory::new(&Footprint { nodes: 2, values, grads: 0, saved: 0 });
                let mut tape = Tape::with_backend(memory.slabs(), *host);
                let x = tape.input(Shape::new(*rows as u32, k as u32), logits)?;
                tape.mean_abs_pow(x, -0.45, 2.0)?;
            }
            "st_backward" => StraightThrough { tau: 1.0 }.backward(host, inputs, grad)?,
            _ => {
                let (a, b) = (Operand::plain(logits), Operand::transposed(square));
                host.contract(Contraction { a, b, bias: &[], rows: *rows, inner: k, cols: k, add: false, out })?;
            }
        }
        std::hint::black_box((out, grad, index));
        Ok(())
    }
}
