//! Computations on rows of k categories, written once for short and for long rows.
//!
//! With k <= 16 the lanes hold sixteen *rows* ([`Across`]): a tile of rows is transposed, so that element j of all of
//! them is one vector, and sums run in order of j. With k > 16 the lanes run *along* one row ([`Along`]). A body sees
//! the same thing either way: slices in which step s begins at s * N. With one lane nothing is transposed and one body
//! serves rows of all lengths (`serial`).

use super::lanes::{Lanes, Sums};
use super::serial::{one_by_one, sum_of_products};
use super::{LANES, SHORT};

/// Runs a block with k as a constant where that is worth its code: transpositions become shuffles.
macro_rules! with_known_k {
    ($k:expr, |$known:ident| $run:expr) => {
        match $k {
            2 => {
                let $known = 2;
                $run
            }
            $known => $run,
        }
    };
}
pub(crate) use with_known_k;

/// What differs between lanes across rows and lanes along a row.
pub trait Direction<L: Lanes> {
    /// Whether the lanes lie along one row.
    const ALONG: bool;
    /// A sum in progress.
    type Sum: Copy;
    /// A sum of nothing yet, of as many terms as `len` elements of a row are.
    fn zero(len: usize) -> Self::Sum;
    /// Adds step `step` to a sum.
    fn add(sum: &mut Self::Sum, step: usize, x: L);
    /// The sum of each lane's row.
    fn total(sum: Self::Sum) -> L;
    /// The greatest element of each lane's row, from the greatest of each lane.
    fn greatest(x: L) -> L;
    /// 1 / x, x a total.
    fn reciprocal(x: L) -> L;
    /// The category that each lane holds in step `step`.
    fn category(step: usize) -> L;
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
    fn greatest(x: L) -> L {
        L::splat(x.greatest())
    }
    #[inline(always)]
    fn reciprocal(x: L) -> L {
        // All lanes are the same: one division costs a quarter of sixteen.
        L::splat(1.0 / x.first())
    }
    #[inline(always)]
    fn category(step: usize) -> L {
        L::splat((step * L::N) as f32) + L::ramp()
    }
    #[inline(always)]
    fn pick(row: &[f32], index: L) -> L {
        // All lanes hold the same index. The sum that finds an element of a short row makes 0 of -0, and so does this
        // one.
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

/// The rows of a matrix, `k` elements each. Unlike `chunks_exact` this has no division by `k`, and so no panic.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    rest: &'a [f32],
    k: usize,
}

/// Iterates over rows of `k` elements; nothing where `k` is 0.
#[inline(always)]
pub fn rows(x: &[f32], k: usize) -> Rows<'_> {
    Rows { rest: x, k }
}

impl<'a> Iterator for Rows<'a> {
    type Item = &'a [f32];
    #[inline(always)]
    fn next(&mut self) -> Option<&'a [f32]> {
        let (row, rest) = self.rest.split_at_checked(self.k)?;
        self.rest = rest;
        if row.is_empty() { None } else { Some(row) }
    }
}

/// Steps through a row, N elements at a time, fewer at its end. `chunks` would do, but zips of it hold a division by N,
/// and where the compiler does not inline one, a panic with it.
#[derive(Clone, Debug)]
pub(crate) struct Steps<'a> {
    rest: &'a [f32],
    lanes: usize,
}

/// Iterates over the steps of a row.
#[inline(always)]
pub(crate) fn steps<L: Lanes>(x: &[f32]) -> Steps<'_> {
    Steps { rest: x, lanes: L::N }
}

impl<'a> Iterator for Steps<'a> {
    type Item = &'a [f32];
    #[inline(always)]
    fn next(&mut self) -> Option<&'a [f32]> {
        let (step, rest) = self.rest.split_at_checked(self.lanes).unwrap_or((self.rest, &[]));
        self.rest = rest;
        if step.is_empty() { None } else { Some(step) }
    }
}

/// [`rows`], to be written.
#[derive(Debug)]
pub struct RowsMut<'a> {
    rest: &'a mut [f32],
    k: usize,
}

/// Iterates over rows of `k` elements to be written; nothing where `k` is 0.
#[inline(always)]
pub fn rows_mut(x: &mut [f32], k: usize) -> RowsMut<'_> {
    RowsMut { rest: x, k }
}

impl<'a> Iterator for RowsMut<'a> {
    type Item = &'a mut [f32];
    #[inline(always)]
    fn next(&mut self) -> Option<&'a mut [f32]> {
        let (row, rest) = core::mem::take(&mut self.rest).split_at_mut_checked(self.k)?;
        self.rest = rest;
        if row.is_empty() { None } else { Some(row) }
    }
}

/// A computation on rows of `IN` matrices that writes (or, with `ADDS`, adds to) rows of an output.
pub(crate) trait RowBody<const IN: usize> {
    /// Whether the output's old content matters.
    const ADDS: bool;
    /// Computes one row, or one tile of rows. Returns whether the row was acceptable, for all lanes.
    fn group<L: Lanes, D: Direction<L>>(&mut self, inputs: [&[f32]; IN], out: &mut [f32]) -> bool;
}

/// Cuts a matrix of rows of `k` elements before row `row`; one that is absent (empty) stays so.
#[inline]
pub(crate) fn cut(x: &[f32], k: usize, row: usize) -> (&[f32], &[f32]) {
    x.split_at_checked(row.saturating_mul(k)).unwrap_or((x, &[]))
}

/// [`cut`] of what is written.
#[inline]
pub(crate) fn cut_mut<T>(x: &mut [T], k: usize, row: usize) -> (&mut [T], &mut [T]) {
    let at = row.saturating_mul(k).min(x.len());
    x.split_at_mut_checked(at).unwrap_or_default()
}

/// How many rows of `k` elements `len` elements are.
#[inline]
pub(crate) fn row_count(len: usize, k: usize) -> usize {
    len.checked_div(k).unwrap_or(0)
}

/// One transposed tile: element j of sixteen rows is `tile[j]`.
pub type Tile = [[f32; LANES]; SHORT];

/// Runs `body` over all rows; `Err(row)` names a row of the first group that was not acceptable.
///
/// Slices are `rows * k` long; the caller has compared them.
#[inline(always)]
pub(crate) fn for_rows<L: Lanes, B: RowBody<IN>, const IN: usize>(
    body: &mut B,
    k: usize,
    inputs: [&[f32]; IN],
    out: &mut [f32],
) -> Result<(), usize> {
    if L::N == 1 {
        one_by_one::<L, B, IN>(body, k, inputs, out)
    } else if k > SHORT {
        in_place::<L, Along, B, IN>(body, k, inputs, out)
    } else {
        with_known_k!(k, |k| tiled::<L, B, IN>(body, k, inputs, out))
    }
}

#[inline(always)]
fn in_place<L: Lanes, D: Direction<L>, B: RowBody<IN>, const IN: usize>(
    body: &mut B,
    k: usize,
    inputs: [&[f32]; IN],
    out: &mut [f32],
) -> Result<(), usize> {
    let mut inputs = inputs.map(|x| rows(x, k));
    for (row, out) in rows_mut(out, k).enumerate() {
        let group = inputs.each_mut().map(|x| x.next().unwrap_or(&[]));
        if !body.group::<L, D>(group, out) {
            return Err(row);
        }
    }
    Ok(())
}

#[inline(always)]
fn tiled<L: Lanes, B: RowBody<IN>, const IN: usize>(
    body: &mut B,
    k: usize,
    inputs: [&[f32]; IN],
    out: &mut [f32],
) -> Result<(), usize> {
    let size = LANES * k.max(1);
    let mut rest = inputs;
    // Shuffles of the next tiles fill the time in which a group waits for its sum and the division by it.
    let mut pair = [[[[0.0; LANES]; SHORT]; IN]; 2];
    let [this, next] = &mut pair;
    let (mut this, mut next) = (this, next);
    let mut out_tile: Tile = [[0.0; LANES]; SHORT];
    if L::SHUFFLES {
        take_tiles::<L, IN>(&mut rest, size, k, this);
    }
    for (group, out) in out.chunks_mut(size).enumerate() {
        take_tiles::<L, IN>(&mut rest, size, k, if L::SHUFFLES { &mut *next } else { &mut *this });
        if B::ADDS {
            transpose_in::<L>(out, k, &mut out_tile);
        }
        let inputs = this.each_ref().map(|tile| tile_rows(tile, k));
        let ok = body.group::<L, Across>(inputs, tile_rows_mut(&mut out_tile, k));
        transpose_out::<L>(&out_tile, k, out);
        if !ok {
            return Err(group * LANES);
        }
        if L::SHUFFLES {
            core::mem::swap(&mut this, &mut next);
        }
    }
    Ok(())
}

/// Takes the next tile, `size` elements or what is left, from each input. Nothing left leaves the tile as it is.
#[inline(always)]
fn take_tiles<L: Lanes, const IN: usize>(rest: &mut [&[f32]; IN], size: usize, k: usize, tiles: &mut [Tile; IN]) {
    for (tile, rest) in tiles.iter_mut().zip(rest) {
        let (head, tail) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        if !head.is_empty() {
            transpose_in::<L>(head, k, tile);
        }
        *rest = tail;
    }
}

/// The first `k` vectors of a tile, as one slice.
#[inline(always)]
pub(crate) fn tile_rows(tile: &Tile, k: usize) -> &[f32] {
    tile.get(..k).unwrap_or(tile).as_flattened()
}

/// The first `k` vectors of a tile, as one slice to be written.
#[inline(always)]
pub(crate) fn tile_rows_mut(tile: &mut Tile, k: usize) -> &mut [f32] {
    let k = k.min(SHORT);
    tile.get_mut(..k).unwrap_or_default().as_flattened_mut()
}

/// Up to sixteen rows of `k <= 16` elements become the columns of a tile; lanes without a row hold 0.
#[inline(always)]
pub(crate) fn transpose_in<L: Lanes>(x: &[f32], k: usize, tile: &mut Tile) {
    match x.get(..LANES * k) {
        Some(x) => L::load_columns(x, k, tile),
        None => {
            for (j, column) in tile.iter_mut().take(k).enumerate() {
                *column = [0.0; LANES];
                for (slot, row) in column.iter_mut().zip(rows(x, k)) {
                    *slot = row.get(j).copied().unwrap_or(0.0);
                }
            }
        }
    }
}

/// The columns of a tile become rows again.
#[inline(always)]
pub(crate) fn transpose_out<L: Lanes>(tile: &Tile, k: usize, out: &mut [f32]) {
    match out.get_mut(..LANES * k) {
        Some(out) => L::store_columns(tile, k, out),
        None => {
            for (lane, row) in rows_mut(out, k).enumerate() {
                for (column, out) in tile.iter().zip(row) {
                    *out = column.get(lane % LANES).copied().unwrap_or(0.0);
                }
            }
        }
    }
}

/// [`Lanes::load_columns`] in loops: with k known, the compiler makes shuffles of them.
#[inline(always)]
pub(super) fn gather_columns(x: &[f32], k: usize, tile: &mut Tile) {
    for (j, column) in tile.iter_mut().take(k).enumerate() {
        for (lane, slot) in column.iter_mut().enumerate() {
            *slot = x.get(lane * k + j).copied().unwrap_or(0.0);
        }
    }
}

/// [`Lanes::store_columns`] in loops.
#[inline(always)]
pub(super) fn scatter_columns(tile: &Tile, k: usize, out: &mut [f32]) {
    for (j, column) in tile.iter().take(k).enumerate() {
        for (lane, x) in column.iter().enumerate() {
            if let Some(out) = out.get_mut(lane * k + j) {
                *out = *x;
            }
        }
    }
}

/// Folds each vector of a tile (sums over sixteen draws) and adds it to an element of a row.
#[inline(always)]
pub(crate) fn add_folded<L: Lanes>(tile: &Tile, out: &mut [f32]) {
    for (column, out) in tile.iter().zip(out) {
        *out += L::Sums::of(column).fold();
    }
}
