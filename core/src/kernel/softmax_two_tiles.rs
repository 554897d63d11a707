//! softmax of rows of up to sixteen categories, two tiles of sixteen rows at a time.
//!
//! In one tile each exponential waits for the maximum, the sum is a chain of k additions, and the division waits for
//! the sum: with ten categories 200 cycles, in which a CPU does not look beyond the next tile. So two tiles go through
//! each phase together, after the shuffles of the two tiles that come next.

use super::LANES;
use super::exp::exp_nonpositive_of_each;
use super::lanes::Lanes;
use super::rows::{rows, rows_mut};
use super::tile::{Tile, ZEROS, tile_rows_mut};

/// Tiles at a time.
const TILES: usize = 2;

/// Four kilobytes of zeros, which the tiles begin as, are much of the time of fewer rows.
const FEWEST_ROWS: usize = 128;

/// `out = softmax(logits * scale)` of as many rows as are a multiple of 32, or of none where there are few; how many
/// that are. Rows have `k` categories, at most [`super::SHORT`]. `Err(row)`: one of the 32 rows from `row` on has no
/// softmax.
#[inline(always)]
pub(super) fn softmax_by_tiles<L: Lanes>(
    logits: &[f32],
    k: usize,
    scale: f32,
    out: &mut [f32],
) -> Result<usize, usize> {
    if out.len() < FEWEST_ROWS * k {
        return Ok(0);
    }
    let mut tiles = [[ZEROS; TILES]; 2];
    let [this, next] = &mut tiles;
    let (mut this, mut next) = (this, next);
    let mut blocks = rows(logits, TILES * LANES * k);
    turn_in::<L>(blocks.next().unwrap_or(&[]), k, this);
    let mut done = 0;
    for out in rows_mut(out, TILES * LANES * k) {
        turn_in::<L>(blocks.next().unwrap_or(&[]), k, next);
        let fine = if scale == 1.0 {
            softmax_of_tiles::<L, false>(this, k, scale)
        } else {
            softmax_of_tiles::<L, true>(this, k, scale)
        };
        if !fine {
            return Err(done);
        }
        for (tile, out) in this.iter().zip(rows_mut(out, LANES * k)) {
            L::store_columns(tile, k, out);
        }
        core::mem::swap(&mut this, &mut next);
        done += TILES * LANES;
    }
    Ok(done)
}

/// The next tiles; nothing left leaves them as they are.
#[inline(always)]
fn turn_in<L: Lanes>(block: &[f32], k: usize, tiles: &mut [Tile; TILES]) {
    for (tile, block) in tiles.iter_mut().zip(rows(block, LANES * k)) {
        L::load_columns(block, k, tile);
    }
}

/// In place, a lane a row. Whether all rows have one.
#[inline(always)]
fn softmax_of_tiles<L: Lanes, const SCALED: bool>(tiles: &mut [Tile; TILES], k: usize, scale: f32) -> bool {
    let [a, b] = tiles;
    let (a, b) = (tile_rows_mut(a, k), tile_rows_mut(b, k));
    let lowest = L::splat(f32::NEG_INFINITY);
    let (mut max_a, mut max_b) = (lowest, lowest);
    for (a, b) in a.chunks(L::N).zip(b.chunks(L::N)) {
        max_a = max_a.max(L::load(a));
        max_b = max_b.max(L::load(b));
    }
    let scale = L::splat(scale);
    let (mut sum_a, mut sum_b) = (L::splat(0.0), L::splat(0.0));
    for (a, b) in a.chunks_mut(2 * L::N).zip(b.chunks_mut(2 * L::N)) {
        if let (Some((a0, a1)), Some((b0, b1))) = (a.split_at_mut_checked(L::N), b.split_at_mut_checked(L::N))
            && !a1.is_empty()
        {
            let x = [L::load(a0) - max_a, L::load(b0) - max_b, L::load(a1) - max_a, L::load(b1) - max_b];
            let [x0, y0, x1, y1] = exp_nonpositive_of_each(scaled::<L, 4, SCALED>(x, scale));
            (sum_a, sum_b) = ((sum_a + x0) + x1, (sum_b + y0) + y1);
            x0.store(a0);
            y0.store(b0);
            x1.store(a1);
            y1.store(b1);
        } else {
            let x = [L::load(a) - max_a, L::load(b) - max_b];
            let [x, y] = exp_nonpositive_of_each(scaled::<L, 2, SCALED>(x, scale));
            (sum_a, sum_b) = (sum_a + x, sum_b + y);
            x.store(a);
            y.store(b);
        }
    }
    let one = L::splat(1.0);
    let (inverse_a, inverse_b) = (one / sum_a, one / sum_b);
    for (a, b) in a.chunks_mut(L::N).zip(b.chunks_mut(L::N)) {
        (L::load(a) * inverse_a).store(a);
        (L::load(b) * inverse_b).store(b);
    }
    sum_a.all_positive_finite() & sum_b.all_positive_finite()
}

/// Times `scale`, where that is not 1: a product for each number would be a twentieth of the time.
#[inline(always)]
fn scaled<L: Lanes, const M: usize, const SCALED: bool>(x: [L; M], scale: L) -> [L; M] {
    let mut x = x;
    if SCALED {
        for x in &mut x {
            *x = *x * scale;
        }
    }
    x
}
