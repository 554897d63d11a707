//! Losses and regularisers, one number for each row: bce_with_logits, cross_entropy, entropy, kl_to_uniform. `sum` or
//! `mean` finishes them.

use super::{Forward, Op, Operation, Spec, Vjp};
use crate::check::product;
use crate::kernel::exp::{exp_nonpositive, ln, ln_1p_unit, sigmoid};
use crate::kernel::lanes::{Function, Lanes};
use crate::kernel::loss::{AddCrossEntropyVjp, AddRowProducts, CrossEntropyRows, RowSums};
use crate::{Argument, Backend, Error, Result, Shape, Tape, Var};

impl<B: Backend> Tape<'_, B> {
    /// Binary cross-entropy of each element, summed over the columns of a row: n x 1. Targets are in [0, 1] and take no
    /// gradient. max(x, 0) - x t + ln(1 + e^-|x|), which overflows for no finite logit. Cost: an
    /// exponential and a logarithm an element, nothing saved.
    ///
    /// # Errors
    /// [`Error::Shape`] and those of [`Tape::record`].
    pub fn bce_with_logits(&mut self, logits: Var, targets: Var) -> Result<Var> {
        let shape = self.shape(logits)?;
        self.expect_shape(Argument::Targets, targets, shape)?;
        let spec = Spec { differentiable: [true, false, false], ..Spec::new(Shape::new(shape.rows, 1)) };
        self.record(BceWithLogits::OP, &[logits, targets], spec)
    }

    /// -ln of the softmax at each row's class: n x 1. `classes` is n x 1, whole numbers held as floats (exact up to
    /// 2^24); it takes no gradient. Cost: an exponential an element, forward and backward. Saves two floats a row.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Logits`], [`Error::NoCategories`], [`Error::Value`] for a class beyond the columns,
    /// and those of [`Tape::record`].
    pub fn cross_entropy(&mut self, logits: Var, classes: Var) -> Result<Var> {
        let shape = self.shape(logits)?;
        if shape.cols == 0 {
            return Err(Error::NoCategories);
        }
        let column = Shape::new(shape.rows, 1);
        self.expect_shape(Argument::Targets, classes, column)?;
        let saved = product(shape.rows as usize, 2)?;
        let spec = Spec { differentiable: [true, false, false], saved, ..Spec::new(column) };
        self.record(CrossEntropy::OP, &[logits, classes], spec)
    }

    /// -sum p ln p of each row: n x 1. 0 ln 0 is 0, and a probability of 0 gets no gradient. A row with a negative
    /// number (logits in place of probabilities) gives NaN. Cost: a logarithm an element, forward and backward; nothing
    /// saved.
    ///
    /// # Errors
    /// Those of [`Tape::record`].
    pub fn entropy(&mut self, probs: Var) -> Result<Var> {
        self.plogp(probs, -1.0, 0.0)
    }

    /// sum p ln p + ln k of each row: the Kullback-Leibler divergence from the uniform distribution over k columns, n x
    /// 1. 0 ln 0 is 0, a probability of 0 gets no gradient, and a negative one gives NaN.
    ///
    /// # Errors
    /// Those of [`Tape::record`].
    pub fn kl_to_uniform(&mut self, probs: Var) -> Result<Var> {
        let k = self.shape(probs)?.cols;
        self.plogp(probs, 1.0, libm::logf(k.max(1) as f32))
    }

    fn plogp(&mut self, probs: Var, sign: f32, shift: f32) -> Result<Var> {
        let rows = self.shape(probs)?.rows;
        let spec = Spec { config: [sign, shift, 0.0, 0.0], ..Spec::new(Shape::new(rows, 1)) };
        self.record(PLogP::OP, &[probs], spec)
    }
}

/// max(x, 0) - x t + ln(1 + e^-|x|), the first two without a difference of large numbers: (1 - t) x, or -t x below 0.
#[derive(Clone, Copy)]
struct BinaryCrossEntropy;
impl Function<2> for BinaryCrossEntropy {
    #[inline(always)]
    fn call<L: Lanes>(self, [x, t]: [L; 2]) -> L {
        let zero = L::splat(0.0);
        x * L::select_lt(zero, x, L::splat(1.0) - t, t.neg()) + ln_1p_unit(exp_nonpositive(x.abs().neg()))
    }
}

/// sigmoid(x) - t
#[derive(Clone, Copy)]
struct SigmoidMinusTarget;
impl Function<2> for SigmoidMinusTarget {
    #[inline(always)]
    fn call<L: Lanes>(self, [x, t]: [L; 2]) -> L {
        sigmoid(x) - t
    }
}

struct BceWithLogits;
impl<B: Backend> Operation<B> for BceWithLogits {
    const OP: &'static Op<B> = &Op {
        name: "bce_with_logits",
        forward: |f: Forward<'_, '_, B>| {
            let [logits, targets, _] = f.inputs;
            let (a, b, cols) = (logits.values, targets.values, logits.cols());
            f.backend.run(RowSums { term: BinaryCrossEntropy, a, b, cols, scale: 1.0, shift: 0.0, out: f.out });
            Ok(())
        },
        vjp: |mut v: Vjp<'_, B>| {
            let [logits, targets, _] = v.inputs;
            if let Some(grad) = v.grads.get(0) {
                let (a, b, cols) = (logits.values, targets.values, logits.cols());
                let upstream = v.upstream;
                v.backend.run(AddRowProducts { term: SigmoidMinusTarget, a, b, upstream, cols, scale: 1.0, grad });
            }
            Ok(())
        },
    };
}

/// `y` where p > 0, 0 where p is 0; NaN where p is negative, which [`ln`] would not see, or NaN.
#[inline(always)]
fn where_positive<L: Lanes>(p: L, y: L) -> L {
    let zero = L::splat(0.0);
    L::select_lt(zero, p, y, L::select_eq(p, zero, zero, L::splat(f32::NAN)))
}

/// p ln p, 0 at 0
#[derive(Clone, Copy)]
struct PTimesLogP;
impl Function<2> for PTimesLogP {
    #[inline(always)]
    fn call<L: Lanes>(self, [p, _]: [L; 2]) -> L {
        where_positive(p, p * ln(p))
    }
}

/// ln p + 1, 0 at 0
#[derive(Clone, Copy)]
struct LogPPlusOne;
impl Function<2> for LogPPlusOne {
    #[inline(always)]
    fn call<L: Lanes>(self, [p, _]: [L; 2]) -> L {
        where_positive(p, ln(p) + L::splat(1.0))
    }
}

struct PLogP;
impl<B: Backend> Operation<B> for PLogP {
    const OP: &'static Op<B> = &Op {
        name: "p_ln_p",
        forward: |f: Forward<'_, '_, B>| {
            let ([p, ..], [scale, shift, ..]) = (f.inputs, f.config);
            let (a, cols) = (p.values, p.cols());
            f.backend.run(RowSums { term: PTimesLogP, a, b: a, cols, scale, shift, out: f.out });
            Ok(())
        },
        vjp: |mut v: Vjp<'_, B>| {
            let ([p, ..], [scale, ..]) = (v.inputs, v.config);
            if let Some(grad) = v.grads.get(0) {
                let (a, cols, upstream) = (p.values, p.cols(), v.upstream);
                v.backend.run(AddRowProducts { term: LogPPlusOne, a, b: a, upstream, cols, scale, grad });
            }
            Ok(())
        },
    };
}

struct CrossEntropy;
impl<B: Backend> Operation<B> for CrossEntropy {
    const OP: &'static Op<B> = &Op {
        name: "cross_entropy",
        forward: |f: Forward<'_, '_, B>| {
            let [logits, classes, _] = f.inputs;
            let (k, logits, classes) = (logits.cols(), logits.values, classes.values);
            f.backend.run(CrossEntropyRows { logits, classes, k, saved: f.saved, out: f.out })
        },
        vjp: |mut v: Vjp<'_, B>| {
            let [logits, classes, _] = v.inputs;
            if let Some(grad) = v.grads.get(0) {
                let (k, logits, classes) = (logits.cols(), logits.values, classes.values);
                let (upstream, saved) = (v.upstream, v.saved);
                v.backend.run(AddCrossEntropyVjp { logits, classes, upstream, saved, k, grad });
            }
            Ok(())
        },
    };
}
