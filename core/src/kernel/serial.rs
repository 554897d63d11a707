//! One lane: rows of any length through one body.
//!
//! With sixteen lanes short rows lie across them and long ones along them, and each needs its own instructions. With
//! one lane the two differ in the order of sums alone, which a row's length decides as it runs.

use super::lanes::{Lanes, Sums};
use super::rows::{Direction, RowBody, rows_mut};
use super::{LANES, SHORT};

/// The elements of one row, one after the other, whatever its length.
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
    fn greatest(x: L) -> L {
        x
    }
    #[inline(always)]
    fn reciprocal(x: L) -> L {
        L::splat(1.0) / x
    }
    #[inline(always)]
    fn category(step: usize) -> L {
        L::splat(step as f32)
    }
    #[inline(always)]
    fn pick(row: &[f32], index: L) -> L {
        L::splat(row.get(index.first() as usize).copied().unwrap_or(0.0) + 0.0)
    }
}

/// [`super::rows::for_rows`] with one lane.
#[inline(always)]
pub(super) fn one_by_one<L: Lanes, B: RowBody<IN>, const IN: usize>(
    body: &mut B,
    k: usize,
    mut inputs: [&[f32]; IN],
    out: &mut [f32],
) -> Result<(), usize> {
    for (row, out) in rows_mut(out, k).enumerate() {
        let mut group: [&[f32]; IN] = [&[]; IN];
        for (group, rest) in group.iter_mut().zip(&mut inputs) {
            (*group, *rest) = rest.split_at_checked(k).unwrap_or((rest, &[]));
        }
        if !body.group::<L, Serial>(group, out) {
            return Err(row);
        }
    }
    Ok(())
}

/// The sum of a[j] * b[j], in the order that the length of `a` asks for. Elements that `b` lacks count as 1, so an
/// empty `b` gives the sum of `a`. All dot products and sums of rows that are at hand as a whole.
#[inline(never)]
pub(super) fn sum_of_products(a: &[f32], b: &[f32]) -> f32 {
    if a.len() <= SHORT {
        return strided(a, b, 0, 1);
    }
    let (mut tree, mut sum) = (FoldTree::new(), [0.0]);
    for turn in 0..LANES {
        sum = [strided(a, b, bit_reversed(turn), LANES)];
        tree.carry(turn, &mut sum);
    }
    let [sum] = sum;
    sum
}

/// Products `first`, `first + stride`, .. in order.
fn strided(a: &[f32], b: &[f32], first: usize, stride: usize) -> f32 {
    let (mut sum, mut j) = (0.0, first);
    while let Some(a) = a.get(j) {
        sum += a * b.get(j).unwrap_or(&1.0);
        j += stride;
    }
    sum
}

/// 0, 8, 4, 12, 2, ..: which running sum is computed in turn 0, 1, 2, ..
pub(crate) fn bit_reversed(turn: usize) -> usize {
    turn.reverse_bits() >> (usize::BITS - LANES.ilog2())
}

/// Folds sixteen sums (rows of K numbers) 8, 4, 2, 1 as they are computed, one after the other in bit-reversed order:
/// then the fold is a plain binary tree over neighbours, and no more than four of them wait at a time.
#[derive(Debug)]
pub(super) struct FoldTree<const K: usize> {
    waiting: [[f32; K]; 4],
}

impl<const K: usize> FoldTree<K> {
    /// Before the first turn.
    pub(super) fn new() -> Self {
        FoldTree { waiting: [[0.0; K]; 4] }
    }

    /// Takes the sum of a turn. As in a binary counter, equal-sized neighbours are added at once. After the last turn
    /// `sum` is the total.
    pub(super) fn carry(&mut self, turn: usize, sum: &mut [f32; K]) {
        for (level, waiting) in self.waiting.iter_mut().enumerate() {
            if turn >> level & 1 == 0 {
                *waiting = *sum;
                break;
            }
            for (sum, waiting) in sum.iter_mut().zip(waiting) {
                *sum += *waiting;
            }
        }
    }
}
