//! softmax of rows that are a few vectors long, four rows at a time.
//!
//! In one row each exponential waits for the maximum and each division for the sum; with two to four vectors there is
//! little else to do meanwhile. So four rows go through each phase together. Exponentials go to a buffer of whole
//! vectors: storing a part of a vector is a branch, and the compiler would sink each exponential behind it.

use super::LANES;
use super::aligned::Aligned;
use super::exp::exp_nonpositive_of_each;
use super::lanes::{Lanes, Sums};
use super::rows::{rows, rows_mut};

/// Rows at a time.
const ROWS: usize = 4;

/// Vectors that a row can have.
const STEPS: usize = 4;

/// The longest row.
pub(super) const MEDIUM: usize = STEPS * LANES;

/// `out = softmax(logits * scale)` of as many rows as are a multiple of four; how many that are. Rows have `k`
/// categories, more than [`super::SHORT`] and at most [`MEDIUM`]. `Err(row)`: one of the four rows from `row` on has no
/// softmax.
#[inline(always)]
pub(super) fn softmax_by_four<L: Lanes>(logits: &[f32], k: usize, scale: f32, out: &mut [f32]) -> Result<usize, usize> {
    let mut exponentials = Aligned([[[0.0; LANES]; ROWS]; STEPS]);
    let mut done = 0;
    for (logits, out) in rows(logits, ROWS * k).zip(rows_mut(out, ROWS * k)) {
        if !softmax_of_four::<L>(logits, k, scale, &mut exponentials, out) {
            return Err(done);
        }
        done += ROWS;
    }
    Ok(done)
}

/// Whether all of them have one.
#[inline(always)]
fn softmax_of_four<L: Lanes>(
    logits: &[f32],
    k: usize,
    scale: f32,
    exponentials: &mut [[[f32; LANES]; ROWS]; STEPS],
    out: &mut [f32],
) -> bool {
    let mut x: [&[f32]; ROWS] = [&[]; ROWS];
    for (x, row) in x.iter_mut().zip(rows(logits, k)) {
        *x = row;
    }
    let steps = k.div_ceil(L::N);
    let mut greatest = [L::splat(f32::NEG_INFINITY); ROWS];
    for step in 0..steps {
        for (greatest, x) in greatest.iter_mut().zip(x) {
            *greatest = greatest.max(load::<L>(x, step));
        }
    }
    for greatest in &mut greatest {
        *greatest = L::splat(greatest.reduce_max());
    }
    let mut sums = [L::splat(0.0); ROWS];
    for (step, slots) in exponentials.iter_mut().take(steps).enumerate() {
        let mut e = [L::splat(0.0); ROWS];
        for ((e, greatest), x) in e.iter_mut().zip(greatest).zip(x) {
            *e = (load::<L>(x, step) - greatest) * L::splat(scale);
        }
        let e = exp_nonpositive_of_each(e);
        for ((e, sum), slot) in e.into_iter().zip(&mut sums).zip(slots) {
            *sum = *sum + e;
            e.store(slot);
        }
    }
    let mut totals = [1.0; ROWS];
    let mut fine = true;
    for (total, sum) in totals.iter_mut().zip(sums) {
        let mut terms = L::Sums::zero();
        terms.add(0, sum);
        *total = terms.fold();
        fine &= *total > 0.0 && *total < f32::INFINITY;
    }
    for ((row, out), total) in rows_mut(out, k).enumerate().zip(totals) {
        let inverse = L::splat(1.0 / total);
        for (slots, out) in exponentials.iter().zip(out.chunks_mut(L::N)) {
            if let Some(e) = slots.get(row) {
                (L::load(e) * inverse).store(out);
            }
        }
    }
    fine
}

/// Vector `step` of a row; what is not there is -inf.
#[inline(always)]
fn load<L: Lanes>(row: &[f32], step: usize) -> L {
    L::load_or(row.get(step * L::N..).unwrap_or(&[]), f32::NEG_INFINITY)
}
