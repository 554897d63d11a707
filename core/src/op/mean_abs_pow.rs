//! Mean absolute power: the loss of the polynomial task, in one pass over its input each way.

use super::arithmetic::{Power, PowerVjp, add_grad, write};
use super::reduce::Constant;
use super::{Forward, Op, Operation, Spec, Vjp};
use crate::check::check_power;
use crate::kernel::lanes::{Function, Lanes};
use crate::kernel::reduce::SumOf;
use crate::{Backend, Result, Shape, Tape, Var};

impl<B: Backend> Tape<'_, B> {
    /// The mean of |x + shift|^power over all elements, 1 x 1; 0 for an empty tensor. The bits are those of
    /// [`Tape::affine`], [`Tape::abs_pow`] and [`Tape::mean`] in a row; what lies between them is never written.
    ///
    /// # Errors
    /// As [`Tape::abs_pow`].
    pub fn mean_abs_pow(&mut self, x: Var, shift: f32, power: f32) -> Result<Var> {
        check_power(power)?;
        let len = self.shape(x)?.len().max(1) as f32;
        self.record(MeanAbsPow::OP, &[x], Spec { config: [shift, power, len, 0.0], ..Spec::new(Shape::SCALAR) })
    }
}

/// |x + shift|^power
#[derive(Clone, Copy)]
struct ShiftedPower {
    shift: f32,
    power: f32,
}
impl Function<1> for ShiftedPower {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        Power(self.power).call([x + L::splat(self.shift)])
    }
}

/// slope * power * |x + shift|^(power - 1) * sign(x + shift)
#[derive(Clone, Copy)]
struct ShiftedPowerVjp {
    shift: f32,
    power: f32,
    slope: f32,
}
impl Function<1> for ShiftedPowerVjp {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        // Adding 0 makes -0 a 0, as the gradients between the three operations would.
        L::splat(0.0) + PowerVjp(self.power).call([L::splat(self.slope), x + L::splat(self.shift)])
    }
}

struct MeanAbsPow;
impl<B: Backend> Operation<B> for MeanAbsPow {
    const OP: &'static Op<B> = &Op {
        name: "mean_abs_pow",
        forward: |f: Forward<'_, '_, B>| {
            let [shift, power, len, _] = f.config;
            let sum = f.backend.run(SumOf { f: ShiftedPower { shift, power }, x: f.inputs[0].values });
            write(f.backend, Constant(sum / len), [], f.out)
        },
        vjp: |mut v: Vjp<'_, B>| {
            let ([shift, power, len, _], x) = (v.config, v.inputs[0].values);
            let slope = 0.0 + v.upstream.first().copied().unwrap_or(0.0) / len;
            add_grad(&mut v, 0, ShiftedPowerVjp { shift, power, slope }, [x]);
            Ok(())
        },
    };
}
