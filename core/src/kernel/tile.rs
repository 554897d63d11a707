//! Tiles: sixteen short rows, transposed, so that element j of all of them is one vector.

use super::aligned::Aligned;
use super::lanes::{Lanes, Sums};
use super::rows::{rows, rows_mut};
use super::{LANES, SHORT};

/// One transposed tile: element j of sixteen rows is `tile[j]`.
pub type Tile = Aligned<[[f32; LANES]; SHORT]>;

/// A tile of zeros.
pub const ZEROS: Tile = Aligned([[0.0; LANES]; SHORT]);

/// The first `k` vectors of a tile, as one slice.
#[inline(always)]
pub(crate) fn tile_rows(tile: &Tile, k: usize) -> &[f32] {
    tile.get(..k).unwrap_or(&tile.0).as_flattened()
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

/// Every lane of a tile holds the same row.
#[inline(always)]
pub(crate) fn broadcast(row: &[f32], tile: &mut Tile) {
    for (column, x) in tile.iter_mut().zip(row) {
        *column = [*x; LANES];
    }
}
