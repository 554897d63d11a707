//! Element by element: add, sub, mul, affine, abs_pow, select.

use super::{Forward, Op, Operation, Spec, Vjp};
use crate::check::check_power;
use crate::kernel::exp::{exp_any, ln};
use crate::kernel::lanes::{Function, Lanes};
use crate::kernel::pointwise::{Base, Pointwise};
use crate::{Argument, Backend, Error, Result, Tape, Var};

impl<B: Backend> Tape<'_, B> {
    /// a + b, of equal shapes.
    ///
    /// # Errors
    /// [`Error::Shape`] and those of [`Tape::record`].
    pub fn add(&mut self, a: Var, b: Var) -> Result<Var> {
        self.same_shape(a, b, Add::OP)
    }

    /// a - b, of equal shapes.
    ///
    /// # Errors
    /// [`Error::Shape`] and those of [`Tape::record`].
    pub fn sub(&mut self, a: Var, b: Var) -> Result<Var> {
        self.same_shape(a, b, Sub::OP)
    }

    /// a * b element by element, of equal shapes.
    ///
    /// # Errors
    /// [`Error::Shape`] and those of [`Tape::record`].
    pub fn mul(&mut self, a: Var, b: Var) -> Result<Var> {
        self.same_shape(a, b, Mul::OP)
    }

    /// scale * x + shift.
    ///
    /// # Errors
    /// Those of [`Tape::record`].
    pub fn affine(&mut self, x: Var, scale: f32, shift: f32) -> Result<Var> {
        let spec = Spec { config: [scale, shift, 0.0, 0.0], ..Spec::new(self.shape(x)?) };
        self.record(Affine::OP, &[x], spec)
    }

    /// |x|^power, for a power above 0. Powers 1, 1.5, 2 and 3 take multiplications and a square root; others an exp
    /// and a ln (about 4 ULP times the size of power * ln |x|). At x = 0 the gradient is 0 (for a power below 1 the
    /// true one is infinite). Defined for results up to e^87; beyond they are infinite.
    ///
    /// # Errors
    /// [`Error::Value`] for the power, and those of [`Tape::record`].
    #[inline] // Where the power is a constant, what other powers need is not linked.
    pub fn abs_pow(&mut self, x: Var, power: f32) -> Result<Var> {
        if power == 2.0 {
            let spec = Spec::new(self.shape(x)?);
            return self.record(Square::OP, &[x], spec);
        }
        check_power(power)?;
        let spec = Spec { config: [power, 0.0, 0.0, 0.0], ..Spec::new(self.shape(x)?) };
        self.record(AbsPow::OP, &[x], spec)
    }

    /// a where mask is not 0, else b; of equal shapes. The mask takes no gradient.
    ///
    /// # Errors
    /// [`Error::Shape`] and those of [`Tape::record`].
    pub fn select(&mut self, mask: Var, a: Var, b: Var) -> Result<Var> {
        self.expect_shape(Argument::Input, a, self.shape(mask)?)?;
        self.expect_shape(Argument::Input, b, self.shape(mask)?)?;
        let spec = Spec { differentiable: [false, true, true], ..Spec::new(self.shape(mask)?) };
        self.record(Select::OP, &[mask, a, b], spec)
    }

    fn same_shape(&mut self, a: Var, b: Var, op: &'static Op<B>) -> Result<Var> {
        let shape = self.shape(a)?;
        self.expect_shape(Argument::Input, b, shape)?;
        self.record(op, &[a, b], Spec::new(shape))
    }

    /// Refuses a tensor of another shape.
    pub(crate) fn expect_shape(&self, argument: Argument, x: Var, expected: crate::Shape) -> Result<()> {
        let got = self.shape(x)?;
        if got == expected { Ok(()) } else { Err(Error::Shape { argument, expected, got }) }
    }
}

/// Writes `f(inputs)`.
pub(super) fn write<B: Backend, F: Function<M>, const M: usize>(
    backend: &B,
    f: F,
    inputs: [&[f32]; M],
    out: &mut [f32],
) -> Result<()> {
    backend.run_rows(Pointwise { f, inputs, base: Base::Nothing, out });
    Ok(())
}

/// Adds `f(inputs)` to the gradient of input `i`, if it takes one.
pub(super) fn add_grad<B: Backend, F: Function<M>, const M: usize>(
    vjp: &mut Vjp<'_, B>,
    i: usize,
    f: F,
    inputs: [&[f32]; M],
) {
    if let Some((out, fresh)) = vjp.grads.get_fresh(i) {
        let base = if fresh { Base::Zero } else { Base::Out };
        vjp.backend.run_rows(Pointwise { f, inputs, base, out });
    }
}

/// x
#[derive(Clone, Copy)]
pub(super) struct Identity;
impl Function<1> for Identity {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        x
    }
}

/// scale * x + shift
#[derive(Clone, Copy)]
struct Line {
    scale: f32,
    shift: f32,
}
impl Function<1> for Line {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        x * L::splat(self.scale) + L::splat(self.shift)
    }
}

/// scale * x
#[derive(Clone, Copy)]
pub(super) struct Scale(pub(super) f32);
impl Function<1> for Scale {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        x * L::splat(self.0)
    }
}

#[derive(Clone, Copy)]
struct Add;
impl Function<2> for Add {
    #[inline(always)]
    fn call<L: Lanes>(self, [a, b]: [L; 2]) -> L {
        a + b
    }
}
impl<B: Backend> Operation<B> for Add {
    const OP: &'static Op<B> = &Op {
        name: "add",
        forward: |f: Forward<'_, '_, B>| write(f.backend, Add, [f.inputs[0].values, f.inputs[1].values], f.out),
        vjp: |mut v: Vjp<'_, B>| {
            let g = v.upstream;
            add_grad(&mut v, 0, Identity, [g]);
            add_grad(&mut v, 1, Identity, [g]);
            Ok(())
        },
    };
}

#[derive(Clone, Copy)]
struct Sub;
impl Function<2> for Sub {
    #[inline(always)]
    fn call<L: Lanes>(self, [a, b]: [L; 2]) -> L {
        a - b
    }
}
impl<B: Backend> Operation<B> for Sub {
    const OP: &'static Op<B> = &Op {
        name: "sub",
        forward: |f: Forward<'_, '_, B>| write(f.backend, Sub, [f.inputs[0].values, f.inputs[1].values], f.out),
        vjp: |mut v: Vjp<'_, B>| {
            let g = v.upstream;
            add_grad(&mut v, 0, Identity, [g]);
            add_grad(&mut v, 1, Scale(-1.0), [g]);
            Ok(())
        },
    };
}

#[derive(Clone, Copy)]
pub(super) struct Mul;
impl Function<2> for Mul {
    #[inline(always)]
    fn call<L: Lanes>(self, [a, b]: [L; 2]) -> L {
        a * b
    }
}
impl<B: Backend> Operation<B> for Mul {
    const OP: &'static Op<B> = &Op {
        name: "mul",
        forward: |f: Forward<'_, '_, B>| write(f.backend, Mul, [f.inputs[0].values, f.inputs[1].values], f.out),
        vjp: |mut v: Vjp<'_, B>| {
            let (g, a, b) = (v.upstream, v.inputs[0].values, v.inputs[1].values);
            add_grad(&mut v, 0, Mul, [g, b]);
            add_grad(&mut v, 1, Mul, [g, a]);
            Ok(())
        },
    };
}

struct Affine;
impl<B: Backend> Operation<B> for Affine {
    const OP: &'static Op<B> = &Op {
        name: "affine",
        forward: |f: Forward<'_, '_, B>| {
            let [scale, shift, ..] = f.config;
            write(f.backend, Line { scale, shift }, [f.inputs[0].values], f.out)
        },
        vjp: |mut v: Vjp<'_, B>| {
            let ([scale, ..], g) = (v.config, v.upstream);
            add_grad(&mut v, 0, Scale(scale), [g]);
            Ok(())
        },
    };
}

/// |x|^power; `power` 0 gives 1 (for the gradient of the first power).
#[inline(always)]
fn abs_power<L: Lanes>(x: L, power: f32) -> L {
    let x = x.abs();
    // One comparison for a whole slice's worth of lanes: `power` is the same for all of them.
    if power == 2.0 {
        x * x
    } else if power == 1.0 {
        x
    } else if power == 0.0 {
        L::splat(1.0)
    } else if power == 0.5 {
        x.sqrt()
    } else if power == 1.5 {
        x * x.sqrt()
    } else if power == 3.0 {
        x * x * x
    } else {
        L::select_eq(x, L::splat(0.0), x, exp_any(ln(x) * L::splat(power)))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Power(pub(super) f32);
impl Function<1> for Power {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        abs_power(x, self.0)
    }
}

/// g * power * |x|^(power - 1) * sign(x), 0 at 0
#[derive(Clone, Copy)]
pub(super) struct PowerVjp(pub(super) f32);
impl Function<2> for PowerVjp {
    #[inline(always)]
    fn call<L: Lanes>(self, [g, x]: [L; 2]) -> L {
        let zero = L::splat(0.0);
        let slope = L::splat(self.0) * x.apply(Power(self.0 - 1.0));
        let slope = L::select_lt(x, zero, slope.neg(), slope);
        g * L::select_eq(x, zero, zero, slope)
    }
}

/// 2 g x: the bits of [`PowerVjp`] for the power 2.
#[derive(Clone, Copy)]
pub(super) struct SquareVjp;
impl Function<2> for SquareVjp {
    #[inline(always)]
    fn call<L: Lanes>(self, [g, x]: [L; 2]) -> L {
        let zero = L::splat(0.0);
        g * L::select_eq(x, zero, zero, x + x)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Square;
impl Function<1> for Square {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        x * x
    }
}
impl<B: Backend> Operation<B> for Square {
    const OP: &'static Op<B> = &Op {
        name: "abs_pow",
        forward: |f: Forward<'_, '_, B>| write(f.backend, Square, [f.inputs[0].values], f.out),
        vjp: |mut v: Vjp<'_, B>| {
            let (g, x) = (v.upstream, v.inputs[0].values);
            add_grad(&mut v, 0, SquareVjp, [g, x]);
            Ok(())
        },
    };
}

struct AbsPow;
impl<B: Backend> Operation<B> for AbsPow {
    const OP: &'static Op<B> = &Op {
        name: "abs_pow",
        forward: |f: Forward<'_, '_, B>| write(f.backend, Power(f.config[0]), [f.inputs[0].values], f.out),
        vjp: |mut v: Vjp<'_, B>| {
            let (power, g, x) = (v.config[0], v.upstream, v.inputs[0].values);
            add_grad(&mut v, 0, PowerVjp(power), [g, x]);
            Ok(())
        },
    };
}

/// g where mask is (or is not) 0, else 0
#[derive(Clone, Copy)]
struct Gate {
    at_zero: bool,
}
impl Function<2> for Gate {
    #[inline(always)]
    fn call<L: Lanes>(self, [g, mask]: [L; 2]) -> L {
        let zero = L::splat(0.0);
        let (at_zero, elsewhere) = if self.at_zero { (g, zero) } else { (zero, g) };
        L::select_eq(mask, zero, at_zero, elsewhere)
    }
}

#[derive(Clone, Copy)]
struct Select;
impl Function<3> for Select {
    #[inline(always)]
    fn call<L: Lanes>(self, [mask, a, b]: [L; 3]) -> L {
        L::select_eq(mask, L::splat(0.0), b, a)
    }
}
impl<B: Backend> Operation<B> for Select {
    const OP: &'static Op<B> = &Op {
        name: "select",
        forward: |f: Forward<'_, '_, B>| {
            let [mask, a, b] = f.inputs;
            write(f.backend, Select, [mask.values, a.values, b.values], f.out)
        },
        vjp: |mut v: Vjp<'_, B>| {
            let (g, mask) = (v.upstream, v.inputs[0].values);
            add_grad(&mut v, 1, Gate { at_zero: false }, [g, mask]);
            add_grad(&mut v, 2, Gate { at_zero: true }, [g, mask]);
            Ok(())
        },
    };
}
