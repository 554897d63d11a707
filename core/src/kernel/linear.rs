//! Matrix products: one contraction for all of them, forward and backward.

use super::lanes::Lanes;
use super::reduce::{Dot, fold_lanes};
use super::{LANES, SHORT};
use crate::error::check_len;
use crate::{Argument, Error, Kernel, Result};

/// `out[i, c] = bias[c] + sum over j of a[i, j] * b[j, c]`, or `out += ..`.
///
/// The sum over j runs in order up to 16 terms; a longer one goes into sixteen running sums, folded 8, 4, 2, 1. The
/// bias is added last. Cost: rows * inner * cols multiplications and additions.
///
/// # Errors
/// [`Error::Length`] where a slice does not have the size that `rows`, `inner` and `cols` give it.
#[derive(Debug)]
pub struct Contraction<'a> {
    /// rows x inner, or inner x rows where transposed.
    pub a: Operand<'a>,
    /// inner x cols, or cols x inner where transposed.
    pub b: Operand<'a>,
    /// cols elements, or none.
    pub bias: &'a [f32],
    /// rows of `out`.
    pub rows: usize,
    /// Terms of each sum.
    pub inner: usize,
    /// columns of `out`.
    pub cols: usize,
    /// Whether the product is added to `out` instead of written.
    pub add: bool,
    /// rows x cols.
    pub out: &'a mut [f32],
}

/// A factor of a [`Contraction`], row-major.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// The elements.
    pub values: &'a [f32],
    /// Whether rows and columns change places.
    pub transposed: bool,
}

impl<'a> Operand<'a> {
    /// The matrix as it is.
    pub fn plain(values: &'a [f32]) -> Self {
        Operand { values, transposed: false }
    }

    /// The matrix with rows and columns exchanged.
    pub fn transposed(values: &'a [f32]) -> Self {
        Operand { values, transposed: true }
    }
}

impl Contraction<'_> {
    /// Compares the lengths of all slices with the sizes.
    ///
    /// # Errors
    /// [`Error::Length`] for the first that differs, [`Error::TooLarge`] for a size beyond `usize`.
    pub fn check(&self) -> Result<()> {
        let size = |x: usize, y: usize| x.checked_mul(y).ok_or(Error::TooLarge);
        check_len(Argument::Input, self.a.values.len(), size(self.rows, self.inner)?)?;
        check_len(Argument::Weight, self.b.values.len(), size(self.inner, self.cols)?)?;
        check_len(Argument::Output, self.out.len(), size(self.rows, self.cols)?)?;
        if self.bias.is_empty() { Ok(()) } else { check_len(Argument::Bias, self.bias.len(), self.cols) }
    }

    /// Element (i, j) of `a`.
    #[inline(always)]
    fn a(&self, i: usize, j: usize) -> f32 {
        let at = if self.a.transposed { j * self.rows + i } else { i * self.inner + j };
        self.a.values.get(at).copied().unwrap_or(0.0)
    }

    /// Row `c` of a transposed `b`, dotted with row i of `a`.
    #[inline(always)]
    fn dot<L: Lanes>(&self, i: usize, c: usize) -> f32 {
        let row = |x: &'_ [f32], at: usize| -> core::ops::Range<usize> {
            let start = (at * self.inner).min(x.len());
            start..(start + self.inner).min(x.len())
        };
        let b = self.b.values.get(row(self.b.values, c)).unwrap_or(&[]);
        if self.a.transposed {
            // Row i of `a` is a column in memory.
            let mut sums = [0.0; LANES];
            for (j, b) in b.iter().enumerate() {
                if let Some(sum) = sums.get_mut(if self.inner > SHORT { j % LANES } else { 0 }) {
                    *sum += self.a(i, j) * b;
                }
            }
            return super::lanes::fold(sums);
        }
        let a = self.a.values.get(row(self.a.values, i)).unwrap_or(&[]);
        Dot { a, b }.run::<L>()
    }

    /// Up to N columns of row i, from column c.
    #[inline(always)]
    fn columns<L: Lanes>(&self, i: usize, c: usize, width: usize) -> L {
        let mut sums = [L::splat(0.0); LANES];
        let long = self.inner > SHORT;
        for j in 0..self.inner {
            let start = j * self.cols + c;
            let b = self.b.values.get(start..start + width).unwrap_or(&[]);
            if let Some(sum) = sums.get_mut(if long { j % LANES } else { 0 }) {
                *sum = *sum + L::splat(self.a(i, j)) * L::load(b);
            }
        }
        fold_lanes(sums)
    }
}

impl Kernel for Contraction<'_> {
    type Out = Result<()>;
    #[inline(always)]
    fn run<L: Lanes>(mut self) -> Result<()> {
        self.check()?;
        let out = core::mem::take(&mut self.out);
        for (i, out) in super::rows::rows_mut(out, self.cols).enumerate() {
            for (block, out) in out.chunks_mut(L::N).enumerate() {
                let c = block * L::N;
                let product = if self.b.transposed {
                    let mut dots = [0.0; LANES];
                    for (offset, dot) in dots.iter_mut().take(out.len()).enumerate() {
                        *dot = self.dot::<L>(i, c + offset);
                    }
                    L::load(&dots)
                } else {
                    self.columns::<L>(i, c, out.len())
                };
                let bias = L::load(self.bias.get(c..).unwrap_or(&[]));
                let product = if self.bias.is_empty() { product } else { product + bias };
                let product = if self.add { L::load(out) + product } else { product };
                product.store(out);
            }
        }
        Ok(())
    }
}
