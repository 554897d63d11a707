//! Sums over all elements.

use super::arithmetic::{add_grad, write};
use super::{Forward, Op, Operation, Spec, Vjp};
use crate::kernel::lanes::{Function, Lanes};
use crate::kernel::reduce;
use crate::{Backend, Result, Shape, Tape, Var};

impl<B: Backend> Tape<'_, B> {
    /// The sum of all elements, 1 x 1.
    ///
    /// # Errors
    /// Those of [`Tape::record`].
    pub fn sum(&mut self, x: Var) -> Result<Var> {
        self.divided_sum(x, 1.0)
    }

    /// The mean of all elements, 1 x 1; 0 for an empty tensor.
    ///
    /// # Errors
    /// Those of [`Tape::record`].
    pub fn mean(&mut self, x: Var) -> Result<Var> {
        let len = self.shape(x)?.len();
        self.divided_sum(x, len.max(1) as f32)
    }

    fn divided_sum(&mut self, x: Var, divisor: f32) -> Result<Var> {
        let spec = Spec { config: [divisor, 0.0, 0.0, 0.0], ..Spec::new(Shape::SCALAR) };
        self.record(DividedSum::OP, &[x], spec)
    }
}

/// A number, whatever the element.
#[derive(Clone, Copy)]
pub(super) struct Constant(pub(super) f32);
impl Function<0> for Constant {
    #[inline(always)]
    fn call<L: Lanes>(self, []: [L; 0]) -> L {
        L::splat(self.0)
    }
}

struct DividedSum;
impl<B: Backend> Operation<B> for DividedSum {
    const OP: &'static Op<B> = &Op {
        name: "sum",
        forward: |f: Forward<'_, '_, B>| {
            let sum = f.backend.run(reduce::Sum { x: f.inputs[0].values });
            write(f.backend, Constant(sum / f.config[0]), [], f.out)
        },
        vjp: |mut v: Vjp<'_, B>| {
            let slope = v.upstream.first().copied().unwrap_or(0.0) / v.config[0];
            add_grad(&mut v, 0, Constant(slope), []);
            Ok(())
        },
    };
}
