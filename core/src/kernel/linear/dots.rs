//! A transposed `b`: each element of the output is the dot product of two rows, and lanes lie along them.

use super::{Contraction, rows_of};
use crate::kernel::lanes::{Lanes, Sums, fold};
use crate::kernel::tile::{Tile, ZEROS, transpose_in};
use crate::kernel::{LANES, SHORT};

/// How many numbers of `b` are used for all rows of `a` before the next ones: 24 KiB, which the nearest cache holds
/// beside the rows in use.
const L1_FLOATS: usize = 6 << 10;

#[inline(always)]
pub(super) fn run<L: Lanes, const R: usize, const C: usize>(mut c: Contraction<'_>) {
    let out = core::mem::take(&mut c.out);
    if L::N > 1 && !c.a.transposed && c.inner <= SHORT {
        return short_sums::<L, R>(&c, out);
    }
    let simple = c.a.transposed || c.inner <= SHORT;
    let strip_width = if simple { LANES } else { (L1_FLOATS / c.inner).clamp(C, LANES) / C * C };
    let mut col = 0;
    while col < c.cols {
        let width = strip_width.min(c.cols - col);
        let mut row = 0;
        while row < c.rows {
            let out = out.get_mut(row * c.cols..).unwrap_or_default();
            if simple {
                slow::<L>(&c, row, col, width, out);
                row += 1;
            } else {
                let a = c.a.values.get(row * c.inner..).unwrap_or(&[]);
                let b = c.b.values.get(col * c.inner..).unwrap_or(&[]);
                row += strip::<L, R, C>(&c, a, b, c.rows - row, (col, width), out);
            }
        }
        col += width;
    }
}

/// R rows (or one, where fewer than R are left) of `width` columns from `col` on: the dot products of what `a` and `b`
/// begin with. Says how many rows it has done.
#[inline(always)]
pub(super) fn strip<L: Lanes, const R: usize, const C: usize>(
    c: &Contraction<'_>,
    a: &[f32],
    b: &[f32],
    left: usize,
    (col, width): (usize, usize),
    out: &mut [f32],
) -> usize {
    if R > 1 && left >= R {
        rows::<L, R, C>(c, a, b, (col, width), out);
        R
    } else {
        rows::<L, 1, C>(c, a, b, (col, width), out);
        1
    }
}

/// R rows of up to 16 columns, C at a time.
#[inline(always)]
fn rows<L: Lanes, const R: usize, const C: usize>(
    c: &Contraction<'_>,
    a: &[f32],
    b: &[f32],
    (col, width): (usize, usize),
    out: &mut [f32],
) {
    let mut products = [[0.0; LANES]; R];
    let mut done = 0;
    while done < width {
        let b = b.get(done * c.inner..).unwrap_or(&[]);
        if width - done >= C {
            tile::<L, R, C>(a, b, c.inner, done, &mut products);
            done += C;
        } else {
            tile::<L, R, 1>(a, b, c.inner, done, &mut products);
            done += 1;
        }
    }
    for (r, products) in products.iter().enumerate() {
        store::<L>(c, r, col, width, products, out);
    }
}

/// Dot products of the first R rows of `a` with the first C of `b`, to `products` from column `at` on.
#[inline(always)]
fn tile<L: Lanes, const R: usize, const C: usize>(
    a: &[f32],
    b: &[f32],
    inner: usize,
    at: usize,
    products: &mut [[f32; LANES]; R],
) {
    let (Some(a), Some(b)) = (rows_of::<R>(a, 0, inner), rows_of::<C>(b, 0, inner)) else { return };
    let mut sums = [[L::Sums::zero(); C]; R];
    let mut done = 0;
    if L::N == LANES {
        // As blocks: all rows have the same number of them, so that none is compared with its row's end.
        let (a, b) = (a.map(|row| row.as_chunks().0), b.map(|row| row.as_chunks().0));
        while let (Some(a), Some(b)) = (blocks_at(&a, done), blocks_at(&b, done)) {
            add_step::<L, R, C>(done, a, b, &mut sums);
            done += 1;
        }
    }
    for step in done..inner.div_ceil(L::N) {
        let start = step * L::N;
        add_step::<L, R, C>(
            step,
            a.map(|row| row.get(start..).unwrap_or(&[])),
            b.map(|row| row.get(start..).unwrap_or(&[])),
            &mut sums,
        );
    }
    for (sums, products) in sums.iter().zip(products) {
        for (sum, product) in sums.iter().zip(products.iter_mut().skip(at)) {
            *product = sum.fold();
        }
    }
}

/// Block `at` of each row.
#[inline(always)]
fn blocks_at<'a, const N: usize>(rows: &[&'a [[f32; LANES]]; N], at: usize) -> Option<[&'a [f32]; N]> {
    let mut blocks: [&[f32]; N] = [&[]; N];
    for (block, row) in blocks.iter_mut().zip(rows) {
        *block = row.get(at)?;
    }
    Some(blocks)
}

/// Adds the products of one vector of each row.
#[inline(always)]
fn add_step<L: Lanes, const R: usize, const C: usize>(
    step: usize,
    a: [&[f32]; R],
    b: [&[f32]; C],
    sums: &mut [[L::Sums; C]; R],
) {
    let mut columns = [L::splat(0.0); C];
    for (column, b) in columns.iter_mut().zip(b) {
        *column = L::load(b);
    }
    for (a, sums) in a.into_iter().zip(sums) {
        let a = L::load(a);
        for (sum, column) in sums.iter_mut().zip(columns) {
            sum.add(step, a * column);
        }
    }
}

/// Sums of up to 16 terms, in order: too short for lanes along them, so lanes hold sixteen columns, each a row of `b`.
#[inline(always)]
fn short_sums<L: Lanes, const R: usize>(c: &Contraction<'_>, out: &mut [f32]) {
    let mut columns = ZEROS;
    let mut col = 0;
    while col < c.cols {
        let width = LANES.min(c.cols - col);
        let b = c.b.values.get(col * c.inner..(col + width) * c.inner).unwrap_or(&[]);
        transpose_in::<L>(b, c.inner, &mut columns);
        let mut row = 0;
        while row < c.rows {
            let out = out.get_mut(row * c.cols..).unwrap_or_default();
            if R > 1 && c.rows - row >= R {
                short_sums_of_rows::<L, R>(c, row, &columns, (col, width), out);
                row += R;
            } else {
                short_sums_of_rows::<L, 1>(c, row, &columns, (col, width), out);
                row += 1;
            }
        }
        col += width;
    }
}

/// R rows from `row` on of `width` columns; `out` begins at `row`.
#[inline(always)]
fn short_sums_of_rows<L: Lanes, const R: usize>(
    c: &Contraction<'_>,
    row: usize,
    columns: &Tile,
    (col, width): (usize, usize),
    out: &mut [f32],
) {
    let Some(rows) = rows_of::<R>(c.a.values, row, c.inner) else { return };
    let mut sums = [L::splat(0.0); R];
    for (j, column) in columns.iter().take(c.inner).enumerate() {
        let b = L::load(column);
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = *sum + L::splat(row.get(j).copied().unwrap_or(0.0)) * b;
        }
    }
    for (r, sum) in sums.into_iter().enumerate() {
        let start = r * c.cols + col;
        let out = out.get_mut(start..start + width).unwrap_or_default();
        Contraction::finish(c.bias, c.add, col, sum, out);
    }
}

/// One lane's sums of up to 16 terms, in order; and the transposed `a`, which no operation multiplies with a transposed
/// `b`.
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
