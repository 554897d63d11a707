//! Computations on rows of k categories, written once for short and for long rows.
//!
//! With k <= 16 the lanes hold sixteen *rows* ([`Across`]): a tile of rows is transposed, so that element j of all of
//! them is one vector, and sums run in order of j. With k > 16 the lanes run *along* one row ([`Along`]). A body sees
//! the same thing either way: slices in which step s begins at s * N. With one lane nothing is transposed and one body
//! serves rows of all lengths (`Serial`).

use super::direction::{Across, Along, Direction, Serial};
use super::lanes::Lanes;
use super::tile::{Tile, ZEROS, tile_rows, tile_rows_mut, transpose_in, transpose_out};
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

/// [`for_rows`] with one lane.
#[inline(always)]
fn one_by_one<L: Lanes, B: RowBody<IN>, const IN: usize>(
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
    let mut pair = [[ZEROS; IN]; 2];
    let [this, next] = &mut pair;
    let (mut this, mut next) = (this, next);
    let mut out_tile = ZEROS;
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

/// The first index of the greatest element; `None` where that is NaN or -inf.
#[inline(always)]
pub(crate) fn argmax(row: &[f32]) -> Option<u32> {
    let (mut best, mut at) = (f32::NEG_INFINITY, None);
    for (j, x) in row.iter().enumerate() {
        if x.is_nan() {
            return None;
        }
        if best < *x {
            (best, at) = (*x, Some(j as u32));
        }
    }
    at
}

/// The whole number that a float holds, if it is one below `end`.
pub(crate) fn whole_number(x: f32, end: usize) -> Option<usize> {
    let number = x as u32;
    (number as f32 == x && (number as usize) < end).then_some(number as usize)
}
