//! Moving values without computing: view, detach, repeat_rows, slice, column, concat.

use super::{Forward, Op, Operation, Spec, Vjp};
use crate::check::check_draws;
use crate::kernel::rows::{rows, rows_mut};
use crate::{Argument, Backend, Error, Result, Shape, Tape, Var};

impl<B: Backend> Tape<'_, B> {
    /// The same values under another shape of as many elements. No copy; values and gradient are shared.
    ///
    /// # Errors
    /// [`Error::Shape`] and those of [`Tape::record`].
    pub fn view(&mut self, x: Var, shape: Shape) -> Result<Var> {
        self.alias(x, shape, false)
    }

    /// The same values, through which no gradient flows. No copy.
    ///
    /// # Errors
    /// Those of [`Tape::record`].
    pub fn detach(&mut self, x: Var) -> Result<Var> {
        let shape = self.shape(x)?;
        self.alias(x, shape, true)
    }

    /// Each row `repeats` times in a row: row r becomes rows r * repeats .. (r + 1) * repeats, the order of a sample
    /// node's draws. The gradient sums them in order.
    ///
    /// # Errors
    /// [`Error::Value`] for 0 repeats, and those of [`Tape::record`].
    pub fn repeat_rows(&mut self, x: Var, repeats: u32) -> Result<Var> {
        check_draws(repeats as usize)?;
        let shape = self.shape(x)?;
        let rows = shape.rows.checked_mul(repeats).ok_or(Error::TooLarge)?;
        self.record(RepeatRows::OP, &[x], Spec::new(Shape::new(rows, shape.cols)))
    }

    /// Columns `start .. start + cols` of each row.
    ///
    /// # Errors
    /// [`Error::Value`] for columns outside the matrix, with the first such column, and those of [`Tape::record`].
    pub fn slice(&mut self, x: Var, start: u32, cols: u32) -> Result<Var> {
        let shape = self.shape(x)?;
        if start.checked_add(cols).is_none_or(|end| end > shape.cols) {
            return Err(Error::Value { argument: Argument::Columns, at: start.max(shape.cols) as usize });
        }
        self.record(Slice::OP, &[x], Spec { number: start, ..Spec::new(Shape::new(shape.rows, cols)) })
    }

    /// One column, rows x 1.
    ///
    /// # Errors
    /// As [`Tape::slice`].
    pub fn column(&mut self, x: Var, column: u32) -> Result<Var> {
        self.slice(x, column, 1)
    }

    /// The columns of a, then those of b; both have as many rows.
    ///
    /// # Errors
    /// [`Error::Shape`] and those of [`Tape::record`].
    pub fn concat(&mut self, a: Var, b: Var) -> Result<Var> {
        let (left, right) = (self.shape(a)?, self.shape(b)?);
        self.expect_shape(Argument::Input, b, Shape::new(left.rows, right.cols))?;
        let cols = left.cols.checked_add(right.cols).ok_or(Error::TooLarge)?;
        self.record(Concat::OP, &[a, b], Spec::new(Shape::new(left.rows, cols)))
    }
}

struct RepeatRows;
impl<B: Backend> Operation<B> for RepeatRows {
    const OP: &'static Op<B> = &Op {
        name: "repeat_rows",
        forward: |f: Forward<'_, '_, B>| {
            let [x, ..] = f.inputs;
            let repeats = f.shape.rows.checked_div(x.shape.rows).unwrap_or(0) as usize;
            for (x, copies) in rows(x.values, x.cols()).zip(rows_mut(f.out, x.cols() * repeats)) {
                for copy in rows_mut(copies, x.len()) {
                    copy_from(copy, x);
                }
            }
            Ok(())
        },
        vjp: |mut v: Vjp<'_, B>| {
            let cols = v.out.cols();
            let repeats = v.out.shape.rows.checked_div(v.inputs[0].shape.rows).unwrap_or(0) as usize;
            if let Some(grad) = v.grads.get(0) {
                for (grad, copies) in rows_mut(grad, cols).zip(rows(v.upstream, cols * repeats)) {
                    for copy in rows(copies, cols) {
                        add_to(grad, copy);
                    }
                }
            }
            Ok(())
        },
    };
}

struct Slice;
impl<B: Backend> Operation<B> for Slice {
    const OP: &'static Op<B> = &Op {
        name: "slice",
        forward: |f: Forward<'_, '_, B>| {
            let ([x, ..], start) = (f.inputs, f.number as usize);
            for (x, out) in rows(x.values, x.cols()).zip(rows_mut(f.out, f.shape.cols as usize)) {
                copy_from(out, x.get(start..start + out.len()).unwrap_or(&[]));
            }
            Ok(())
        },
        vjp: |mut v: Vjp<'_, B>| {
            let (x, start, cols) = (v.inputs[0], v.number as usize, v.out.cols());
            if let Some(grad) = v.grads.get(0) {
                for (grad, g) in rows_mut(grad, x.cols()).zip(rows(v.upstream, cols)) {
                    add_to(grad.get_mut(start..start + cols).unwrap_or_default(), g);
                }
            }
            Ok(())
        },
    };
}

struct Concat;
impl<B: Backend> Operation<B> for Concat {
    const OP: &'static Op<B> = &Op {
        name: "concat",
        forward: |f: Forward<'_, '_, B>| {
            let ([a, b, _], cols) = (f.inputs, f.shape.cols as usize);
            for (row, out) in rows_mut(f.out, cols).enumerate() {
                let (left, right) = out.split_at_mut_checked(a.cols()).unwrap_or_default();
                copy_from(left, row_of(a.values, row, a.cols()));
                copy_from(right, row_of(b.values, row, b.cols()));
            }
            Ok(())
        },
        vjp: |mut v: Vjp<'_, B>| {
            let ([a, b, _], cols) = (v.inputs, v.out.cols());
            for (i, start, width) in [(0, 0, a.cols()), (1, a.cols(), b.cols())] {
                if let Some(grad) = v.grads.get(i) {
                    for (grad, g) in rows_mut(grad, width).zip(rows(v.upstream, cols)) {
                        add_to(grad, g.get(start..start + width).unwrap_or(&[]));
                    }
                }
            }
            Ok(())
        },
    };
}

/// Row `row` of a matrix of `cols` columns.
fn row_of(x: &[f32], row: usize, cols: usize) -> &[f32] {
    x.get(row * cols..(row + 1) * cols).unwrap_or(&[])
}

/// Copies as many elements as both have; shapes have been compared.
pub(super) fn copy_from(out: &mut [f32], x: &[f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = *x;
    }
}

/// Adds as many elements as both have; shapes have been compared.
pub(super) fn add_to(grad: &mut [f32], g: &[f32]) {
    for (grad, g) in grad.iter_mut().zip(g) {
        *grad += g;
    }
}
