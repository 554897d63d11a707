//! Matrix products: one contraction for all of them, forward and backward.
//!
//! Two bodies: with rows of `b` in hand the lanes lie across its columns (`columns`), with a transposed `b` along the
//! terms of a sum (`dots`). Either keeps a tile of the output in registers, so that each number that is loaded is used
//! several times; [`Lanes::REGISTERS`] sets the tile's size. The order of a sum does not depend on it.

mod columns;
mod dots;
mod packed;
mod turned;

use super::lanes::Lanes;
use super::rows::{cut, cut_mut};
use crate::check::{check_len, product};
use crate::{Argument, Kernel, Result, Split};

/// `out[i, c] = bias[c] + sum over j of a[i, j] * b[j, c]`, or `out += ..`.
///
/// The sum over j runs in order up to 16 terms; a longer one goes into sixteen running sums, folded 8, 4, 2, 1. The
/// bias is added last. Cost: rows * inner * cols multiplications and additions. Stack: up to 34 KiB on lanes with eight
/// registers and more (AVX2, AVX-512, NEON), where parts of the factors are copied.
///
/// # Errors
/// [`crate::Error::Length`] where a slice does not have the size that `rows`, `inner` and `cols` give it.
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
    /// [`crate::Error::Length`] for the first that differs, [`crate::Error::TooLarge`] for a size beyond `usize`.
    pub fn check(&self) -> Result<()> {
        check_len(Argument::Input, self.a.values.len(), product(self.rows, self.inner)?)?;
        check_len(Argument::Weight, self.b.values.len(), product(self.inner, self.cols)?)?;
        check_len(Argument::Output, self.out.len(), product(self.rows, self.cols)?)?;
        if self.bias.is_empty() { Ok(()) } else { check_len(Argument::Bias, self.bias.len(), self.cols) }
    }
}

impl Kernel for Contraction<'_> {
    type Out = Result<()>;
    #[inline(always)]
    fn run<L: Lanes>(self) -> Result<()> {
        self.check()?;
        if self.cols == 0 || self.rows == 0 {
            return Ok(());
        }
        match (L::N > 1, L::REGISTERS) {
            (true, 32..) => self.tiled::<L, 4, 4, 4, 4, 2>(),
            (true, 8..) => self.tiled::<L, 2, 2, 4, 1, 1>(),
            _ => self.tiled::<L, 1, 1, 1, 1, 1>(),
        }
        Ok(())
    }
}

impl Split for Contraction<'_> {
    fn rows(&self) -> usize {
        // The rows of a transposed `a` do not lie side by side.
        if self.a.transposed || self.check().is_err() { 1 } else { self.rows }
    }
    fn work(&self) -> usize {
        // A multiplication costs less than what other kernels do for a number.
        self.rows.saturating_mul(self.inner).saturating_mul(self.cols) / 8
    }
    fn split(self, row: usize) -> (Self, Self) {
        let (a, b) = cut(self.a.values, self.inner, row);
        let (out_a, out_b) = cut_mut(self.out, self.cols, row);
        let (row, rest) = (row.min(self.rows), self.rows.saturating_sub(row));
        (
            Contraction { a: Operand::plain(a), out: out_a, rows: row, ..self },
            Contraction { a: Operand::plain(b), out: out_b, rows: rest, ..self },
        )
    }
}

impl Contraction<'_> {
    /// In tiles of R rows and C columns, of S rows and V vectors of columns, or of S rows and P vectors that are
    /// copied.
    #[inline(always)]
    fn tiled<L: Lanes, const R: usize, const C: usize, const S: usize, const V: usize, const P: usize>(self) {
        if self.b.transposed {
            dots::run::<L, R, C>(self);
        } else if R > 1 && turned::pays::<C>(&self) {
            turned::run::<L, R, C>(self);
        } else if S > 1 && packed::pays::<P>(&self) {
            packed::run::<L, S, P>(self);
        } else {
            columns::run::<L, S, V>(self);
        }
    }

    /// Finishes up to N neighbouring elements: adds the bias of column `col` on, and what `out` holds where asked to.
    #[inline(always)]
    fn finish<L: Lanes>(bias: &[f32], add: bool, col: usize, product: L, out: &mut [f32]) {
        let product = match bias.get(col..) {
            Some(bias) if !bias.is_empty() => product + L::load(bias.get(..out.len()).unwrap_or(bias)),
            _ => product,
        };
        let product = if add { L::load(out) + product } else { product };
        product.store(out);
    }
}

/// N rows of `inner` elements, from row `first` on.
#[inline(always)]
fn rows_of<const N: usize>(values: &[f32], first: usize, inner: usize) -> Option<[&[f32]; N]> {
    let mut rows: [&[f32]; N] = [&[]; N];
    for (r, row) in rows.iter_mut().enumerate() {
        *row = values.get((first + r) * inner..)?.get(..inner)?;
    }
    Some(rows)
}
