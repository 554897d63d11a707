//! A transposed `b`: each element of the output is the dot product of two rows, and lanes lie along them.

use super::Contraction;
use crate::kernel::lanes::{Lanes, Sums, fold};
use crate::kernel::{LANES, SHORT};

#[inline(always)]
pub(super) fn run<L: Lanes, const R: usize, const C: usize>(mut c: Contraction<'_>) {
    let out = core::mem::take(&mut c.out);
    let whole_rows = if c.a.transposed || c.inner <= SHORT { 0 } else { c.rows / R * R };
    let mut rest = out;
    let mut row = 0;
    while row < c.rows {
        let count = if row < whole_rows { R } else { 1 };
        let (block, tail) = rest.split_at_mut_checked(count * c.cols).unwrap_or_default();
        rest = tail;
        let mut col = 0;
        while col < c.cols {
            let width = LANES.min(c.cols - col);
            if count == R && !c.a.transposed && c.inner > SHORT {
                strip::<L, R, C>(&c, row, col, width, block);
            } else if !c.a.transposed && c.inner > SHORT {
                strip::<L, 1, C>(&c, row, col, width, block);
            } else {
                slow::<L>(&c, row, col, width, block);
            }
            col += width;
        }
        row += count;
    }
}

/// R rows of `width` (up to 16) columns, C at a time.
#[inline(always)]
fn strip<L: Lanes, const R: usize, const C: usize>(
    c: &Contraction<'_>,
    row: usize,
    col: usize,
    width: usize,
    out: &mut [f32],
) {
    let mut products = [[0.0; LANES]; R];
    let mut done = 0;
    while done < width {
        if width - done >= C {
            tile::<L, R, C>(c, row, col + done, done, &mut products);
            done += C;
        } else {
            tile::<L, R, 1>(c, row, col + done, done, &mut products);
            done += 1;
        }
    }
    for (r, products) in products.iter().enumerate() {
        store::<L>(c, r, col, width, products, out);
    }
}

/// Dot products of R rows of `a` with C rows of `b`, to `products` from column `at` on.
#[inline(always)]
fn tile<L: Lanes, const R: usize, const C: usize>(
    c: &Contraction<'_>,
    row: usize,
    col: usize,
    at: usize,
    products: &mut [[f32; LANES]; R],
) {
    let mut sums = [[L::Sums::zero(); C]; R];
    let (mut a, mut b): ([&[f32]; R], [&[f32]; C]) = ([&[]; R], [&[]; C]);
    for (r, a) in a.iter_mut().enumerate() {
        *a = c.a.values.get((row + r) * c.inner..(row + r + 1) * c.inner).unwrap_or(&[]);
    }
    for (v, b) in b.iter_mut().enumerate() {
        *b = c.b.values.get((col + v) * c.inner..(col + v + 1) * c.inner).unwrap_or(&[]);
    }
    let (mut step, mut start) = (0, 0);
    while start < c.inner {
        let mut columns = [L::splat(0.0); C];
        for (column, b) in columns.iter_mut().zip(&b) {
            *column = L::load(b.get(start..).unwrap_or(&[]));
        }
        for (a, sums) in a.iter().zip(&mut sums) {
            let a = L::load(a.get(start..).unwrap_or(&[]));
            for (sum, column) in sums.iter_mut().zip(columns) {
                sum.add(step, a * column);
            }
        }
        step += 1;
        start += L::N;
    }
    for (sums, products) in sums.iter().zip(products) {
        for (sum, product) in sums.iter().zip(products.iter_mut().skip(at)) {
            *product = sum.fold();
        }
    }
}

/// Sums of up to 16 terms, in order; and the transposed `a`, which no operation multiplies with a transposed `b`.
#[inline(always)]
fn slow<L: Lanes>(c: &Contraction<'_>, row: usize, col: usize, width: usize, out: &mut [f32]) {
    let (row_stride, term_stride) = if c.a.transposed { (1, c.rows) } else { (c.inner, 1) };
    let mut products = [0.0; LANES];
    for (v, product) in products.iter_mut().take(width).enumerate() {
        let start = (col + v) * c.inner;
        let mut sums = [0.0; LANES];
        let mut at = row * row_stride;
        for (j, b) in c.b.values.get(start..start + c.inner).unwrap_or(&[]).iter().enumerate() {
            if let Some(sum) = sums.get_mut(if c.inner > SHORT { j % LANES } else { 0 }) {
                *sum += c.a.values.get(at).copied().unwrap_or(0.0) * b;
            }
            at += term_stride;
        }
        *product = fold(sums);
    }
    store::<L>(c, 0, col, width, &products, out);
}

/// Finishes row `r` of `out`, `width` elements from column `col` on.
#[inline(always)]
fn store<L: Lanes>(c: &Contraction<'_>, r: usize, col: usize, width: usize, products: &[f32; LANES], out: &mut [f32]) {
    let start = r * c.cols + col;
    let out = out.get_mut(start..start + width).unwrap_or_default();
    for (block, (product, out)) in products.chunks(L::N).zip(out.chunks_mut(L::N)).enumerate() {
        Contraction::finish(c.bias, c.add, col + block * L::N, L::load(product), out);
    }
}
