//! Drawing category indices by inversion, and writing them as one-hot vectors.
//!
//! The index is the smallest j whose prefix sum exceeds u * total, in category order. prefix(j) is the sum of the whole
//! blocks of 16 before j, each folded 8, 4, 2, 1 and added in order, plus the running sum inside j's block; total is
//! the last prefix. Should rounding leave no hit, it is the last category of positive probability. Rows of more than
//! one block are in `sample_long`.

use super::lanes::{Lanes, fold_in_one_place, is_positive_finite};
use super::rows::{self, row_count, with_known_k};
use super::sample_long::{PREFIX_SLACK, long_rows};
use super::tile::{ZEROS, broadcast, tile_rows, transpose_in};
use super::{LANES, SHORT, SIMD};
use crate::random::{Noise, Uniforms};
use crate::{Argument, Error, Kernel, Split};

/// Draws `draws` indices for each row of k probabilities; one uniform each. Lengths and uniforms have been checked.
/// Returns whether every row's total was finite: the indices of other rows are unspecified.
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
    type Out = bool;
    const BY_CATEGORIES: bool = true;
    #[inline(always)]
    fn categories(&mut self) -> Option<&mut usize> {
        Some(&mut self.k)
    }
    #[inline(always)]
    fn run<L: Lanes>(self) -> bool {
        let mut uniforms = match self.noise {
            Noise::Stream { stream, position } => Uniforms::stream(&stream, position, L::N),
            Noise::Uniforms(slice) => Uniforms::Slice(slice),
            Noise::Forced { .. } => return true,
        };
        if L::N == 1 {
            one_by_one::<L>(self.probs, self.k, self.draws, &mut uniforms, self.index)
        } else if self.k > SHORT {
            long_rows::<L>(self.probs, self.k, self.draws, &mut uniforms, self.index)
        } else if self.draws == 1 {
            with_known_k!(self.k, |k| rows_across::<L>(self.probs, k, &mut uniforms, self.index))
        } else {
            with_known_k!(self.k, |k| draws_across::<L>(self.probs, k, self.draws, &mut uniforms, self.index))
        }
    }
}

impl Split for DrawIndex<'_> {
    fn rows(&self) -> usize {
        row_count(self.probs.len(), self.k)
    }
    fn work(&self) -> usize {
        self.probs.len().max(self.index.len())
    }
    fn split(self, row: usize) -> (Self, Self) {
        let (a, b) = rows::cut(self.probs, self.k, row);
        let (index_a, index_b) = rows::cut_mut(self.index, self.draws, row);
        let (noise_a, noise_b) = self.noise.split(row.saturating_mul(self.draws), 1);
        (
            DrawIndex { probs: a, index: index_a, noise: noise_a, ..self },
            DrawIndex { probs: b, index: index_b, noise: noise_b, ..self },
        )
    }
}

/// Whether all totals so far were positive and finite: 0, or NaN once one was not (0 times infinity is NaN, too).
#[derive(Clone, Copy)]
pub(super) struct Totals<L>(L);

impl<L: Lanes> Totals<L> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Totals(L::splat(0.0))
    }
    /// Looks at the totals in the first `count` lanes.
    #[inline(always)]
    pub(super) fn add(&mut self, total: L, count: usize) {
        let mut total = total;
        if count < L::N {
            total = L::select_lt(L::iota(), L::splat(count as f32), total, L::splat(1.0));
        }
        let zero = L::splat(0.0);
        self.0 = L::select_lt(zero, total, self.0 + total * zero, L::splat(f32::NAN));
    }
    #[inline(always)]
    pub(super) fn all(self) -> bool {
        (self.0 + L::splat(1.0)).all_positive_finite()
    }
}

/// The first probability that is NaN or infinite, or the first of a row that has none above 0. 0 where only a sum is
/// infinite, and on small targets for such a row: not worth the code that finds it (90 bytes on a Cortex-M4).
#[cold]
pub(crate) fn bad_probs(probs: &[f32], k: usize) -> Error {
    let mut at = probs.iter().position(|p| !p.is_finite());
    if SIMD && at.is_none() {
        at = row_without_category(probs, k);
    }
    Error::Value { argument: Argument::Probs, at: at.unwrap_or(0) }
}

/// Where the first row begins that has no probability above 0.
pub(crate) fn row_without_category(probs: &[f32], k: usize) -> Option<usize> {
    rows::rows(probs, k).position(|row| !row.iter().any(|p| *p > 0.0)).map(|row| row * k)
}

/// One lane: rows of any length and any number of draws, by the definition.
#[inline(always)]
fn one_by_one<L: Lanes>(probs: &[f32], k: usize, draws: usize, uniforms: &mut Uniforms<'_>, index: &mut [u32]) -> bool {
    let mut index = index;
    for row in rows::rows(probs, k) {
        let (mine, rest) = core::mem::take(&mut index).split_at_mut_checked(draws).unwrap_or_default();
        index = rest;
        let (_, total) = find(row, f32::INFINITY);
        for index in mine {
            let (mut hit, _) = find(row, uniforms.lanes::<L>(1).first() * total);
            if hit == row.len() {
                // Rounding has left none, or there is none: NaN and infinity exceed nothing. (Looking at each total
                // takes 24 bytes more.)
                if !is_positive_finite(total) {
                    return false;
                }
                hit = row.iter().rposition(|p| *p > 0.0).unwrap_or(0);
            }
            *index = hit as u32;
        }
    }
    true
}

/// The first category of positive probability whose prefix sum exceeds `threshold`, k where there is none; and the last
/// prefix sum on the way.
fn find(row: &[f32], threshold: f32) -> (usize, f32) {
    let (mut rest, mut start, mut base) = (row, 0, 0.0);
    loop {
        let (mut block, mut next) = (rest, None);
        if let Some((whole, tail)) = rest.split_first_chunk::<LANES>().filter(|(_, tail)| !tail.is_empty()) {
            (block, next) = (whole, Some((base + fold_in_one_place(whole), tail)));
        }
        // No prefix sum of a block exceeds the threshold while its end is safely below.
        let beyond = next.is_none_or(|(end, _)| end * PREFIX_SLACK > threshold);
        if beyond {
            let (hit, sum) = find_in_block(block, base, threshold);
            if hit < block.len() || next.is_none() {
                return (start + hit, sum);
            }
        }
        if let Some((end, tail)) = next {
            (rest, start, base) = (tail, start + LANES, end);
        }
    }
}

/// [`find`] in one block, before which the prefix sum is `base`.
pub(super) fn find_in_block(block: &[f32], base: f32, threshold: f32) -> (usize, f32) {
    let (mut sum, mut prefix) = (0.0, base);
    for (j, p) in block.iter().enumerate() {
        sum += p;
        prefix = base + sum;
        if prefix > threshold && *p > 0.0 {
            return (j, prefix);
        }
    }
    (block.len(), prefix)
}

/// One draw for each row, k <= 16: lanes, of which there are many, hold rows.
#[inline(always)]
fn rows_across<L: Lanes>(probs: &[f32], k: usize, uniforms: &mut Uniforms<'_>, index: &mut [u32]) -> bool {
    let (mut tile, mut totals) = (ZEROS, Totals::new());
    for (index, probs) in index.chunks_mut(L::N).zip(probs.chunks(L::N * k.max(1))) {
        let u = uniforms.lanes::<L>(index.len());
        transpose_in::<L>(probs, k, &mut tile);
        let count = index.len();
        totals.add(invert::<L>(tile_rows(&tile, k), u, index), count);
    }
    totals.all()
}

/// Many draws for each row, k <= 16: lanes hold draws of one row.
#[inline(always)]
fn draws_across<L: Lanes>(
    probs: &[f32],
    k: usize,
    draws: usize,
    uniforms: &mut Uniforms<'_>,
    index: &mut [u32],
) -> bool {
    let mut tile = ZEROS;
    let (mut index, mut totals) = (index, Totals::new());
    for row in rows::rows(probs, k) {
        let (mine, rest) = core::mem::take(&mut index).split_at_mut_checked(draws).unwrap_or_default();
        index = rest;
        broadcast(row, &mut tile);
        for index in mine.chunks_mut(L::N) {
            let u = uniforms.lanes::<L>(index.len());
            totals.add(invert::<L>(tile_rows(&tile, k), u, index), L::N);
        }
    }
    totals.all()
}

/// Inverts the cumulative sum of each lane's row of at most 16 probabilities. Returns their totals.
#[inline(always)]
fn invert<L: Lanes>(probs: &[f32], u: L, index: &mut [u32]) -> L {
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
        Some(index) => *index = bits.map(f32::to_bits),
        _ => {
            for (index, bits) in index.iter_mut().zip(bits) {
                *index = bits.to_bits();
            }
        }
    }
    total
}

/// Writes a one-hot row for each index.
#[derive(Debug)]
pub struct OneHot<'a> {
    /// The category of each row, below k.
    pub index: &'a [u32],
    /// Categories in a row.
    pub k: usize,
    /// rows x k, written.
    pub out: &'a mut [f32],
}

impl Kernel for OneHot<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        /// Rows that are cleared at once: a long run of zeros is written faster than many short ones, and what was
        /// just written is still near when the ones follow.
        const BLOCK: usize = 256;
        let OneHot { index, k, out } = self;
        for (out, index) in out.chunks_mut(BLOCK.saturating_mul(k).max(1)).zip(index.chunks(BLOCK)) {
            out.fill(0.0);
            let mut start = 0;
            for index in index {
                if let Some(x) = out.get_mut(start + *index as usize) {
                    *x = 1.0;
                }
                start += k;
            }
        }
    }
}

impl Split for OneHot<'_> {
    fn rows(&self) -> usize {
        self.index.len()
    }
    fn work(&self) -> usize {
        self.out.len()
    }
    fn split(self, row: usize) -> (Self, Self) {
        let (index_a, index_b) = self.index.split_at_checked(row).unwrap_or((self.index, &[]));
        let (a, b) = rows::cut_mut(self.out, self.k, row);
        (OneHot { index: index_a, out: a, ..self }, OneHot { index: index_b, out: b, ..self })
    }
}

/// Writes 1 for each draw of category `column`, 0 for the others: one column of the one-hot matrix.
#[derive(Debug)]
pub struct Indicator<'a> {
    /// The category of each draw.
    pub index: &'a [u32],
    /// The category that counts.
    pub column: u32,
    /// A number for each draw, written.
    pub out: &'a mut [f32],
}

impl Kernel for Indicator<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (out, index) in self.out.iter_mut().zip(self.index) {
            *out = if *index == self.column { 1.0 } else { 0.0 };
        }
    }
}
