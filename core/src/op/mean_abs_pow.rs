//! Mean absolute power: the loss of the polynomial task, in one pass over its input each way.

use super::arithmetic::{Power, PowerVjp, Square, SquareVjp, add_grad, write};
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
    #[inline] // Where the power is a constant, what other powers need is not linked.
    pub fn mean_abs_pow(&mut self, x: Var, shift: f32, power: f32) -> Result<Var> {
        check_power(power)?;
        let len = self.shape(x)?.len().max(1) as f32;
        let spec = Spec { config: [shift, power, len, 0.0], ..Spec::new(Shape::SCALAR) };
        // Comparing powers for each step of the lanes takes longer than squaring.
        let op = if power == 2.0 { MeanSquare::OP } else { MeanAbsPow::OP };
        self.record(op, &[x], spec)
    }
}

/// f(x + shift)
#[derive(Clone, Copy)]
struct Shifted<F> {
    f: F,
    shift: f32,
}
impl<F: Function<1>> Function<1> for Shifted<F> {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        self.f.call([x + L::splat(self.shift)])
    }
}

/// The VJP of f(x + shift), given that of f.
#[derive(Clone, Copy)]
struct ShiftedVjp<F> {
    vjp: F,
    shift: f32,
    upstream: f32,
}
impl<F: Function<2>> Function<1> for ShiftedVjp<F> {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        // Adding 0 makes -0 a 0, as the gradients between the three operations would.
        L::splat(0.0) + self.vjp.call([L::splat(self.upstream), x + L::splat(self.shift)])
    }
}

/// Writes the mean of f(x + shift).
fn mean<B: Backend>(f: Forward<'_, '_, B>, term: impl Function<1>) -> Result<()> {
    let [shift, _, len, _] = f.config;
    let sum = f.backend.run(SumOf { f: Shifted { f: term, shift }, x: f.inputs[0].values });
    write(f.backend, Constant(sum / len), [], f.out)
}

/// Its gradient, given the VJP of f.
fn pull_back<B: Backend>(mut v: Vjp<'_, B>, vjp: impl Function<2>) -> Result<()> {
    let ([shift, _, len, _], x) = (v.config, v.inputs[0].values);
    let upstream = 0.0 + v.upstream.first().copied().unwrap_or(0.0) / len;
    add_grad(&mut v, 0, ShiftedVjp { vjp, shift, upstream }, [x]);
    Ok(())
}

struct MeanAbsPow;
impl<B: Backend> Operation<B> for MeanAbsPow {
    const OP: &'static Op<B> = &Op {
        name: "mean_abs_pow",
        forward: |f: Forward<'_, '_, B>| {
            let [_, power, ..] = f.config;
            mean(f, Power(power))
        },
        vjp: |v: Vjp<'_, B>| {
            let [_, power, ..] = v.config;
            pull_back(v, PowerVjp(power))
        },
    };
}

struct MeanSquare;
impl<B: Backend> Operation<B> for MeanSquare {
    const OP: &'static Op<B> = &Op {
        name: "mean_abs_pow",
        forward: |f: Forward<'_, '_, B>| mean(f, Square),
        vjp: |v: Vjp<'_, B>| pull_back(v, SquareVjp),
    };
}
