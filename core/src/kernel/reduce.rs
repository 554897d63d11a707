//! Sums over a whole slice, in the order that `kernel` defines for rows; long ones block by block.

use super::lanes::{Function, Lanes, Sums, fold};
use super::serial::sum_of_products;
use super::{LANES, LONG, SHORT};
use crate::Kernel;

/// The sum of the products of two slices of equal length.
#[derive(Debug)]
pub struct Dot<'a> {
    /// First factor.
    pub a: &'a [f32],
    /// Second factor.
    pub b: &'a [f32],
}

/// The sum of a slice.
#[derive(Debug)]
pub struct Sum<'a> {
    /// The terms.
    pub x: &'a [f32],
}

impl Kernel for Dot<'_> {
    type Out = f32;
    #[inline(always)]
    fn run<L: Lanes>(self) -> f32 {
        let len = self.a.len().min(self.b.len());
        let (a, b) = (self.a.get(..len).unwrap_or(&[]), self.b.get(..len).unwrap_or(&[]));
        // No `fold`: its closure would not be compiled for the level.
        let mut sum = 0.0;
        for (a, b) in a.chunks(LONG).zip(b.chunks(LONG)) {
            sum += dot_of_block::<L>(a, b);
        }
        sum
    }
}

#[inline(always)]
fn dot_of_block<L: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    if L::N == 1 {
        return sum_of_products(a, b);
    }
    if a.len() <= SHORT {
        return a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b);
    }
    let mut sums = L::Sums::zero();
    for (step, (a, b)) in a.chunks(L::N).zip(b.chunks(L::N)).enumerate() {
        sums.add(step, L::load(a) * L::load(b));
    }
    sums.fold()
}

impl Kernel for Sum<'_> {
    type Out = f32;
    #[inline(always)]
    fn run<L: Lanes>(self) -> f32 {
        let mut sum = 0.0;
        for x in self.x.chunks(LONG) {
            sum += sum_of_block::<L>(x);
        }
        sum
    }
}

#[inline(always)]
fn sum_of_block<L: Lanes>(x: &[f32]) -> f32 {
    if L::N == 1 {
        return sum_of_products(x, &[]);
    }
    if x.len() <= SHORT {
        return x.iter().fold(0.0, |sum, x| sum + x);
    }
    let mut sums = L::Sums::zero();
    for (step, x) in x.chunks(L::N).enumerate() {
        sums.add(step, L::load(x));
    }
    sums.fold()
}

/// The sum of a function of each element.
#[derive(Debug)]
pub struct SumOf<'a, F> {
    /// The function.
    pub f: F,
    /// Its arguments.
    pub x: &'a [f32],
}

impl<F: Function<1>> Kernel for SumOf<'_, F> {
    type Out = f32;
    #[inline(always)]
    fn run<L: Lanes>(self) -> f32 {
        let mut sum = 0.0;
        for x in self.x.chunks(LONG) {
            sum += sum_of_function::<L, F>(self.f, x);
        }
        sum
    }
}

#[inline(always)]
fn sum_of_function<L: Lanes, F: Function<1>>(f: F, x: &[f32]) -> f32 {
    if x.len() <= SHORT {
        let mut terms = [0.0; SHORT];
        for (x, term) in x.chunks(L::N).zip(terms.chunks_mut(L::N)) {
            f.call([L::load(x)]).store(term);
        }
        return terms.iter().take(x.len()).fold(0.0, |sum, x| sum + x);
    }
    let mut sums = L::Sums::zero();
    let whole = x.len() / L::N;
    let mut blocks = x.chunks(L::N);
    for (step, x) in blocks.by_ref().take(whole).enumerate() {
        sums.add(step, f.call([L::load(x)]));
    }
    for x in blocks {
        // Lanes beyond the end hold f(0): they must not count.
        let mut terms = [0.0; LANES];
        f.call([L::load(x)]).store(&mut terms);
        sums.add(whole, L::load(terms.get(..x.len()).unwrap_or(&terms)));
    }
    sums.fold()
}

/// Column sums added onto `out`: `out[c] += sum over r of x[r, c]`, each column in the order of its rows: up to 16 rows
/// one after the other, more into sixteen running sums, 2^14 rows at a time.
#[derive(Debug)]
pub struct AddColumnSums<'a> {
    /// Rows of `out.len()` elements.
    pub x: &'a [f32],
    /// One element for each column.
    pub out: &'a mut [f32],
}

impl Kernel for AddColumnSums<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let cols = self.out.len();
        for x in self.x.chunks(LONG.saturating_mul(cols).max(1)) {
            add_column_sums::<L>(x, self.out);
        }
    }
}

#[inline(always)]
fn add_column_sums<L: Lanes>(x: &[f32], out: &mut [f32]) {
    let cols = out.len();
    let long = x.len() > SHORT.saturating_mul(cols);
    for (block, out) in out.chunks_mut(L::N).enumerate() {
        let mut sums = [L::splat(0.0); LANES];
        let mut rest = x.get(block * L::N..).unwrap_or(&[]);
        let mut row = 0;
        while !rest.is_empty() {
            let slot = if long { row % LANES } else { 0 };
            if let Some(sum) = sums.get_mut(slot) {
                *sum = *sum + L::load(rest.get(..out.len()).unwrap_or(rest));
            }
            rest = rest.get(cols..).unwrap_or(&[]);
            row += 1;
        }
        (L::load(out) + fold(sums)).store(out);
    }
}
