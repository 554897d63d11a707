//! Losses of rows: sums of a function of each element, cross-entropy, and their vector-Jacobian products.

use super::direction::Along;
use super::exp::{exp_nonpositive, ln};
use super::lanes::{Function, Lanes, Sums};
use super::rows::{rows, rows_mut, steps, whole_number};
use super::softmax::row_max;
use super::{LANES, SHORT};
use crate::{Argument, Error, Kernel, Result};

/// `out[r] = shift + scale * sum over the row of term(a, b)`. `b` may be `a`.
#[derive(Debug)]
pub(crate) struct RowSums<'a, T> {
    pub(crate) term: T,
    pub(crate) a: &'a [f32],
    pub(crate) b: &'a [f32],
    pub(crate) cols: usize,
    pub(crate) scale: f32,
    pub(crate) shift: f32,
    pub(crate) out: &'a mut [f32],
}

impl<T: Function<2>> Kernel for RowSums<'_, T> {
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
                let mut terms = [0.0; LANES];
                self.term.call([L::load(a), L::load(b)]).store(&mut terms);
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
#[derive(Debug)]
pub(crate) struct AddRowProducts<'a, T> {
    pub(crate) term: T,
    pub(crate) a: &'a [f32],
    pub(crate) b: &'a [f32],
    pub(crate) upstream: &'a [f32],
    pub(crate) cols: usize,
    pub(crate) scale: f32,
    pub(crate) grad: &'a mut [f32],
}

impl<T: Function<2>> Kernel for AddRowProducts<'_, T> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let operands = rows(self.a, self.cols).zip(rows(self.b, self.cols));
        for (((a, b), grad), g) in operands.zip(rows_mut(self.grad, self.cols)).zip(self.upstream) {
            let g = L::splat(g * self.scale);
            for ((a, b), grad) in steps::<L>(a).zip(steps::<L>(b)).zip(grad.chunks_mut(L::N)) {
                (L::load(grad) + g * self.term.call([L::load(a), L::load(b)])).store(grad);
            }
        }
    }
}

/// Cross-entropy of each row; saves the row's maximum and the reciprocal of its sum of exponentials.
#[derive(Debug)]
pub(crate) struct CrossEntropyRows<'a> {
    pub(crate) logits: &'a [f32],
    pub(crate) classes: &'a [f32],
    pub(crate) k: usize,
    pub(crate) saved: &'a mut [f32],
    pub(crate) out: &'a mut [f32],
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
                    let mut terms = [0.0; LANES];
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
#[derive(Debug)]
pub(crate) struct AddCrossEntropyVjp<'a> {
    pub(crate) logits: &'a [f32],
    pub(crate) classes: &'a [f32],
    pub(crate) upstream: &'a [f32],
    pub(crate) saved: &'a [f32],
    pub(crate) k: usize,
    pub(crate) grad: &'a mut [f32],
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
