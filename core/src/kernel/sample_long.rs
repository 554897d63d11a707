//! Drawing from rows of more than 16 categories, by the definition in [`super::sample`].
//!
//! The prefix sums at the ends of blocks say which block the draw falls in; the running sum inside that block says
//! where. A running sum is a chain of sixteen additions: with lanes, sixteen rows go through it side by side.

use super::LANES;
use super::lanes::{Lanes, Sums, fold};
use super::rows;
use super::sample::{Totals, find_in_block};
use super::tile::ZEROS;
use crate::random::Uniforms;

/// How many prefix sums of a row are kept: one for each whole block up to k = 1024, else one for each few of them.
const GROUPS: usize = 64;

/// The running sum of a block and its fold differ by at most 2^-18 of the prefix: 15 + 4 roundings, and the additions
/// of the bases.
pub(super) const PREFIX_SLACK: f32 = 1.0 + 1.0 / 262_144.0;

/// `draws` indices for each row of k probabilities.
#[inline(always)]
pub(super) fn long_rows<L: Lanes>(
    probs: &[f32],
    k: usize,
    draws: usize,
    uniforms: &mut Uniforms<'_>,
    index: &mut [u32],
) -> bool {
    if draws == 1 {
        return side_by_side::<L>(probs, k, uniforms, index);
    }
    let (mut index, mut totals) = (index, Totals::<L>::new());
    let mut ends = [0.0; GROUPS];
    for row in rows::rows(probs, k) {
        let (mine, rest) = core::mem::take(&mut index).split_at_mut_checked(draws).unwrap_or_default();
        index = rest;
        let ends = Ends::new::<L>(row, &mut ends);
        let total = sequential(ends.last_block) + ends.base;
        totals.add(L::splat(total), L::N);
        for index in mine {
            let threshold = uniforms.next::<L>() * total;
            let block = ends.block(row, threshold);
            let (above, _) = block.values.iter().fold((0, 0.0), |(above, sum), p| {
                let sum = sum + p;
                (above + usize::from(block.base + sum > threshold), sum)
            });
            *index = block.finish(row, block.values.len() - above, threshold);
        }
    }
    totals.all()
}

/// One draw for each row, sixteen rows at a time.
#[inline(always)]
fn side_by_side<L: Lanes>(probs: &[f32], k: usize, uniforms: &mut Uniforms<'_>, index: &mut [u32]) -> bool {
    let mut totals = Totals::new();
    let mut ends = [[0.0; GROUPS]; LANES];
    // One block of each row, and its transpose.
    let (mut blocks, mut columns) = (ZEROS, ZEROS);
    for (index, probs) in index.chunks_mut(LANES).zip(probs.chunks(LANES.saturating_mul(k).max(1))) {
        let mut rows_ends = [Ends::default(); LANES];
        let mut bases = [0.0; LANES];
        for ((((row, ends), slot), base), block) in
            rows::rows(probs, k).zip(&mut ends).zip(&mut rows_ends).zip(&mut bases).zip(blocks.iter_mut())
        {
            *slot = Ends::new::<L>(row, ends);
            *base = slot.base;
            copy_block(slot.last_block, block);
        }
        L::load_columns(blocks.as_flattened(), LANES, &mut columns);
        let total = columns.iter().fold(L::splat(0.0), |sum, p| sum + L::load(p)) + L::load(&bases);
        totals.add(total, index.len());
        let threshold = uniforms.lanes::<L>(index.len()) * total;
        let mut thresholds = [0.0; LANES];
        threshold.store(&mut thresholds);
        let mut found = [Block::default(); LANES];
        for (((((row, ends), slot), base), block), threshold) in
            rows::rows(probs, k).zip(&rows_ends).zip(&mut found).zip(&mut bases).zip(blocks.iter_mut()).zip(&thresholds)
        {
            *slot = ends.block(row, *threshold);
            *base = slot.base;
            copy_block(slot.values, block);
        }
        L::load_columns(blocks.as_flattened(), LANES, &mut columns);
        let (base, one, zero) = (L::load(&bases), L::splat(1.0), L::splat(0.0));
        let (mut sum, mut below) = (zero, zero);
        for p in columns.iter() {
            sum = sum + L::load(p);
            below = below + L::select_lt(threshold, base + sum, zero, one);
        }
        let mut counts = [0.0; LANES];
        below.store(&mut counts);
        for ((((row, block), index), below), threshold) in
            rows::rows(probs, k).zip(&found).zip(index).zip(counts).zip(thresholds)
        {
            *index = block.finish(row, below as usize, threshold);
        }
    }
    totals.all()
}

/// A block with zeros behind it: they change no sum.
#[inline(always)]
fn copy_block(block: &[f32], out: &mut [f32; LANES]) {
    match block.first_chunk::<LANES>() {
        Some(block) => *out = *block,
        None => {
            *out = [0.0; LANES];
            for (out, p) in out.iter_mut().zip(block) {
                *out = *p;
            }
        }
    }
}

#[inline(always)]
fn sequential(block: &[f32]) -> f32 {
    block.iter().fold(0.0, |sum, p| sum + p)
}

/// Where the prefix sums of a row have got to at the ends of its blocks.
#[derive(Clone, Copy, Default)]
struct Ends<'a> {
    /// One for each group of blocks; the row's last block is in none.
    ends: &'a [f32],
    /// Elements of a group.
    group: usize,
    /// The prefix sum where the last block begins.
    base: f32,
    /// The last block, which may be shorter.
    last_block: &'a [f32],
}

impl<'a> Ends<'a> {
    #[inline(always)]
    fn new<L: Lanes>(row: &'a [f32], ends: &'a mut [f32; GROUPS]) -> Self {
        let blocks = row.len().saturating_sub(1) / LANES;
        let (mut rest, last_block) = row.split_at_checked(blocks * LANES).unwrap_or((row, &[]));
        let (mut base, mut used) = (0.0, 0);
        let blocks_of_group = blocks / GROUPS + 1;
        for end in ends.iter_mut() {
            if rest.is_empty() {
                break;
            }
            for _ in 0..blocks_of_group {
                let Some((block, tail)) = rest.split_first_chunk::<LANES>() else { break };
                base += L::Sums::of(block).fold();
                rest = tail;
            }
            *end = base;
            used += 1;
        }
        Ends { ends: ends.get(..used).unwrap_or(&[]), group: blocks_of_group * LANES, base, last_block }
    }

    /// The first block that may hold a prefix sum above `threshold`.
    #[inline(always)]
    fn block(&self, row: &'a [f32], threshold: f32) -> Block<'a> {
        // No prefix inside a group can exceed the threshold while its end is safely below. Ends ascend, so counting
        // finds the first group that may have a hit, without a branch that nobody can predict.
        let beyond = self.ends.iter().fold(0, |count, end| count + usize::from(*end * PREFIX_SLACK > threshold));
        let skipped = self.ends.len() - beyond;
        let mut base = skipped.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0.0);
        // The last group may have fewer blocks than the others: behind it comes the last block.
        let mut start = (skipped * self.group).min(row.len() - self.last_block.len());
        let mut rest = row.get(start..).unwrap_or(&[]);
        if self.group > LANES {
            // The same inside the group.
            while let Some((block, tail)) = rest.split_first_chunk::<LANES>() {
                let end = base + fold(*block);
                if tail.is_empty() || end * PREFIX_SLACK > threshold {
                    break;
                }
                (base, rest, start) = (end, tail, start + LANES);
            }
        }
        Block { start, base, values: rest.get(..LANES).unwrap_or(rest) }
    }
}

/// A block of a row that may hold the drawn category.
#[derive(Clone, Copy, Default)]
struct Block<'a> {
    start: usize,
    /// The prefix sum where it begins.
    base: f32,
    values: &'a [f32],
}

impl Block<'_> {
    /// The index, where `below` running sums of the block do not exceed the threshold.
    #[inline(always)]
    fn finish(&self, row: &[f32], below: usize, threshold: f32) -> u32 {
        match self.values.get(below) {
            // Where a sum first exceeds the threshold it has just grown.
            Some(p) if *p > 0.0 => (self.start + below) as u32,
            _ => scan(row, self.start, self.base, threshold),
        }
    }
}

/// The rare rest: no hit in a block because its fold was rounded up, or the threshold already exceeded before it.
#[cold]
fn scan(row: &[f32], mut start: usize, mut base: f32, threshold: f32) -> u32 {
    for block in row.get(start..).unwrap_or(&[]).chunks(LANES) {
        let (hit, _) = find_in_block(block, base, threshold);
        if hit < block.len() {
            return (start + hit) as u32;
        }
        base += block.first_chunk::<LANES>().map_or(0.0, |block| fold(*block));
        start += LANES;
    }
    row.iter().rposition(|p| *p > 0.0).unwrap_or(0) as u32
}
