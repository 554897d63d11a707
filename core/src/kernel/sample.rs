//! Drawing category indices by inversion, and writing them as one-hot vectors.
//!
//! The index is the smallest j whose prefix sum exceeds u * total, in category order. prefix(j) is the sum of the
//! whole blocks of 16 before j, each folded 8, 4, 2, 1 and added in order, plus the running sum inside j's block;
//! total is the last prefix. Should rounding leave no hit, it is the last category of positive probability.

use super::lanes::{Lanes, fold};
use super::rows::{self, Tile, with_known_k};
use super::{LANES, SHORT};
use crate::categorical::Noise;
use crate::random::Uniforms;
use crate::{Argument, Error, Kernel, Result};

/// Draws `draws` indices for each row of k probabilities; one uniform each. Lengths and uniforms have been checked.
#[derive(Debug)]
pub struct DrawIndex<'a> {
    /// rows x k.
    pub probs: &'a [f32],
    /// Categories in a row.
    pub k: usize,
    /// Draws for each row.
    pub draws: usize,
    /// A stream or uniforms.
    pub noise: Noise<'a>,
    /// rows * draws, written.
    pub index: &'a mut [u32],
}

impl Kernel for DrawIndex<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let mut uniforms = match self.noise {
            Noise::Stream { stream, index } => Uniforms::stream(&stream, index, L::N),
            Noise::Uniforms(slice) => Uniforms::Slice(slice),
            Noise::Forced { .. } => return,
        };
        if self.k > SHORT {
            long_rows::<L>(self.probs, self.k, self.draws, &mut uniforms, self.index);
        } else if L::N == 1 {
            // One lane: no tiles, so all row lengths and numbers of draws share one body.
            draws_across::<L>(self.probs, self.k, self.draws, &mut uniforms, self.index);
        } else if self.draws == 1 {
            with_known_k!(self.k, |k| rows_across::<L>(self.probs, k, &mut uniforms, self.index));
        } else {
            with_known_k!(self.k, |k| draws_across::<L>(self.probs, k, self.draws, &mut uniforms, self.index));
        }
    }
}

/// One draw for each row, k <= 16: lanes, of which there are many, hold rows.
#[inline(always)]
fn rows_across<L: Lanes>(probs: &[f32], k: usize, uniforms: &mut Uniforms<'_>, index: &mut [u32]) {
    let mut tile: Tile = [[0.0; LANES]; SHORT];
    for (index, probs) in index.chunks_mut(L::N).zip(probs.chunks(L::N * k.max(1))) {
        let u = uniforms.lanes::<L>(index.len());
        rows::transpose_in(probs, k, &mut tile);
        invert::<L>(rows::tile_rows(&tile, k), u, index);
    }
}

/// Many draws for each row, k <= 16: lanes hold draws of one row.
#[inline(always)]
fn draws_across<L: Lanes>(probs: &[f32], k: usize, draws: usize, uniforms: &mut Uniforms<'_>, index: &mut [u32]) {
    let mut tile: Tile = [[0.0; LANES]; SHORT];
    let mut index = index;
    for row in rows::rows(probs, k) {
        let (mine, rest) = core::mem::take(&mut index).split_at_mut_checked(draws).unwrap_or_default();
        index = rest;
        if L::N > 1 {
            broadcast(row, &mut tile);
        }
        for index in mine.chunks_mut(L::N) {
            let u = uniforms.lanes::<L>(index.len());
            let probs = if L::N == 1 { row } else { rows::tile_rows(&tile, k) };
            invert::<L>(probs, u, index);
        }
    }
}

/// Every lane of a tile holds the same row.
#[inline(always)]
pub(crate) fn broadcast(row: &[f32], tile: &mut Tile) {
    for (column, x) in tile.iter_mut().zip(row) {
        *column = [*x; LANES];
    }
}

/// Inverts the cumulative sum of each lane's row of at most 16 probabilities.
#[inline(always)]
fn invert<L: Lanes>(probs: &[f32], u: L, index: &mut [u32]) {
    let (zero, one) = (L::splat(0.0), L::splat(1.0));
    let mut total = zero;
    for p in probs.chunks(L::N) {
        total = total + L::load(p);
    }
    let threshold = u * total;
    let (mut prefix, mut below, mut last, mut category) = (zero, zero, zero, zero);
    for p in probs.chunks(L::N) {
        let p = L::load(p);
        prefix = prefix + p;
        // Counts the prefixes that do not exceed the threshold.
        below = below + L::select_lt(threshold, prefix, zero, one);
        last = L::select_lt(zero, p, category, last);
        category = category + one;
    }
    let hit = L::select_lt(below, category, below, last);
    // A whole number below 2^23 in the low bits of 2^23 + number: a conversion without the checks of `as`.
    let mut bits = [0.0; LANES];
    (hit + L::splat(8_388_608.0)).and_bits(0x007f_ffff).store(&mut bits);
    match index.first_chunk_mut::<LANES>() {
        Some(index) if L::N == LANES => *index = bits.map(f32::to_bits),
        _ => {
            for (index, bits) in index.iter_mut().zip(bits) {
                *index = bits.to_bits();
            }
        }
    }
}

/// Rows of more than 16 categories, one draw after the other.
#[inline(always)]
fn long_rows<L: Lanes>(probs: &[f32], k: usize, draws: usize, uniforms: &mut Uniforms<'_>, index: &mut [u32]) {
    let mut index = index;
    for row in rows::rows(probs, k) {
        let (mine, rest) = core::mem::take(&mut index).split_at_mut_checked(draws).unwrap_or_default();
        index = rest;
        let total = row_total(row);
        for index in mine {
            let mut u = [0.0];
            uniforms.lanes::<L>(1).store(&mut u);
            *index = invert_long(row, u[0] * total);
        }
    }
}

/// The last prefix sum.
#[inline(always)]
fn row_total(row: &[f32]) -> f32 {
    let (mut base, mut total) = (0.0, 0.0);
    for block in row.chunks(LANES) {
        total = block.iter().fold(0.0, |sum, p| sum + p) + base;
        base += fold_block(block);
    }
    total
}

/// The sum of a whole block, folded; what a partial block returns is not used, as nothing follows it.
#[inline(always)]
fn fold_block(block: &[f32]) -> f32 {
    block.first_chunk::<LANES>().map_or(0.0, |block| fold(*block))
}

/// The smallest index of positive probability whose prefix sum exceeds `threshold`.
#[inline(always)]
fn invert_long(row: &[f32], threshold: f32) -> u32 {
    /// The running sum of a block and its fold differ by at most 2^-18 of the prefix: 15 + 4 roundings, and the
    /// additions of the bases.
    const SAFE: f32 = 1.0 + 1.0 / 262_144.0;
    let mut base = 0.0;
    let mut start = 0;
    for block in row.chunks(LANES) {
        let next = base + fold_block(block);
        // No prefix of a whole block can exceed the threshold while its end is safely below.
        if block.len() < LANES || next * SAFE > threshold {
            let mut sum = 0.0;
            for (j, p) in block.iter().enumerate() {
                sum += p;
                if base + sum > threshold && *p > 0.0 {
                    return (start + j) as u32;
                }
            }
        }
        base = next;
        start += LANES;
    }
    row.iter().rposition(|p| *p > 0.0).unwrap_or(0) as u32
}

/// Writes a one-hot row for each index.
pub fn one_hot(index: &[u32], k: usize, out: &mut [f32]) {
    for (row, index) in rows::rows_mut(out, k).zip(index) {
        for x in row.iter_mut() {
            *x = 0.0;
        }
        if let Some(x) = row.get_mut(*index as usize) {
            *x = 1.0;
        }
    }
}

/// Writes 1 for each draw of category `column`, 0 for the others: one column of the one-hot matrix.
pub fn indicator(index: &[u32], column: u32, out: &mut [f32]) {
    for (out, index) in out.iter_mut().zip(index) {
        *out = if *index == column { 1.0 } else { 0.0 };
    }
}

/// Refuses a category that does not exist.
pub(crate) fn check_indices(index: &[u32], k: usize) -> Result<()> {
    // A whole block at a time without an early exit: such a loop becomes vector instructions.
    let end = u32::try_from(k).unwrap_or(u32::MAX);
    for (block, indices) in index.chunks(LANES * LANES).enumerate() {
        if indices.iter().fold(false, |beyond, index| beyond | (*index >= end)) {
            let within = indices.iter().position(|index| *index >= end).unwrap_or(0);
            return Err(Error::Value { argument: Argument::Index, at: block * LANES * LANES + within });
        }
    }
    Ok(())
}

/// Refuses a number outside [0, 1); NaN too, hence the form of the comparison.
pub(crate) fn check_uniforms(uniforms: &[f32]) -> Result<()> {
    match uniforms.iter().position(|u| !(*u >= 0.0 && *u < 1.0)) {
        Some(at) => Err(Error::Value { argument: Argument::Uniforms, at }),
        None => Ok(()),
    }
}
