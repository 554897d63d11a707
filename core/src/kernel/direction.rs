//! How a row lies in the lanes, and what follows from it for sums, maxima and categories.
//!
//! [`Across`]: each lane has a row of its own (k <= 16). [`Along`]: the lanes run along one row (k > 16). `Serial`:
//! one lane, rows of any length.

use super::SHORT;
use super::lanes::{Lanes, Sums};
use super::serial::sum_of_products;

/// What differs between lanes across rows and lanes along a row.
pub trait Direction<L: Lanes> {
    /// Whether the lanes lie along one row.
    const ALONG: bool;
    /// A sum in progress.
    type Sum: Copy;
    /// An empty sum for a row of `len` elements: the length decides the order of its terms.
    fn zero(len: usize) -> Self::Sum;
    /// Adds step `step` to a sum.
    fn add(sum: &mut Self::Sum, step: usize, x: L);
    /// The sum of each lane's row.
    fn total(sum: Self::Sum) -> L;
    /// The greatest element of each lane's row, from the greatest of each lane.
    #[inline(always)]
    fn reduce_max(x: L) -> L {
        x
    }
    /// 1 / x, x a total.
    #[inline(always)]
    fn reciprocal(x: L) -> L {
        L::splat(1.0) / x
    }
    /// The category that each lane holds in step `step`.
    #[inline(always)]
    fn category(step: usize) -> L {
        L::splat(step as f32)
    }
    /// The element of each lane's row that `index` names, 0 in place of -0; 0 where it names none.
    #[inline(always)]
    fn pick(row: &[f32], index: L) -> L {
        let mut sum = L::splat(0.0);
        for (step, x) in row.chunks(L::N).enumerate() {
            sum = sum + L::select_eq(index, Self::category(step), L::load(x), L::splat(0.0));
        }
        sum
    }
}

/// Lanes across rows: each lane has a row of its own (k <= 16).
#[derive(Debug)]
pub struct Across;

/// Lanes along one row (k > 16).
#[derive(Debug)]
pub struct Along;

impl<L: Lanes> Direction<L> for Across {
    const ALONG: bool = false;
    type Sum = L;
    #[inline(always)]
    fn zero(_len: usize) -> L {
        L::splat(0.0)
    }
    #[inline(always)]
    fn add(sum: &mut L, _step: usize, x: L) {
        *sum = *sum + x;
    }
    #[inline(always)]
    fn total(sum: L) -> L {
        sum
    }
}

impl<L: Lanes> Direction<L> for Along {
    const ALONG: bool = true;
    type Sum = L::Sums;
    #[inline(always)]
    fn zero(_len: usize) -> L::Sums {
        L::Sums::zero()
    }
    #[inline(always)]
    fn add(sum: &mut L::Sums, step: usize, x: L) {
        sum.add(step, x);
    }
    #[inline(always)]
    fn total(sum: L::Sums) -> L {
        L::splat(sum.fold())
    }
    #[inline(always)]
    fn reduce_max(x: L) -> L {
        L::splat(x.reduce_max())
    }
    #[inline(always)]
    fn reciprocal(x: L) -> L {
        // All lanes are the same: one division costs a quarter of sixteen.
        L::splat(1.0 / x.first())
    }
    #[inline(always)]
    fn category(step: usize) -> L {
        L::splat((step * L::N) as f32) + L::iota()
    }
    #[inline(always)]
    fn pick(row: &[f32], index: L) -> L {
        // All lanes hold the same index. The sum that finds an element of a short row makes 0 of -0, and so does this
        // one.
        L::splat(row.get(index.first() as usize).copied().unwrap_or(0.0) + 0.0)
    }
}

/// The elements of one row, one after the other, whatever its length: with one lane short and long rows differ in the
/// order of their sums alone, which the length decides as it runs.
#[derive(Debug)]
pub(crate) struct Serial;

/// A sum in the order that the length of its row asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SerialSum<L: Lanes> {
    /// In order: up to 16 terms.
    Short(L),
    /// Sixteen running sums.
    Long(L::Sums),
}

impl<L: Lanes> Direction<L> for Serial {
    const ALONG: bool = true;
    type Sum = SerialSum<L>;
    #[inline(always)]
    fn zero(len: usize) -> SerialSum<L> {
        if len > SHORT { SerialSum::Long(L::Sums::zero()) } else { SerialSum::Short(L::splat(0.0)) }
    }
    #[inline(always)]
    fn add(sum: &mut SerialSum<L>, step: usize, x: L) {
        match sum {
            SerialSum::Short(sum) => *sum = *sum + x,
            SerialSum::Long(sums) => sums.add(step, x),
        }
    }
    #[inline(always)]
    fn total(sum: SerialSum<L>) -> L {
        match sum {
            SerialSum::Short(sum) => sum,
            SerialSum::Long(sums) => L::splat(sums.fold()),
        }
    }
    #[inline(always)]
    fn pick(row: &[f32], index: L) -> L {
        L::splat(row.get(index.first() as usize).copied().unwrap_or(0.0) + 0.0)
    }
}

/// The dot product of each lane's rows.
#[inline(always)]
pub fn dot<L: Lanes, D: Direction<L>>(a: &[f32], b: &[f32]) -> L {
    if L::N == 1 {
        return L::splat(sum_of_products(a, b));
    }
    let mut sum = D::zero(a.len());
    for (step, (a, b)) in a.chunks(L::N).zip(b.chunks(L::N)).enumerate() {
        D::add(&mut sum, step, L::load(a) * L::load(b));
    }
    D::total(sum)
}
