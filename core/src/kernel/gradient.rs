//! From draws back to logits: runs an estimator's formula for every draw and sums the draws of a row.
//!
//! A formula is written once, for lanes across rows, across the draws of one row, or along a long row. The order of
//! the sum over draws belongs to the result: with k <= 16, draw d goes to running sum d mod 16 and the sixteen sums are
//! folded 8, 4, 2, 1 before they are added to the gradient; with k > 16 draws are added one after the other.

use super::aligned::Aligned;
use super::direction::{Across, Along, Direction, Serial};
use super::lanes::{Lanes, Scalar};
use super::rows::{self, with_known_k};
use super::serial::{FoldTree, bit_reversed};
use super::tile::{Tile, ZEROS, add_folded, broadcast, tile_rows, tile_rows_mut, transpose_in, transpose_out};
use super::{LANES, SHORT};
use crate::{Kernel, Split};

/// What a backward pass reads. Slices of a row's categories; `draws` draws for each row, side by side.
#[derive(Clone, Copy, Debug)]
pub struct GradientInputs<'a> {
    /// rows x k.
    pub logits: &'a [f32],
    /// rows x k: softmax of the logits (tau = 1). With a number in it that is not finite the gradient of its row is
    /// unspecified, and may differ between backends.
    pub probs: &'a [f32],
    /// rows * draws: the category of each draw.
    pub index: &'a [u32],
    /// rows * draws * what the estimator saves for each draw.
    pub saved: &'a [f32],
    /// (rows * draws) x k: the gradient of the loss with respect to each draw's one-hot vector.
    pub upstream: &'a [f32],
    /// Categories in a row.
    pub k: usize,
    /// Draws for each row, at least 1. Their gradients are added up in single precision: with k > 16 one after the
    /// other, which for 10^5 draws of one row can cost 1e-3 of their sum.
    pub draws: usize,
    /// Where given (k <= 16 only), `upstream` has one element for each draw: the gradient with respect to this column
    /// of the one-hot vector. That of all other columns is 0.
    pub column: Option<u32>,
}

/// What a formula sees. Its slices are read N floats at a time: for lanes across rows or draws, vector s is category s
/// of N draws; for lanes along a row, it is the N categories from s * N on of one draw.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a, L> {
    /// Logits of each lane's row; unspecified unless [`Formula::LOGITS`].
    pub logits: &'a [f32],
    /// Probabilities of each lane's row.
    pub probs: &'a [f32],
    /// What the forward pass saved for each lane's draw, [`Formula::saved_per_draw`] numbers.
    pub saved: &'a [f32],
    /// Upstream gradient of each lane's draw.
    pub upstream: &'a [f32],
    /// The category of each lane's draw.
    pub index: L,
}

/// An estimator's gradient for one draw.
pub trait Formula: Copy + Send {
    /// Whether it reads the logits.
    const LOGITS: bool;
    /// How many of the saved floats belong to a draw among k categories. Where that is more than 16 for k <= 16, every
    /// backend computes in one lane, which is slow.
    #[inline(always)]
    fn saved_per_draw(_k: usize) -> usize {
        0
    }
    /// Whether `add_with` has a use for scratch memory.
    const USES_SCRATCH: bool = false;
    /// Whether code of its own for a common number of categories is worth building ([`Kernel::BY_CATEGORIES`]).
    const BY_CATEGORIES: bool = false;
    /// Whether it is the same computation in every [`Direction`], so that one lane needs it only once.
    const ONE_BODY: bool = false;
    /// Adds the gradient of the logits to `grad`. A draw whose upstream gradient is 0 must add 0.
    fn add<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, grad: &mut [f32]);
    /// The same bits, where there is memory for numbers that `add` would compute twice. `scratch` is a number for
    /// each of `grad`.
    #[inline(always)]
    fn add_with<L: Lanes, D: Direction<L>>(self, group: Group<'_, L>, _scratch: &mut [f32], grad: &mut [f32]) {
        self.add::<L, D>(group, grad);
    }
}

/// Rows of up to this many categories get scratch memory on SIMD backends: 4 KiB of stack.
const MAX_K_WITH_SCRATCH: usize = 1024;

/// `grad += sum over draws of the formula`, for every row. Lengths have been checked.
#[derive(Debug)]
pub struct AddGradient<'a, F> {
    /// The formula.
    pub formula: F,
    /// What it reads.
    pub inputs: GradientInputs<'a>,
    /// rows x k, added to.
    pub grad: &'a mut [f32],
}

impl<F: Formula> Kernel for AddGradient<'_, F> {
    type Out = ();
    // A formula with scratch memory keeps exponentials there, so it has enough arithmetic for fused lanes to pay.
    const FUSES: bool = F::USES_SCRATCH;
    const BY_CATEGORIES: bool = F::BY_CATEGORIES;
    #[inline(always)]
    fn categories(&mut self) -> Option<&mut usize> {
        Some(&mut self.inputs.k)
    }
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let AddGradient { formula, inputs, grad } = self;
        if L::N == 1 && F::ONE_BODY {
            one_lane::<L, F, Serial>(formula, inputs, grad);
        } else if inputs.k > SHORT {
            long_rows::<L, F>(formula, inputs, grad);
        } else if L::N == 1 {
            one_lane::<L, F, Across>(formula, inputs, grad);
        } else if F::saved_per_draw(inputs.k) > SHORT {
            beyond_a_tile(formula, inputs, grad);
        } else if inputs.draws == 1 {
            with_known_k!(inputs.k, |k| rows_across::<L, F>(formula, GradientInputs { k, ..inputs }, grad));
        } else {
            with_known_k!(inputs.k, |k| draws_across::<L, F>(formula, GradientInputs { k, ..inputs }, grad));
        }
    }
}

impl<F: Formula> Split for AddGradient<'_, F> {
    fn rows(&self) -> usize {
        rows::row_count(self.grad.len(), self.inputs.k)
    }
    fn work(&self) -> usize {
        self.inputs.upstream.len().max(self.grad.len())
    }
    fn split(self, row: usize) -> (Self, Self) {
        let AddGradient { formula, inputs, grad } = self;
        let (a, b) = inputs.split(row);
        let (grad_a, grad_b) = rows::cut_mut(grad, inputs.k, row);
        (AddGradient { formula, inputs: a, grad: grad_a }, AddGradient { formula, inputs: b, grad: grad_b })
    }
}

/// `count` rows of `k` elements, from row `first`; empty where the matrix is (an operand that is not used).
#[inline(always)]
fn take(x: &[f32], k: usize, first: usize, count: usize) -> &[f32] {
    x.get(first * k..(first + count) * k).unwrap_or(&[])
}

impl<'a> GradientInputs<'a> {
    /// What rows `.. row` read, and what the others do.
    fn split(self, row: usize) -> (Self, Self) {
        let (k, draws) = (self.k, self.draws);
        let (logits, later_logits) = rows::cut(self.logits, k, row);
        let (probs, later_probs) = rows::cut(self.probs, k, row);
        let first = row.saturating_mul(draws);
        let (index, later_index) = self.index.split_at_checked(first).unwrap_or((self.index, &[]));
        let per_draw = |len: usize| len.checked_div(self.index.len()).unwrap_or(0);
        let (saved, later_saved) = rows::cut(self.saved, per_draw(self.saved.len()), first);
        let (upstream, later_upstream) = rows::cut(self.upstream, per_draw(self.upstream.len()), first);
        (
            GradientInputs { logits, probs, index, saved, upstream, ..self },
            GradientInputs {
                logits: later_logits,
                probs: later_probs,
                index: later_index,
                saved: later_saved,
                upstream: later_upstream,
                ..self
            },
        )
    }

    /// One draw of one row, as a formula sees it. `buffer` is where a single column's gradient becomes a row: zeros to
    /// begin with, of which only element `column` is ever written, so that one serves all draws.
    #[inline(always)]
    pub(crate) fn single<'r, L: Lanes, F: Formula>(
        &self,
        row: usize,
        draw: usize,
        buffer: &'r mut [f32; SHORT],
    ) -> Group<'r, L>
    where
        'a: 'r,
    {
        Group {
            // Also for formulas that do not read them: without, the compiler makes twice the instructions of some
            // loops.
            logits: take(self.logits, self.k, row, 1),
            probs: take(self.probs, self.k, row, 1),
            saved: take(self.saved, F::saved_per_draw(self.k), draw, 1),
            upstream: self.upstream_of(draw, buffer),
            index: L::splat(self.index.get(draw).map_or(0.0, |index| *index as f32)),
        }
    }

    /// The upstream gradient of one draw, k elements. `buffer` is where a single column's becomes a row.
    #[inline(always)]
    pub(crate) fn upstream_of<'r>(&self, draw: usize, buffer: &'r mut [f32; SHORT]) -> &'r [f32]
    where
        'a: 'r,
    {
        match self.column {
            None => take(self.upstream, self.k, draw, 1),
            Some(column) => {
                if let (Some(slot), Some(g)) = (buffer.get_mut(column as usize), self.upstream.get(draw)) {
                    *slot = *g;
                }
                buffer.get(..self.k).unwrap_or(&[])
            }
        }
    }

    /// The indices of up to N draws.
    #[inline(always)]
    fn indices<L: Lanes>(&self, first: usize, count: usize) -> L {
        let mut lanes = [0.0; LANES];
        let index = self.index.get(first..first + count).unwrap_or(&[]);
        if let Some(index) = index.first_chunk::<LANES>() {
            // A whole block converts in one instruction.
            lanes = index.map(|index| index as i32 as f32);
        } else {
            for (lane, index) in lanes.iter_mut().zip(index) {
                *lane = *index as i32 as f32;
            }
        }
        L::load(&lanes)
    }
}

/// Long rows, one draw after the other.
#[inline(always)]
fn long_rows<L: Lanes, F: Formula>(formula: F, inputs: GradientInputs<'_>, grad: &mut [f32]) {
    if L::N == 1 || !F::USES_SCRATCH || inputs.k > MAX_K_WITH_SCRATCH {
        return each_draw::<L, F>(formula, inputs, grad);
    }
    let (mut scratch, mut buffer) = (Aligned([0.0; MAX_K_WITH_SCRATCH]), [0.0; SHORT]);
    let scratch = scratch.get_mut(..inputs.k).unwrap_or_default();
    for (row, grad) in rows::rows_mut(grad, inputs.k).enumerate() {
        for draw in row * inputs.draws..(row + 1) * inputs.draws {
            let group = inputs.single::<L, F>(row, draw, &mut buffer);
            formula.add_with::<L, Along>(group, scratch, grad);
        }
    }
}

#[inline(always)]
fn each_draw<L: Lanes, F: Formula>(formula: F, inputs: GradientInputs<'_>, grad: &mut [f32]) {
    let mut buffer = [0.0; SHORT];
    for (row, grad) in rows::rows_mut(grad, inputs.k).enumerate() {
        for draw in row * inputs.draws..(row + 1) * inputs.draws {
            let group = inputs.single::<L, F>(row, draw, &mut buffer);
            formula.add::<L, Along>(group, grad);
        }
    }
}

/// The transposed operands of sixteen draws.
struct Tiles {
    logits: Tile,
    probs: Tile,
    saved: Tile,
    upstream: Tile,
    grad: Tile,
    scratch: Tile,
}

impl Tiles {
    #[inline(always)]
    fn new() -> Self {
        Tiles { logits: ZEROS, probs: ZEROS, saved: ZEROS, upstream: ZEROS, grad: ZEROS, scratch: ZEROS }
    }

    /// The upstream gradients of up to sixteen draws.
    #[inline(always)]
    fn load_upstream<L: Lanes>(&mut self, inputs: &GradientInputs<'_>, first: usize, count: usize) {
        match inputs.column {
            None => transpose_in::<L>(take(inputs.upstream, inputs.k, first, count), inputs.k, &mut self.upstream),
            // Columns are written whole, so that with k known a tile can stay in registers.
            Some(column) => {
                let mut lanes = [0.0; LANES];
                L::load(take(inputs.upstream, 1, first, count)).store(&mut lanes);
                for (j, slot) in self.upstream.iter_mut().take(inputs.k).enumerate() {
                    *slot = if j == column as usize { lanes } else { [0.0; LANES] };
                }
            }
        }
    }

    /// Adds the formula's gradient to the gradient's tile.
    #[inline(always)]
    fn add<L: Lanes, F: Formula>(&mut self, formula: F, k: usize, index: L) {
        let group = Group {
            logits: if F::LOGITS { tile_rows(&self.logits, k) } else { &[] },
            probs: tile_rows(&self.probs, k),
            saved: tile_rows(&self.saved, F::saved_per_draw(k)),
            upstream: tile_rows(&self.upstream, k),
            index,
        };
        let scratch = tile_rows_mut(&mut self.scratch, k);
        formula.add_with::<L, Across>(group, scratch, tile_rows_mut(&mut self.grad, k));
    }
}

#[inline(always)]
fn rows_across<L: Lanes, F: Formula>(formula: F, inputs: GradientInputs<'_>, grad: &mut [f32]) {
    let k = inputs.k;
    let mut tiles = Tiles::new();
    let mut first = 0;
    for grad in grad.chunks_mut(LANES * k.max(1)) {
        let count = LANES.min(inputs.index.len().saturating_sub(first));
        if F::LOGITS {
            transpose_in::<L>(take(inputs.logits, k, first, count), k, &mut tiles.logits);
        }
        transpose_in::<L>(take(inputs.probs, k, first, count), k, &mut tiles.probs);
        if F::saved_per_draw(k) > 0 {
            let saved = F::saved_per_draw(k);
            transpose_in::<L>(take(inputs.saved, saved, first, count), saved, &mut tiles.saved);
        }
        tiles.load_upstream::<L>(&inputs, first, count);
        transpose_in::<L>(grad, k, &mut tiles.grad);
        tiles.add::<L, F>(formula, k, inputs.indices(first, count));
        transpose_out::<L>(&tiles.grad, k, grad);
        first += LANES;
    }
}

#[inline(always)]
fn draws_across<L: Lanes, F: Formula>(formula: F, inputs: GradientInputs<'_>, grad: &mut [f32]) {
    let k = inputs.k;
    let mut tiles = Tiles::new();
    for (row, grad) in rows::rows_mut(grad, k).enumerate() {
        if F::LOGITS {
            broadcast(take(inputs.logits, k, row, 1), &mut tiles.logits);
        }
        broadcast(take(inputs.probs, k, row, 1), &mut tiles.probs);
        for column in tiles.grad.iter_mut() {
            *column = [0.0; LANES];
        }
        let mut offset = 0;
        while offset < inputs.draws {
            let (first, count) = (row * inputs.draws + offset, LANES.min(inputs.draws - offset));
            if F::saved_per_draw(k) > 0 {
                let saved = F::saved_per_draw(k);
                transpose_in::<L>(take(inputs.saved, saved, first, count), saved, &mut tiles.saved);
            }
            tiles.load_upstream::<L>(&inputs, first, count);
            tiles.add::<L, F>(formula, k, inputs.indices(first, count));
            offset += LANES;
        }
        add_folded::<L>(&tiles.grad, grad);
    }
}

/// Short rows whose draws save more than a tile holds. Out of the way: compiled once, and not for every level.
#[inline(never)]
fn beyond_a_tile<F: Formula>(formula: F, inputs: GradientInputs<'_>, grad: &mut [f32]) {
    one_lane::<Scalar, F, Across>(formula, inputs, grad);
}

/// Rows with one lane. A single draw is added as it is, and so is each of a long row; many of a short row have sixteen
/// running sums, one after the other, folded as they come. The formula is called in one place: it is the larger part of
/// the code.
#[inline(always)]
fn one_lane<L: Lanes, F: Formula, D: Direction<L>>(formula: F, inputs: GradientInputs<'_>, grad: &mut [f32]) {
    let direct = inputs.draws == 1 || inputs.k > SHORT;
    let (turns, stride) = if direct { (1, 1) } else { (LANES, LANES) };
    let (mut tree, mut buffer, mut sum) = (FoldTree::new(), [0.0; SHORT], [0.0; SHORT]);
    for (row, grad) in rows::rows_mut(grad, inputs.k).enumerate() {
        for turn in 0..turns {
            if !direct {
                sum.fill(0.0);
            }
            let mut offset = bit_reversed(turn);
            while offset < inputs.draws {
                let draw = row * inputs.draws + offset;
                let group = inputs.single::<L, F>(row, draw, &mut buffer);
                let target = if direct { &mut *grad } else { sum.get_mut(..inputs.k).unwrap_or_default() };
                formula.add::<L, D>(group, target);
                offset += stride;
            }
            if !direct {
                tree.carry(turn, &mut sum);
            }
        }
        if !direct {
            for (grad, sum) in grad.iter_mut().zip(&sum) {
                *grad += *sum;
            }
        }
    }
}
