//! Sums with one lane, in the order that all lanes use: up to 16 terms one after the other, more into sixteen running
//! sums, which one lane computes one at a time and folds as they come.

use super::{LANES, SHORT};

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
