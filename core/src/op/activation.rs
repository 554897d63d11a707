//! Activations: relu, leaky_relu, sigmoid, tanh.

use super::arithmetic::{add_grad, write};
use super::{Forward, Op, Operation, Spec, Vjp};
use crate::kernel::exp;
use crate::kernel::lanes::{Function, Lanes};
use crate::{Backend, Result, Tape, Var};

impl<B: Backend> Tape<'_, B> {
    /// max(x, 0); gradient 0 at 0.
    ///
    /// # Errors
    /// Those of [`Tape::record`].
    pub fn relu(&mut self, x: Var) -> Result<Var> {
        let spec = Spec::new(self.shape(x)?);
        self.record(Relu::OP, &[x], spec)
    }

    /// x above 0, slope * x elsewhere; gradient `slope` at 0.
    ///
    /// # Errors
    /// Those of [`Tape::record`].
    pub fn leaky_relu(&mut self, x: Var, slope: f32) -> Result<Var> {
        let spec = Spec { config: [slope, 0.0, 0.0, 0.0], ..Spec::new(self.shape(x)?) };
        self.record(LeakyRelu::OP, &[x], spec)
    }

    /// 1 / (1 + e^-x), at most 2.5 ULP off. Cost: an exponential and a division an element; nothing saved, as the
    /// gradient takes the output.
    ///
    /// # Errors
    /// Those of [`Tape::record`].
    pub fn sigmoid(&mut self, x: Var) -> Result<Var> {
        let spec = Spec::new(self.shape(x)?);
        self.record(Sigmoid::OP, &[x], spec)
    }

    /// tanh x, at most 1.6 ULP off. Cost: an exponential and a division an element; nothing saved, as the gradient
    /// takes the output.
    ///
    /// # Errors
    /// Those of [`Tape::record`].
    pub fn tanh(&mut self, x: Var) -> Result<Var> {
        let spec = Spec::new(self.shape(x)?);
        self.record(Tanh::OP, &[x], spec)
    }
}

#[derive(Clone, Copy)]
struct ReluVjp;
impl Function<2> for ReluVjp {
    #[inline(always)]
    fn call<L: Lanes>(self, [g, x]: [L; 2]) -> L {
        L::select_lt(L::splat(0.0), x, g, L::splat(0.0))
    }
}

/// x above 0, NaN where x is, else 0: a product with 0 would make NaN of -inf, and -0 of the rest.
#[derive(Clone, Copy)]
struct Relu;
impl Function<1> for Relu {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        let zero = L::splat(0.0);
        L::select_lt(zero, x, x, L::select_eq(x, x, zero, x))
    }
}
impl<B: Backend> Operation<B> for Relu {
    const OP: &'static Op<B> = &Op {
        name: "relu",
        forward: |f: Forward<'_, '_, B>| write(f.backend, Relu, [f.inputs[0].values], f.out),
        vjp: |mut v: Vjp<'_, B>| {
            let (g, x) = (v.upstream, v.inputs[0].values);
            add_grad(&mut v, 0, ReluVjp, [g, x]);
            Ok(())
        },
    };
}

#[derive(Clone, Copy)]
struct Leaky(f32);
impl Function<1> for Leaky {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        L::select_lt(L::splat(0.0), x, x, x * L::splat(self.0))
    }
}

#[derive(Clone, Copy)]
struct LeakyVjp(f32);
impl Function<2> for LeakyVjp {
    #[inline(always)]
    fn call<L: Lanes>(self, [g, x]: [L; 2]) -> L {
        L::select_lt(L::splat(0.0), x, g, g * L::splat(self.0))
    }
}

struct LeakyRelu;
impl<B: Backend> Operation<B> for LeakyRelu {
    const OP: &'static Op<B> = &Op {
        name: "leaky_relu",
        forward: |f: Forward<'_, '_, B>| write(f.backend, Leaky(f.config[0]), [f.inputs[0].values], f.out),
        vjp: |mut v: Vjp<'_, B>| {
            let (slope, g, x) = (v.config[0], v.upstream, v.inputs[0].values);
            add_grad(&mut v, 0, LeakyVjp(slope), [g, x]);
            Ok(())
        },
    };
}

/// g y (1 - y)
#[derive(Clone, Copy)]
struct SigmoidVjp;
impl Function<2> for SigmoidVjp {
    #[inline(always)]
    fn call<L: Lanes>(self, [g, y]: [L; 2]) -> L {
        g * (y * (L::splat(1.0) - y))
    }
}

#[derive(Clone, Copy)]
struct Sigmoid;
impl Function<1> for Sigmoid {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        exp::sigmoid(x)
    }
}
impl<B: Backend> Operation<B> for Sigmoid {
    const OP: &'static Op<B> = &Op {
        name: "sigmoid",
        forward: |f: Forward<'_, '_, B>| write(f.backend, Sigmoid, [f.inputs[0].values], f.out),
        vjp: |mut v: Vjp<'_, B>| {
            let (g, y) = (v.upstream, v.out.values);
            add_grad(&mut v, 0, SigmoidVjp, [g, y]);
            Ok(())
        },
    };
}

/// g (1 - y^2)
#[derive(Clone, Copy)]
struct TanhVjp;
impl Function<2> for TanhVjp {
    #[inline(always)]
    fn call<L: Lanes>(self, [g, y]: [L; 2]) -> L {
        g * (L::splat(1.0) - y * y)
    }
}

#[derive(Clone, Copy)]
struct Tanh;
impl Function<1> for Tanh {
    #[inline(always)]
    fn call<L: Lanes>(self, [x]: [L; 1]) -> L {
        exp::tanh(x)
    }
}
impl<B: Backend> Operation<B> for Tanh {
    const OP: &'static Op<B> = &Op {
        name: "tanh",
        forward: |f: Forward<'_, '_, B>| write(f.backend, Tanh, [f.inputs[0].values], f.out),
        vjp: |mut v: Vjp<'_, B>| {
            let (g, y) = (v.upstream, v.out.values);
            add_grad(&mut v, 0, TanhVjp, [g, y]);
            Ok(())
        },
    };
}
