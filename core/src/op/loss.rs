//! Losses and regularisers, one number for each row: bce_with_logits, cross_entropy, entropy, kl_to_uniform. `sum` or
//! `mean` finishes them.

use super::lookup::whole_number;
use super::{Forward, Op, Operation, Spec, Vjp};
use crate::error::product;
use crate::kernel::exp::{exp_nonpositive, ln, ln_1p_unit, sigmoid};
use crate::kernel::lanes::{Lanes, Sums};
use crate::kernel::rows::{rows, rows_mut, steps};
use crate::kernel::softmax::row_max;
use crate::kernel::{SHORT, rows::Along};
use crate::{Argument, Backend, Error, Kernel, Result, Shape, Tape, Var};

impl<B: Backend> Tape<'_, B> {
    /// Binary cross-entropy of each element, summed over the columns of a row: n x 1. Targets are in [0, 1] and take no
    /// gradient. max(x, 0) - x t + ln(1 + e^-|x|), which overflows nowhere. Cost: an
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

/// A function of an element of each of two matrices, to be summed over a row.
trait Term: Copy {
    fn call<L: Lanes>(self, a: L, b: L) -> L;
}

/// `out[r] = shift + scale * sum over the row of term(a, b)`. `b` may be `a`.
struct RowSums<'a, T> {
    term: T,
    a: &'a [f32],
    b: &'a [f32],
    cols: usize,
    scale: f32,
    shift: f32,
    out: &'a mut [f32],
}

impl<T: Term> Kernel for RowSums<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        if self.cols == 0 {
            // Rows without elements are none to `rows`.
            return self.out.fill(self.shift);
        }
        let operands = rows(self.a, self.cols).zip(rows(self.b, self.cols));
        for ((a, b), out) in operands.zip(self.out) {
            let mut sums = L::Sums::zero();
            let mut sum = 0.0;
            for (step, (a, b)) in steps::<L>(a).zip(steps::<L>(b)).enumerate() {
                let mut terms = [0.0; crate::kernel::LANES];
                self.term.call(L::load(a), L::load(b)).store(&mut terms);
                if self.cols <= SHORT {
                    sum = terms.iter().take(a.len()).fold(sum, |sum, term| sum + term);
                } else {
                    sums.add(step, L::load(terms.get(..a.len()).unwrap_or(&terms)));
                }
            }
            *out = (if self.cols <= SHORT { sum } else { sums.fold() }) * self.scale + self.shift;
        }
    }
}

/// `grad += upstream[r] * scale * term(a, b)` for each element of row r.
struct AddRowProducts<'a, T> {
    term: T,
    a: &'a [f32],
    b: &'a [f32],
    upstream: &'a [f32],
    cols: usize,
    scale: f32,
    grad: &'a mut [f32],
}

impl<T: Term> Kernel for AddRowProducts<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let operands = rows(self.a, self.cols).zip(rows(self.b, self.cols));
        for (((a, b), grad), g) in operands.zip(rows_mut(self.grad, self.cols)).zip(self.upstream) {
            let g = L::splat(g * self.scale);
            for ((a, b), grad) in steps::<L>(a).zip(steps::<L>(b)).zip(grad.chunks_mut(L::N)) {
                (L::load(grad) + g * self.term.call(L::load(a), L::load(b))).store(grad);
            }
        }
    }
}

/// max(x, 0) - x t + ln(1 + e^-|x|)
#[derive(Clone, Copy)]
struct BinaryCrossEntropy;
impl Term for BinaryCrossEntropy {
    #[inline(always)]
    fn call<L: Lanes>(self, x: L, t: L) -> L {
        (x.max(L::splat(0.0)) - x * t) + ln_1p_unit(exp_nonpositive(x.abs().neg()))
    }
}

/// sigmoid(x) - t
#[derive(Clone, Copy)]
struct SigmoidMinusTarget;
impl Term for SigmoidMinusTarget {
    #[inline(always)]
    fn call<L: Lanes>(self, x: L, t: L) -> L {
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
impl Term for PTimesLogP {
    #[inline(always)]
    fn call<L: Lanes>(self, p: L, _: L) -> L {
        where_positive(p, p * ln(p))
    }
}

/// ln p + 1, 0 at 0
#[derive(Clone, Copy)]
struct LogPPlusOne;
impl Term for LogPPlusOne {
    #[inline(always)]
    fn call<L: Lanes>(self, p: L, _: L) -> L {
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

/// Cross-entropy of each row; saves the row's maximum and the reciprocal of its sum of exponentials.
struct CrossEntropyRows<'a> {
    logits: &'a [f32],
    classes: &'a [f32],
    k: usize,
    saved: &'a mut [f32],
    out: &'a mut [f32],
}

impl Kernel for CrossEntropyRows<'_> {
    type Out = Result<()>;
    #[inline(always)]
    fn run<L: Lanes>(self) -> Result<()> {
        let operands = rows(self.logits, self.k).zip(self.classes).zip(rows_mut(self.saved, 2)).zip(self.out);
        for (row, (((logits, class), saved), out)) in operands.enumerate() {
            let bad = Error::Value { argument: Argument::Targets, at: row };
            let class = whole_number(*class, self.k).ok_or(bad)?;
            let max = row_max::<L, Along>(logits);
            let mut sums = L::Sums::zero();
            let mut sum = 0.0;
            for (step, x) in logits.chunks(L::N).enumerate() {
                let e = exp_nonpositive(L::load_or(x, f32::NEG_INFINITY) - max);
                if self.k <= SHORT {
                    let mut terms = [0.0; crate::kernel::LANES];
                    e.store(&mut terms);
                    sum = terms.iter().take(x.len()).fold(sum, |sum, term| sum + term);
                } else {
                    sums.add(step, e);
                }
            }
            let total = L::splat(if self.k <= SHORT { sum } else { sums.fold() });
            if !total.all_positive_finite() {
                return Err(Error::Logits { row });
            }
            max.store(saved.get_mut(..1).unwrap_or_default());
            (L::splat(1.0) / total).store(saved.get_mut(1..).unwrap_or_default());
            let at_class = L::splat(logits.get(class).copied().unwrap_or(0.0));
            (ln(total) - (at_class - max)).store(core::slice::from_mut(out));
        }
        Ok(())
    }
}

/// `grad += upstream[r] * (softmax - one_hot(class))`.
struct AddCrossEntropyVjp<'a> {
    logits: &'a [f32],
    classes: &'a [f32],
    upstream: &'a [f32],
    saved: &'a [f32],
    k: usize,
    grad: &'a mut [f32],
}

impl Kernel for AddCrossEntropyVjp<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let operands = rows(self.logits, self.k).zip(rows(self.saved, 2)).zip(self.classes).zip(self.upstream);
        for ((((logits, saved), class), g), grad) in operands.zip(rows_mut(self.grad, self.k)) {
            let (max, inverse) = match saved {
                [max, inverse] => (L::splat(*max), L::splat(*inverse)),
                _ => return,
            };
            for (x, grad) in logits.chunks(L::N).zip(grad.chunks_mut(L::N)) {
                let p = exp_nonpositive(L::load(x) - max) * inverse;
                (L::load(grad) + L::splat(*g) * p).store(grad);
            }
            if let Some(grad) = whole_number(*class, self.k).and_then(|class| grad.get_mut(class)) {
                *grad -= g;
            }
        }
    }
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
