//! Minimum-variance estimation: the weights of least norm among those exact for quadratic losses.
//!
//! ```text
//! grad = sum over j of W_Dj g_j,   W_DD = (e_D - p) / 2,   W_Dj = p_j / (p_D + p_j) (C_j - C_D)
//! (G + 11'/k) C = (diag p - p p') / 2,   G the Laplacian of the graph with weights p_i p_j / (p_i + p_j)
//! ```
//!
//! Hooper and Shekhovtsov (2026). Bias: terms in third and higher derivatives of the loss, as ReinMax's at tau = 1.
//! Variance of the weights: at most that of ReinMax; equal for k = 2. Cost: a Cholesky factor of (k - 1) x (k - 1) in
//! double precision for each row, O(k^3 / 6), and O(k^2) for each draw; k is at most [`MAX_MVE_CATEGORIES`], as the
//! factor lies on the stack (5 KB). It has no tau.
//!
//! No matrix W is formed. With a_j = p_j / (p_D + p_j) g_j for j != D and sum(a) = 0, the sum over j is a'C = J(p) x /
//! 2, where G x = a. J(p) ignores a constant added to x, so the most probable category's x is set to 0; the rest is
//! solved with both sides scaled by 1 / sqrt(p), which keeps the diagonal between 1/2 and k however small probabilities
//! are.

use super::{DrawInputs, Estimator, GradientInputs};
use crate::categorical;
use crate::check::check_categories;
use crate::kernel::SHORT;
use crate::kernel::lanes::Lanes;
use crate::kernel::rows::{rows, rows_mut};
use crate::{Backend, Kernel, Result};

/// The most categories that [`Mve`] takes.
pub const MAX_MVE_CATEGORIES: usize = 32;

/// Entries of the lower triangle.
const TRIANGLE: usize = MAX_MVE_CATEGORIES * (MAX_MVE_CATEGORIES + 1) / 2;

/// What a drawn category of probability 0 counts as: far below every positive f32, far above the square root's
/// underflow.
const LEAST: f64 = 1e-60;

/// One number for each category.
type Row = [f64; MAX_MVE_CATEGORIES];

/// The minimum-variance estimator.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mve;

impl Estimator for Mve {
    const NAME: &'static str = "mve";
    const MAX_CATEGORIES: usize = MAX_MVE_CATEGORIES;

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn to_config(self) -> [f32; 4] {
        [0.0; 4]
    }

    fn from_config(_: [f32; 4]) -> Self {
        Mve
    }

    fn draw<B: Backend>(
        &self,
        backend: &B,
        inputs: DrawInputs<'_>,
        index: &mut [u32],
        _saved: &mut [f32],
    ) -> Result<()> {
        check_categories(inputs.k, MAX_MVE_CATEGORIES)?;
        categorical::draw(backend, inputs.probs, inputs.k, inputs.draws, inputs.noise, index)
    }

    /// # Errors
    /// Those of the trait, and [`crate::Error::Value`] for [`crate::Argument::Categories`] beyond
    /// [`MAX_MVE_CATEGORIES`].
    fn backward<B: Backend>(&self, backend: &B, inputs: GradientInputs<'_>, grad: &mut [f32]) -> Result<()> {
        check_categories(inputs.k, MAX_MVE_CATEGORIES)?;
        inputs.check(0, grad.len())?;
        backend.run(AddMinimumVariance { inputs, grad });
        Ok(())
    }
}

/// `grad += sum over draws, in order, of the gradient`. Lengths and k have been checked. No lanes: double precision.
struct AddMinimumVariance<'a> {
    inputs: GradientInputs<'a>,
    grad: &'a mut [f32],
}

impl Kernel for AddMinimumVariance<'_> {
    type Out = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        add_rows(self.inputs, self.grad);
    }
}

/// Compiled once, not once a level.
#[inline(never)]
fn add_rows(inputs: GradientInputs<'_>, grad: &mut [f32]) {
    for (row, (probs, grad)) in rows(inputs.probs, inputs.k).zip(rows_mut(grad, inputs.k)).enumerate() {
        let mut system = System::new(probs);
        let mut factored_for = None;
        let mut sum: Row = [0.0; MAX_MVE_CATEGORIES];
        for draw in row * inputs.draws..(row + 1) * inputs.draws {
            let index = inputs.index.get(draw).copied().unwrap_or(0) as usize;
            // Only a drawn category of probability 0 changes the system.
            let key = probs.get(index).is_some_and(|p| *p <= 0.0).then_some(index);
            if draw == row * inputs.draws || key != factored_for {
                system.factor(probs, key);
                factored_for = key;
            }
            let mut buffer = [0.0; SHORT];
            system.add_gradient(inputs.upstream_of(draw, &mut buffer), index, &mut sum);
        }
        for (grad, sum) in grad.iter_mut().zip(&sum) {
            *grad += *sum as f32;
        }
    }
}

/// The scaled Laplacian of one row: entries -sqrt(p_i p_j) / (p_i + p_j) beside the diagonal.
struct System {
    p: Row,
    root: Row,
    k: usize,
    /// The category whose x is 0.
    pinned: usize,
    /// Row i of the Cholesky factor at i (i + 1) / 2.
    factor: [f64; TRIANGLE],
}

/// Where row `i` of a triangle begins.
fn start(i: usize) -> usize {
    i * (i + 1) / 2
}

impl System {
    fn new(probs: &[f32]) -> Self {
        let zero = [0.0; MAX_MVE_CATEGORIES];
        System { p: zero, root: zero, k: probs.len().min(MAX_MVE_CATEGORIES), pinned: 0, factor: [0.0; TRIANGLE] }
    }

    /// Factors the system; `impossible` names a drawn category of probability 0. Others of probability 0 are left out.
    fn factor(&mut self, probs: &[f32], impossible: Option<usize>) {
        let mut greatest = 0.0;
        for (j, ((p, root), x)) in self.p.iter_mut().zip(&mut self.root).zip(probs).enumerate() {
            *p = if impossible == Some(j) { LEAST } else { f64::from(*x) };
            *root = square_root(*p);
            if *p > greatest {
                (greatest, self.pinned) = (*p, j);
            }
        }
        for i in 0..self.k {
            for j in 0..=i {
                let entry = if i == j { self.diagonal(i) } else { -self.coupling(i, j) };
                let sum = self.row(i).iter().zip(self.row(j)).take(j).fold(entry, |sum, (a, b)| sum - a * b);
                let value = if i == j { square_root(sum) } else { sum / self.row(j).get(j).copied().unwrap_or(1.0) };
                if let Some(slot) = self.factor.get_mut(start(i) + j) {
                    *slot = value;
                }
            }
        }
    }

    /// Row i of the factor.
    fn row(&self, i: usize) -> &[f64] {
        self.factor.get(start(i)..start(i + 1)).unwrap_or(&[])
    }

    /// Whether category i is an unknown of the system.
    fn is_unknown(&self, i: usize) -> bool {
        i != self.pinned && self.p.get(i).is_some_and(|p| *p > 0.0)
    }

    /// sqrt(p_i p_j) / (p_i + p_j) between two unknowns, else 0.
    fn coupling(&self, i: usize, j: usize) -> f64 {
        match (self.p.get(i), self.p.get(j), self.root.get(i), self.root.get(j)) {
            (Some(p), Some(q), Some(a), Some(b)) if self.is_unknown(i) && self.is_unknown(j) => (a * b) / (p + q),
            _ => 0.0,
        }
    }

    /// The sum of p_j / (p_i + p_j) over all other j; 1 for what is not an unknown.
    fn diagonal(&self, i: usize) -> f64 {
        if !self.is_unknown(i) {
            return 1.0;
        }
        let p = self.p.get(i).copied().unwrap_or(1.0);
        let others = self.p.iter().take(self.k).enumerate().filter(|(j, q)| *j != i && **q > 0.0);
        others.fold(0.0, |sum, (_, q)| sum + q / (p + q))
    }

    /// Adds W_D g for a draw of category `drawn`.
    fn add_gradient(&self, g: &[f32], drawn: usize, sum: &mut Row) {
        let of_drawn = self.p.get(drawn).copied().unwrap_or(1.0);
        // A constant added to g does not change the gradient; with g_D taken off first, rounding is relative to
        // differences of g.
        let base = f64::from(g.get(drawn).copied().unwrap_or(0.0));
        let mut z: Row = [0.0; MAX_MVE_CATEGORIES];
        let mut rest = 0.0;
        for (j, ((z, p), g)) in z.iter_mut().zip(&self.p).zip(g).enumerate() {
            if j != drawn && *p > 0.0 {
                let a = p / (of_drawn + p) * (f64::from(*g) - base);
                rest -= a;
                *z = a;
            }
        }
        if let Some(z) = z.get_mut(drawn) {
            *z = rest;
        }
        for (j, (z, root)) in z.iter_mut().zip(&self.root).enumerate() {
            *z = if self.is_unknown(j) { *z / root } else { 0.0 };
        }
        self.solve(&mut z);
        // J(p) x / 2 with p x = sqrt(p) z.
        let mut mean = 0.0;
        for (z, root) in z.iter_mut().zip(&self.root) {
            *z *= root;
            mean += *z;
        }
        for ((sum, px), p) in sum.iter_mut().zip(&z).zip(&self.p).take(self.k) {
            *sum += 0.5 * (px - p * mean);
        }
    }

    /// L L' x = b, in place.
    fn solve(&self, x: &mut Row) {
        for i in 0..self.k {
            let known = self.row(i).iter().zip(x.iter()).take(i).fold(0.0, |sum, (a, b)| sum + a * b);
            let diagonal = self.row(i).get(i).copied().unwrap_or(1.0);
            if let Some(x) = x.get_mut(i) {
                *x = (*x - known) / diagonal;
            }
        }
        for i in (0..self.k).rev() {
            let (mut value, row) = (x.get(i).copied().unwrap_or(0.0), self.row(i));
            value /= row.get(i).copied().unwrap_or(1.0);
            for (x, a) in x.iter_mut().zip(row).take(i) {
                *x -= a * value;
            }
            if let Some(x) = x.get_mut(i) {
                *x = value;
            }
        }
    }
}

/// The square root of a positive number in double precision: a guess from half the exponent, then Newton's steps, each
/// doubling the digits. The last bit may differ from the correctly rounded root, which libm has for more flash.
fn square_root(x: f64) -> f64 {
    if !(x > 0.0 && x < f64::INFINITY) {
        return 0.0;
    }
    let mut root = f64::from_bits((x.to_bits() >> 1) + (1023 << 51));
    for _ in 0..5 {
        root = 0.5 * (root + x / root);
    }
    root
}
