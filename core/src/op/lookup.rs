//! Rows and categories by number: gather_rows, argmax_one_hot.

use super::layout::{add_to, copy_from};
use super::{Forward, Op, Operation, Spec, Vjp};
use crate::kernel::rows::{argmax, rows, rows_mut, whole_number};
use crate::{Argument, Backend, Error, Result, Shape, Tape, Var};

impl<B: Backend> Tape<'_, B> {
    /// Row `index[r]` of `table` for each row r of `index` (n x 1; whole numbers held as floats, exact up to 2^24): an
    /// embedding. The index takes no gradient.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Value`] for an index that is no row of the table, and those of [`Tape::record`].
    pub fn gather_rows(&mut self, table: Var, index: Var) -> Result<Var> {
        let (table_shape, index_shape) = (self.shape(table)?, self.shape(index)?);
        self.expect_shape(Argument::Index, index, Shape::new(index_shape.rows, 1))?;
        let spec =
            Spec { differentiable: [true, false, false], ..Spec::new(Shape::new(index_shape.rows, table_shape.cols)) };
        self.record(GatherRows::OP, &[table, index], spec)
    }

    /// The one-hot row of each row's greatest element, the first of equals: how a trained model is evaluated. No
    /// gradient flows through it.
    ///
    /// # Errors
    /// [`Error::NoCategories`], [`Error::Logits`] for a row with NaN or with nothing but -inf, and those of
    /// [`Tape::record`].
    pub fn argmax_one_hot(&mut self, x: Var) -> Result<Var> {
        let shape = self.shape(x)?;
        if shape.cols == 0 {
            return Err(Error::NoCategories);
        }
        self.record(ArgmaxOneHot::OP, &[x], Spec { differentiable: [false; 3], ..Spec::new(shape) })
    }
}

struct GatherRows;
impl<B: Backend> Operation<B> for GatherRows {
    const OP: &'static Op<B> = &Op {
        name: "gather_rows",
        forward: |f: Forward<'_, '_, B>| {
            let [table, index, _] = f.inputs;
            for (at, (index, out)) in index.values.iter().zip(rows_mut(f.out, table.cols())).enumerate() {
                let bad = Error::Value { argument: Argument::Index, at };
                let row = whole_number(*index, table.rows()).ok_or(bad)?;
                copy_from(out, table.values.get(row * out.len()..).unwrap_or(&[]));
            }
            Ok(())
        },
        vjp: |mut v: Vjp<'_, B>| {
            let [table, index, _] = v.inputs;
            if let Some(grad) = v.grads.get(0) {
                for (index, g) in index.values.iter().zip(rows(v.upstream, table.cols())) {
                    if let Some(row) = whole_number(*index, table.rows()) {
                        add_to(grad.get_mut(row * g.len()..).unwrap_or_default(), g);
                    }
                }
            }
            Ok(())
        },
    };
}

struct ArgmaxOneHot;
impl<B: Backend> Operation<B> for ArgmaxOneHot {
    const OP: &'static Op<B> = &Op {
        name: "argmax_one_hot",
        forward: |f: Forward<'_, '_, B>| {
            let [x, ..] = f.inputs;
            for (row, (x, out)) in rows(x.values, x.cols()).zip(rows_mut(f.out, x.cols())).enumerate() {
                let at = argmax(x).ok_or(Error::Logits { row })?;
                out.fill(0.0);
                if let Some(out) = out.get_mut(at as usize) {
                    *out = 1.0;
                }
            }
            Ok(())
        },
        vjp: |_: Vjp<'_, B>| Ok(()),
    };
}
