//! A transposed `a` with `b` as it lies in memory, the gradient of a weight: lanes across the columns of the output, as
//! in [`super::columns`].
//!
//! In both factors the terms of a sum lie one row apart, those of a running sum sixteen rows. That touches too many
//! pages and, where a row's length is a power of two, too few sets of the cache. So blocks of both are first copied to
//! contiguous memory, in the order of their use. One block of `b` serves all rows of a block of `a`.

use super::Contraction;
use super::columns::{Tile, join, panel, store};
use crate::kernel::aligned::Aligned;
use crate::kernel::lanes::Lanes;
use crate::kernel::serial::bit_reversed;
use crate::kernel::{LANES, SHORT};

/// How many numbers are copied at once: 32 KiB, on the stack.
const BUFFER: usize = 8 << 10;

/// So many rows of `a` are worth the copy of a block of `b`.
const ROWS: usize = 16;

/// Whether blocks of C vectors pay, and fit.
#[inline(always)]
pub(super) fn pays<const C: usize>(c: &Contraction<'_>) -> bool {
    let fits = (SHORT + 1..=BUFFER / (C * LANES + ROWS)).contains(&c.inner);
    c.a.transposed && fits && c.rows >= ROWS && c.cols >= C * LANES
}

/// In tiles of R rows and C vectors.
#[inline(always)]
pub(super) fn run<L: Lanes, const R: usize, const C: usize>(mut c: Contraction<'_>) {
    let out = core::mem::take(&mut c.out);
    let (rows, cols) = (c.rows / R * R, c.cols / (C * LANES) * (C * LANES));
    let size_of_b = c.inner * C * LANES;
    let most_rows = (BUFFER - size_of_b.min(BUFFER)).checked_div(c.inner).unwrap_or(0) / R * R;
    let mut buffer = Aligned([0.0; BUFFER]);
    let (block_b, block_a) = buffer.split_at_mut_checked(size_of_b).unwrap_or_default();
    let mut row = 0;
    while row < rows && most_rows > 0 {
        let height = most_rows.min(rows - row);
        for (at, tile) in block_a.chunks_mut(c.inner * R).take(height / R).enumerate() {
            copy_terms(c.a.values, (c.rows, row + at * R, R), c.inner, tile);
        }
        let mut col = 0;
        while col < cols {
            copy_terms(c.b.values, (c.cols, col, C * LANES), c.inner, block_b);
            for (at, a) in block_a.chunks(c.inner * R).take(height / R).enumerate() {
                let sums = tile::<L, R, C>(a.as_chunks().0, block_b.as_chunks().0, c.inner);
                let out = out.get_mut((row + at * R) * c.cols..).unwrap_or_default();
                store(&c, &sums, col, out);
            }
            col += C * LANES;
        }
        row += height;
    }
    // What is left at the bottom, and on the right.
    let mut col = 0;
    while col < cols {
        panel::<L, R, C, true>(&c, col, rows, out);
        col += C * L::N;
    }
    while col < c.cols {
        panel::<L, R, 1, false>(&c, col, 0, out);
        col += L::N;
    }
}

/// Copies `width` columns from `first` on of a matrix of `cols` columns: row after row, in the order of the running
/// sums.
#[inline(always)]
fn copy_terms(matrix: &[f32], (cols, first, width): (usize, usize, usize), inner: usize, block: &mut [f32]) {
    let mut rest = block.chunks_mut(width);
    for turn in 0..LANES {
        let mut j = bit_reversed(turn);
        while j < inner {
            let row = matrix.get(j * cols + first..).unwrap_or(&[]);
            for (slot, x) in rest.next().unwrap_or_default().iter_mut().zip(row) {
                *slot = *x;
            }
            j += LANES;
        }
    }
}

/// The sums of a tile, from the terms of its rows and of its vectors.
#[inline(always)]
fn tile<L: Lanes, const R: usize, const C: usize>(a: &[[f32; R]], b: &[[f32; LANES]], inner: usize) -> Tile<L, R, C> {
    let mut waiting = [[[L::splat(0.0); C]; R]; 4];
    let mut total = [[L::splat(0.0); C]; R];
    let (mut a, mut b) = (a, b);
    for turn in 0..LANES {
        let terms = (inner - bit_reversed(turn)).div_ceil(LANES);
        let (these_a, rest_a) = a.split_at_checked(terms).unwrap_or_default();
        let (these_b, rest_b) = b.split_at_checked(terms * C).unwrap_or_default();
        (a, b) = (rest_a, rest_b);
        total = [[L::splat(0.0); C]; R];
        for (a, b) in these_a.iter().zip(these_b.as_chunks::<C>().0) {
            let mut columns = [L::splat(0.0); C];
            for (column, b) in columns.iter_mut().zip(b) {
                *column = L::load(b);
            }
            for (a, sums) in a.iter().zip(&mut total) {
                let a = L::splat(*a);
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = *sum + a * column;
                }
            }
        }
        join(turn, &mut waiting, &mut total);
    }
    total
}
