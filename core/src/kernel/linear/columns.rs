//! `b` as it lies in memory: lanes across the columns of the output.
//!
//! A sum of more than 16 terms has sixteen running sums. They are computed one after the other, each for a whole tile
//! of the output, in bit-reversed order (0, 8, 4, 12, 2, ..): in that order folding them 8, 4, 2, 1 is a plain binary
//! tree over neighbours, and no more than four tiles wait at a time.

use super::Contraction;
use crate::kernel::lanes::Lanes;
use crate::kernel::serial::bit_reversed;
use crate::kernel::{LANES, SHORT};

/// R rows of C vectors.
type Tile<L, const R: usize, const C: usize> = [[L; C]; R];

#[inline(always)]
pub(super) fn run<L: Lanes, const R: usize, const C: usize>(mut c: Contraction<'_>) {
    let out = core::mem::take(&mut c.out);
    let whole_rows = c.rows / R * R;
    let mut rest = out;
    let mut row = 0;
    while row < c.rows {
        let count = if row < whole_rows { R } else { 1 };
        let (block, tail) = rest.split_at_mut_checked(count * c.cols).unwrap_or_default();
        rest = tail;
        let mut col = 0;
        while col < c.cols {
            let wide = c.cols - col >= C * L::N;
            match (count == R, wide) {
                (true, true) => tile::<L, R, C>(&c, row, col, block),
                (true, false) => tile::<L, R, 1>(&c, row, col, block),
                (false, true) => tile::<L, 1, C>(&c, row, col, block),
                (false, false) => tile::<L, 1, 1>(&c, row, col, block),
            }
            col += if wide { C * L::N } else { L::N };
        }
        row += count;
    }
}

/// R rows from `row` on, C vectors from column `col` on; `out` begins at `row`.
#[inline(always)]
fn tile<L: Lanes, const R: usize, const C: usize>(c: &Contraction<'_>, row: usize, col: usize, out: &mut [f32]) {
    let sums = if c.inner <= SHORT {
        partial::<L, R, C>(c, row, col, 0, 1)
    } else {
        let mut waiting = [[[L::splat(0.0); C]; R]; 4];
        let mut total = [[L::splat(0.0); C]; R];
        for turn in 0..LANES {
            total = partial::<L, R, C>(c, row, col, bit_reversed(turn), LANES);
            // As in a binary counter: equal-sized neighbours are added at once.
            for (level, waiting) in waiting.iter_mut().enumerate() {
                if turn >> level & 1 == 0 {
                    *waiting = total;
                    break;
                }
                for (total, waiting) in total.iter_mut().zip(waiting) {
                    for (total, waiting) in total.iter_mut().zip(waiting) {
                        *total = *waiting + *total;
                    }
                }
            }
        }
        total
    };
    for (r, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            let col = col + v * L::N;
            let start = r * c.cols + col;
            if let Some(out) = out.get_mut(start..start + L::N.min(c.cols - col)) {
                Contraction::finish(c.bias, c.add, col, *sum, out);
            }
        }
    }
}

/// The sum of terms `first`, `first + step`, .. for each element of a tile.
#[inline(always)]
fn partial<L: Lanes, const R: usize, const C: usize>(
    c: &Contraction<'_>,
    row: usize,
    col: usize,
    first: usize,
    step: usize,
) -> Tile<L, R, C> {
    let mut sums = [[L::splat(0.0); C]; R];
    // Where a row's elements begin, and how far apart two neighbours lie.
    let (row_stride, term_stride) = if c.a.transposed { (1, c.rows) } else { (c.inner, 1) };
    let width = (C * L::N).min(c.cols - col);
    let mut j = first;
    while j < c.inner {
        let start = j * c.cols + col;
        let mut b = c.b.values.get(start..start + width).unwrap_or(&[]);
        let mut columns = [L::splat(0.0); C];
        for column in &mut columns {
            *column = L::load(b);
            b = b.get(L::N..).unwrap_or(&[]);
        }
        let mut at = row * row_stride + j * term_stride;
        for sums in &mut sums {
            let a = L::splat(c.a.values.get(at).copied().unwrap_or(0.0));
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = *sum + a * column;
            }
            at += row_stride;
        }
        j += step;
    }
    sums
}
