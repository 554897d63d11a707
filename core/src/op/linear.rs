//! Matrix products: matmul and linear.

use super::{Forward, Op, Operation, Spec, Vjp};
use crate::kernel::LONG;
use crate::kernel::linear::{Contraction, Operand};
use crate::kernel::reduce::AddColumnSums;
use crate::{Argument, Backend, Error, Result, Shape, Tape, Var};

impl<B: Backend> Tape<'_, B> {
    /// a (n x m) times b (m x c), n x c. Cost: n m c multiplications and additions forward, twice that backward;
    /// nothing saved. Rounding grows like that of sixteen running sums of m / 16 terms.
    ///
    /// # Errors
    /// [`Error::Shape`] where the inner sizes differ, and those of [`Tape::record`].
    pub fn matmul(&mut self, a: Var, b: Var) -> Result<Var> {
        let (left, right) = (self.shape(a)?, self.shape(b)?);
        self.expect_shape(Argument::Input, b, Shape::new(left.cols, right.cols))?;
        self.record(MatMul::OP, &[a, b], Spec::new(Shape::new(left.rows, right.cols)))
    }

    /// x (n x in) times the transpose of weight (out x in) plus bias (out elements, of any shape), n x out: a layer as
    /// PyTorch stores it. Cost and rounding as [`Tape::matmul`].
    ///
    /// # Errors
    /// [`Error::Shape`] where sizes differ, and those of [`Tape::record`].
    pub fn linear(&mut self, x: Var, weight: Var, bias: Var) -> Result<Var> {
        let (input, matrix) = (self.shape(x)?, self.shape(weight)?);
        self.expect_shape(Argument::Weight, weight, Shape::new(matrix.rows, input.cols))?;
        if self.shape(bias)?.len() != matrix.rows as usize {
            let (expected, got) = (Shape::new(1, matrix.rows), self.shape(bias)?);
            return Err(Error::Shape { argument: Argument::Bias, expected, got });
        }
        self.record(Linear::OP, &[x, weight, bias], Spec::new(Shape::new(input.rows, matrix.rows)))
    }
}

struct MatMul;
impl<B: Backend> Operation<B> for MatMul {
    const OP: &'static Op<B> = &Op {
        name: "matmul",
        forward: |f: Forward<'_, '_, B>| {
            let [a, b, _] = f.inputs;
            f.backend.contract(Contraction {
                a: Operand::plain(a.values),
                b: Operand::plain(b.values),
                bias: &[],
                rows: a.rows(),
                inner: a.cols(),
                cols: b.cols(),
                add: false,
                out: f.out,
            })
        },
        vjp: |mut v: Vjp<'_, B>| {
            let ([a, b, _], g) = (v.inputs, v.upstream);
            let (rows, inner, cols) = (a.rows(), a.cols(), b.cols());
            if let Some(out) = v.grads.get(0) {
                let (a, b) = (Operand::plain(g), Operand::transposed(b.values));
                v.backend.contract(Contraction { a, b, bias: &[], rows, inner: cols, cols: inner, add: true, out })?;
            }
            if let Some(out) = v.grads.get(1) {
                add_sum_over_rows(v.backend, (a.values, inner), (g, cols), out)?;
            }
            Ok(())
        },
    };
}

/// Adds a' b to `out`, height x width: a sum over the rows that both have, in blocks of [`LONG`] of them.
fn add_sum_over_rows<B: Backend>(
    backend: &B,
    (a, height): (&[f32], usize),
    (b, width): (&[f32], usize),
    out: &mut [f32],
) -> Result<()> {
    let blocks = a.chunks(LONG.saturating_mul(height).max(1)).zip(b.chunks(LONG.saturating_mul(width).max(1)));
    for (a, b) in blocks {
        let inner = a.len().checked_div(height).unwrap_or(0);
        let (a, b) = (Operand::transposed(a), Operand::plain(b));
        let out = &mut *out;
        backend.contract(Contraction { a, b, bias: &[], rows: height, inner, cols: width, add: true, out })?;
    }
    Ok(())
}

struct Linear;
impl<B: Backend> Operation<B> for Linear {
    const OP: &'static Op<B> = &Op {
        name: "linear",
        forward: |f: Forward<'_, '_, B>| {
            let [x, weight, bias] = f.inputs;
            f.backend.contract(Contraction {
                a: Operand::plain(x.values),
                b: Operand::transposed(weight.values),
                bias: bias.values,
                rows: x.rows(),
                inner: x.cols(),
                cols: weight.rows(),
                add: false,
                out: f.out,
            })
        },
        vjp: |mut v: Vjp<'_, B>| {
            let ([x, weight, _], g) = (v.inputs, v.upstream);
            let (rows, inputs, outputs) = (x.rows(), x.cols(), weight.rows());
            if let Some(out) = v.grads.get(0) {
                let (a, b) = (Operand::plain(g), Operand::plain(weight.values));
                v.backend.contract(Contraction {
                    a,
                    b,
                    bias: &[],
                    rows,
                    inner: outputs,
                    cols: inputs,
                    add: true,
                    out,
                })?;
            }
            if let Some(out) = v.grads.get(1) {
                add_sum_over_rows(v.backend, (g, outputs), (x.values, inputs), out)?;
            }
            if let Some(out) = v.grads.get(2) {
                v.backend.run(AddColumnSums { x: g, out });
            }
            Ok(())
        },
    };
}
