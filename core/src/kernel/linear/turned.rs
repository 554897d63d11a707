//! `b` as it lies in memory, turned a strip at a time: some of its columns become rows of a buffer, for
//! [`super::dots`].
//!
//! The terms of a running sum lie sixteen rows of `b` apart. In place they are read from as many pages, and where a
//! row's length is a power of two, through few lines of the cache. Turning is a small part of the work where there are
//! sixteen rows of `a` and more.

use super::{Contraction, dots};
use crate::kernel::LANES;
use crate::kernel::aligned::Aligned;
use crate::kernel::lanes::Lanes;
use crate::kernel::tile::{ZEROS, transpose_in};

/// How many numbers of `b` are turned at once: 32 KiB, on the stack.
const BUFFER: usize = 8 << 10;
/// Sums of fewer terms are as fast in place.
const LONG: usize = 192;

/// Whether turning pays, in strips of C columns at least.
#[inline(always)]
pub(super) fn pays<const C: usize>(c: &Contraction<'_>) -> bool {
    !c.a.transposed && !c.b.transposed && (LONG..=BUFFER / C).contains(&c.inner) && c.rows >= LANES && c.cols >= LANES
}

#[inline(always)]
pub(super) fn run<L: Lanes, const R: usize, const C: usize>(mut c: Contraction<'_>) {
    let out = core::mem::take(&mut c.out);
    let mut strip = Aligned([0.0; BUFFER]);
    let strip_width = BUFFER.checked_div(c.inner).unwrap_or(0).clamp(C, LANES) / C * C;
    let mut col = 0;
    while col < c.cols {
        let width = strip_width.min(c.cols - col);
        turn::<L>(c.b.values, c.cols, (col, width), c.inner, &mut strip.0);
        let mut row = 0;
        while row < c.rows {
            let a = c.a.values.get(row * c.inner..).unwrap_or(&[]);
            let out = out.get_mut(row * c.cols..).unwrap_or_default();
            row += dots::strip::<L, R, C>(&c, a, &strip.0, c.rows - row, (col, width), out);
        }
        col += width;
    }
}

/// Columns `first .. first + count` (up to sixteen) of a matrix of `cols` columns and `rows` rows become `count` rows
/// of `rows` numbers.
#[inline(always)]
fn turn<L: Lanes>(matrix: &[f32], cols: usize, (first, count): (usize, usize), rows: usize, turned: &mut [f32]) {
    let mut row = 0;
    while row < rows {
        let height = LANES.min(rows - row);
        let from = matrix.get(row * cols + first..).unwrap_or(&[]);
        let to = turned.get_mut(row..).unwrap_or_default();
        if height == LANES && count == LANES {
            // Both known: the loops unroll.
            turn_block::<L>(from, cols, LANES, LANES, to, rows);
        } else {
            turn_block::<L>(from, cols, height, count, to, rows);
        }
        row += height;
    }
}

/// `height` rows of `width` numbers, which begin `stride` apart, become `width` rows, which begin `turned_stride`
/// apart.
#[inline(always)]
fn turn_block<L: Lanes>(
    from: &[f32],
    stride: usize,
    height: usize,
    width: usize,
    to: &mut [f32],
    turned_stride: usize,
) {
    let (mut block, mut tile) = (Aligned([0.0; LANES * LANES]), ZEROS);
    for (row, part) in from.chunks(stride.max(1)).zip(block.chunks_mut(width.max(1))).take(height) {
        copy(row, part, width);
    }
    transpose_in::<L>(block.get(..height * width).unwrap_or(&[]), width, &mut tile);
    for (column, row) in tile.iter().take(width).zip(to.chunks_mut(turned_stride.max(1))) {
        copy(column, row, height);
    }
}

/// The first `count` numbers, sixteen in one piece.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32], count: usize) {
    match (from.first_chunk::<LANES>(), to.first_chunk_mut::<LANES>()) {
        (Some(from), Some(to)) if count == LANES => *to = *from,
        _ => {
            for (x, slot) in from.iter().zip(to).take(count) {
                *slot = *x;
            }
        }
    }
}
