//! The Gumbel-max trick: logits plus Gumbel noise, and the category where that is greatest.
//!
//! ```text
//! v = (l - max l) + G,   D = argmax v, the first of equals
//! ```
//!
//! The shift comes before the noise: at logits near 1e4, l + G would keep three decimals of G. Rows of up to sixteen
//! categories lie across the lanes, one draw a lane; longer ones along them. No sum is taken, so the order of the work
//! does not show in the bits.

use super::direction::{Across, Along, Direction};
use super::lanes::Lanes;
use super::rows::{self, argmax, rows, rows_mut};
use super::softmax::{has_softmax, row_max};
use super::tile::{Tile, ZEROS, broadcast, tile_rows, transpose_in, transpose_out};
use super::{LANES, SHORT};

/// Adds l - max l to the noise in `perturbed` ((rows * draws) x k) and writes each draw's category. `Err(row)` names a
/// row of logits without a distribution: NaN, +inf, or nothing but -inf. Lengths have been checked.
#[inline(always)]
pub(crate) fn perturb<L: Lanes>(
    logits: &[f32],
    k: usize,
    draws: usize,
    perturbed: &mut [f32],
    index: &mut [u32],
) -> Result<(), usize> {
    if L::N == 1 || k > SHORT {
        each_draw::<L>(logits, k, draws, perturbed, index)
    } else if draws == 1 {
        rows::with_known_k!(k, |k| rows_across::<L>(logits, k, perturbed, index))
    } else {
        rows::with_known_k!(k, |k| draws_across::<L>(logits, k, draws, perturbed, index))
    }
}

/// One draw after the other. The greatest logit is looked for once a row.
#[inline(always)]
fn each_draw<L: Lanes>(
    logits: &[f32],
    k: usize,
    draws: usize,
    perturbed: &mut [f32],
    index: &mut [u32],
) -> Result<(), usize> {
    let mut rest = rows_mut(perturbed, k).zip(index);
    for (row, x) in rows(logits, k).enumerate() {
        let max = row_max::<L, Along>(x);
        let mut good = L::splat(1.0);
        for x in x.chunks(L::N) {
            let x = L::load_or(x, f32::NEG_INFINITY) - max;
            good = L::select_eq(x, x, good, L::splat(0.0));
        }
        if !good.all_positive_finite() {
            return Err(row);
        }
        for (perturbed, index) in rest.by_ref().take(draws) {
            for (v, x) in perturbed.chunks_mut(L::N).zip(x.chunks(L::N)) {
                (L::load(v) + (L::load(x) - max)).store(v);
            }
            *index = if L::N == 1 { argmax(perturbed).ok_or(row)? } else { argmax_along::<L>(perturbed) };
        }
    }
    Ok(())
}

/// [`argmax`] of a long row without NaN: first its greatest element, then the first of those that equal it.
#[inline(always)]
fn argmax_along<L: Lanes>(row: &[f32]) -> u32 {
    let greatest = row_max::<L, Along>(row);
    let mut at = L::splat(f32::NEG_INFINITY);
    for (step, x) in row.chunks(L::N).enumerate() {
        // Counted down from 0, so that the first is the greatest. Lanes beyond the end hold -inf, which is not the
        // greatest.
        let here = <Along as Direction<L>>::category(step).neg();
        at = at.max(L::select_eq(L::load_or(x, f32::NEG_INFINITY), greatest, here, L::splat(f32::NEG_INFINITY)));
    }
    -at.reduce_max() as u32
}

/// One draw a row, sixteen rows at a time.
#[inline(always)]
fn rows_across<L: Lanes>(logits: &[f32], k: usize, perturbed: &mut [f32], index: &mut [u32]) -> Result<(), usize> {
    let (mut shifted, mut tile) = (ZEROS, ZEROS);
    let blocks = perturbed.chunks_mut(LANES * k.max(1)).zip(index.chunks_mut(LANES));
    for (block, ((perturbed, index), logits)) in blocks.zip(logits.chunks(LANES * k.max(1))).enumerate() {
        transpose_in::<L>(logits, k, &mut shifted);
        if !shift::<L>(&mut shifted, k) {
            let bad = rows(logits, k).position(|row| !has_softmax(row));
            return Err(block * LANES + bad.unwrap_or(0));
        }
        add_and_choose::<L>(&shifted, k, &mut tile, perturbed, index);
    }
    Ok(())
}

/// Many draws a row, sixteen at a time.
#[inline(always)]
fn draws_across<L: Lanes>(
    logits: &[f32],
    k: usize,
    draws: usize,
    perturbed: &mut [f32],
    index: &mut [u32],
) -> Result<(), usize> {
    let (mut shifted, mut tile) = (ZEROS, ZEROS);
    let of_rows = rows_mut(perturbed, k.saturating_mul(draws)).zip(index.chunks_mut(draws.max(1)));
    for (row, ((perturbed, index), logits)) in of_rows.zip(rows(logits, k)).enumerate() {
        broadcast(logits, &mut shifted);
        if !shift::<L>(&mut shifted, k) {
            return Err(row);
        }
        for (perturbed, index) in perturbed.chunks_mut(LANES * k.max(1)).zip(index.chunks_mut(LANES)) {
            add_and_choose::<L>(&shifted, k, &mut tile, perturbed, index);
        }
    }
    Ok(())
}

/// Takes each lane's greatest logit off its others. Whether all lanes have a distribution.
#[inline(always)]
fn shift<L: Lanes>(tile: &mut Tile, k: usize) -> bool {
    let max = row_max::<L, Across>(tile_rows(tile, k));
    let mut good = L::splat(1.0);
    for column in tile.iter_mut().take(k) {
        let x = L::load(column) - max;
        // NaN for a NaN, for +inf and for nothing but -inf.
        good = L::select_eq(x, x, good, L::splat(0.0));
        x.store(column);
    }
    good.all_positive_finite()
}

/// Adds a tile to the noise of up to sixteen draws, and finds where each sum is greatest. `tile` is a place to do so:
/// one for all of them, as a kilobyte of zeros for each would take as long as its noise.
#[inline(always)]
fn add_and_choose<L: Lanes>(shifted: &Tile, k: usize, tile: &mut Tile, perturbed: &mut [f32], index: &mut [u32]) {
    transpose_in::<L>(perturbed, k, tile);
    let (mut best, mut at) = (L::splat(f32::NEG_INFINITY), L::splat(0.0));
    for (j, (v, x)) in tile.iter_mut().zip(shifted.iter()).take(k).enumerate() {
        let sum = L::load(v) + L::load(x);
        at = L::select_lt(best, sum, L::splat(j as f32), at);
        best = L::select_lt(best, sum, sum, best);
        sum.store(v);
    }
    transpose_out::<L>(tile, k, perturbed);
    let mut lanes = [0.0; LANES];
    at.store(&mut lanes);
    for (index, at) in index.iter_mut().zip(lanes) {
        *index = at as i32 as u32;
    }
}
