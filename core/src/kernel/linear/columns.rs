//! `b` as it lies in memory: lanes across the columns of the output.
//!
//! A sum of more than 16 terms has sixteen running sums. They are computed one after the other, each for a whole tile
//! of the output, in bit-reversed order (0, 8, 4, 12, 2, ..): in that order folding them 8, 4, 2, 1 is a plain binary
//! tree over neighbours, and no more than four tiles wait at a time.

use super::{Contraction, rows_of};
use crate::kernel::lanes::Lanes;
use crate::kernel::serial::bit_reversed;
use crate::kernel::{LANES, SHORT};

/// R rows of C vectors.
pub(super) type Tile<L, const R: usize, const C: usize> = [[L; C]; R];

/// Panel by panel: the columns of `b` that a tile has read are still near for the rows that follow.
#[inline(always)]
pub(super) fn run<L: Lanes, const R: usize, const C: usize>(mut c: Contraction<'_>) {
    let out = core::mem::take(&mut c.out);
    let mut col = 0;
    while col < c.cols {
        if L::N > 1 && c.cols - col >= C * L::N {
            panel::<L, R, C, true>(&c, col, 0, out);
            col += C * L::N;
        } else {
            panel::<L, R, 1, false>(&c, col, 0, out);
            col += L::N;
        }
    }
}

/// C vectors of columns from column `col` on, for all rows from `row` on. `WHOLE`: there are as many columns as that.
#[inline(always)]
pub(super) fn panel<L: Lanes, const R: usize, const C: usize, const WHOLE: bool>(
    c: &Contraction<'_>,
    col: usize,
    mut row: usize,
    out: &mut [f32],
) {
    while row < c.rows {
        let out = out.get_mut(row * c.cols..).unwrap_or_default();
        if R > 1 && c.rows - row >= R {
            tile::<L, R, C, WHOLE>(c, row, col, out);
            row += R;
        } else {
            tile::<L, 1, C, WHOLE>(c, row, col, out);
            row += 1;
        }
    }
}

/// R rows from `row` on, C vectors from column `col` on; `out` begins at `row`.
#[inline(always)]
fn tile<L: Lanes, const R: usize, const C: usize, const WHOLE: bool>(
    c: &Contraction<'_>,
    row: usize,
    col: usize,
    out: &mut [f32],
) {
    let sums = if c.inner <= SHORT {
        partial::<L, R, C, WHOLE>(c, row, col, 0, 1)
    } else {
        let mut waiting = [[[L::splat(0.0); C]; R]; 4];
        let mut total = [[L::splat(0.0); C]; R];
        for turn in 0..LANES {
            total = partial::<L, R, C, WHOLE>(c, row, col, bit_reversed(turn), LANES);
            join(turn, &mut waiting, &mut total);
        }
        total
    };
    store(c, &sums, col, out);
}

/// Adds the running sum of turn `turn` to those before it, as in a binary counter: equal-sized neighbours at once.
/// After the last turn `total` is the sum of all.
#[inline(always)]
pub(super) fn join<L: Lanes, const R: usize, const C: usize>(
    turn: usize,
    waiting: &mut [Tile<L, R, C>; 4],
    total: &mut Tile<L, R, C>,
) {
    for (level, waiting) in waiting.iter_mut().enumerate() {
        if turn >> level & 1 == 0 {
            *waiting = *total;
            break;
        }
        for (total, waiting) in total.iter_mut().zip(waiting) {
            for (total, waiting) in total.iter_mut().zip(waiting) {
                *total = *waiting + *total;
            }
        }
    }
}

/// Finishes a tile whose columns begin at `col`; `out` begins at its first row.
#[inline(always)]
pub(super) fn store<L: Lanes, const R: usize, const C: usize>(
    c: &Contraction<'_>,
    sums: &Tile<L, R, C>,
    col: usize,
    out: &mut [f32],
) {
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
fn partial<L: Lanes, const R: usize, const C: usize, const WHOLE: bool>(
    c: &Contraction<'_>,
    row: usize,
    col: usize,
    first: usize,
    step: usize,
) -> Tile<L, R, C> {
    if L::N == 1 {
        return [[L::splat(single(c, row, col, first, step)); C]; R];
    }
    let mut sums = [[L::splat(0.0); C]; R];
    // Lengths that the compiler knows or knows to be equal: nothing is compared with an end but where a slice begins.
    let rows = if c.a.transposed { None } else { rows_of::<R>(c.a.values, row, c.inner) };
    let width = if WHOLE { C * L::N } else { L::N.min(c.cols - col) };
    let mut j = first;
    while j < c.inner {
        let start = j * c.cols + col;
        let Some(b) = c.b.values.get(start..start + width) else { break };
        let mut columns = [L::splat(0.0); C];
        for (v, column) in columns.iter_mut().enumerate() {
            *column = L::load(b.get(v * L::N..).unwrap_or(&[]));
        }
        let factors = match &rows {
            Some(rows) => term(rows, j),
            None => c.a.values.get(j * c.rows + row..).and_then(|a| a.first_chunk()).copied().unwrap_or([0.0; R]),
        };
        for (a, sums) in factors.into_iter().zip(&mut sums) {
            let a = L::splat(a);
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = *sum + a * column;
            }
        }
        j += step;
    }
    sums
}

/// Element j of each row.
#[inline(always)]
fn term<const R: usize>(rows: &[&[f32]; R], j: usize) -> [f32; R] {
    let mut term = [0.0; R];
    for (element, row) in term.iter_mut().zip(rows) {
        *element = row.get(j).copied().unwrap_or(0.0);
    }
    term
}

/// [`partial`] where a vector is one number, and a tile too.
#[inline(always)]
fn single(c: &Contraction<'_>, row: usize, col: usize, first: usize, step: usize) -> f32 {
    let (row_stride, term_stride) = if c.a.transposed { (1, c.rows) } else { (c.inner, 1) };
    let (mut a, mut b) = (row * row_stride + first * term_stride, first * c.cols + col);
    let (mut sum, mut j) = (0.0, first);
    while j < c.inner {
        sum += c.a.values.get(a).copied().unwrap_or(0.0) * c.b.values.get(b).copied().unwrap_or(0.0);
        (a, b, j) = (a + step * term_stride, b + step * c.cols, j + step);
    }
    sum
}
