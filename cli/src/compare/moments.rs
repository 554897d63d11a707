//! Sums over gradients, as deviations from the exact one: their mean, their spread, and how far a mean may lie off.

/// Most dimensions for which the covariance is kept (it takes their square).
const MAX_COVARIANCES: usize = 64;

/// A covariance below this part of the greatest one is rounding (f32 gradients; squared).
const SINGULAR: f64 = 1e-9;

/// Weighted sums of d = gradient - exact.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    weight: f64,
    sum: Vec<f64>,
    /// Of |d|^2.
    squares: f64,
    /// Of the cosine between gradient and exact gradient.
    cosine: f64,
    /// Of d d', dimensions squared; empty where there are too many.
    products: Vec<f64>,
    /// Time spent on the gradients.
    pub(crate) nanoseconds: u128,
}

impl Moments {
    pub(crate) fn new(dim: usize) -> Self {
        let products = if dim <= MAX_COVARIANCES { vec![0.0; dim * dim] } else { Vec::new() };
        Moments { weight: 0.0, sum: vec![0.0; dim], squares: 0.0, cosine: 0.0, products, nanoseconds: 0 }
    }

    /// Takes one gradient in.
    pub(crate) fn add(&mut self, weight: f64, gradient: &[f32], exact: &[f64]) {
        let d: Vec<f64> = gradient.iter().zip(exact).map(|(g, exact)| f64::from(*g) - exact).collect();
        self.weight += weight;
        for (sum, d) in self.sum.iter_mut().zip(&d) {
            *sum += weight * d;
        }
        self.squares += weight * dot(&d, &d);
        let gradient: Vec<f64> = gradient.iter().map(|g| f64::from(*g)).collect();
        self.cosine += weight * cosine(&gradient, exact);
        for (row, x) in self.products.chunks_mut(d.len()).zip(&d) {
            for (product, y) in row.iter_mut().zip(&d) {
                *product += weight * x * y;
            }
        }
    }

    /// Adds another part; parts are merged in a fixed order.
    pub(crate) fn merge(&mut self, other: &Moments) {
        self.weight += other.weight;
        self.squares += other.squares;
        self.cosine += other.cosine;
        self.nanoseconds += other.nanoseconds;
        let both = self.sum.iter_mut().zip(&other.sum);
        for (x, y) in both.chain(self.products.iter_mut().zip(&other.products)) {
            *x += y;
        }
    }

    /// mean - exact.
    pub(crate) fn bias(&self) -> Vec<f64> {
        self.sum.iter().map(|sum| sum / self.weight).collect()
    }

    /// The trace of the covariance: the expected squared distance of a gradient from the mean. `unbiased` divides by
    /// n - 1, as draws want.
    pub(crate) fn variance(&self, unbiased: bool) -> f64 {
        let bias = self.bias();
        let variance = (self.squares / self.weight - dot(&bias, &bias)).max(0.0);
        if unbiased { variance * self.weight / (self.weight - 1.0) } else { variance }
    }

    /// The mean cosine between a gradient and the exact one.
    pub(crate) fn mean_cosine(&self) -> f64 {
        self.cosine / self.weight
    }

    /// Chi-squared of the mean of draws against the bias that enumeration gives, and its degrees of freedom (the rank
    /// of the covariance); none where the covariance is not kept.
    pub(crate) fn chi_squared(&self, expected_bias: &[f64]) -> Option<(f64, usize)> {
        let bias = self.bias();
        let dim = bias.len();
        if self.products.is_empty() {
            return None;
        }
        let entry = |i: usize, j: usize| self.products[i * dim + j] / self.weight - bias[i] * bias[j];
        let mut a: Vec<Vec<f64>> = (0..dim).map(|i| (0..dim).map(|j| entry(i, j)).collect()).collect();
        let mut rest: Vec<f64> = bias.iter().zip(expected_bias).map(|(x, y)| x - y).collect();
        // Rounding in f32 is no spread, however small the true one is.
        let least = SINGULAR * (self.squares / self.weight + 1e-6);
        let (mut chi, mut rank) = (0.0, 0);
        let mut left: Vec<usize> = (0..dim).collect();
        // Gauss elimination, the greatest diagonal first: rows of a gradient sum to 0, so the covariance is singular.
        while let Some(at) = (0..left.len()).max_by(|x, y| a[left[*x]][left[*x]].total_cmp(&a[left[*y]][left[*y]])) {
            let pivot = left.swap_remove(at);
            let diagonal = a[pivot][pivot];
            if diagonal <= least {
                break;
            }
            chi += rest[pivot].powi(2) / diagonal;
            rank += 1;
            let pivot_row = a[pivot].clone();
            for i in &left {
                let factor = pivot_row[*i] / diagonal;
                rest[*i] -= factor * rest[pivot];
                for j in &left {
                    a[*i][*j] -= factor * pivot_row[*j];
                }
            }
        }
        Some((chi * self.weight, rank))
    }
}

pub(crate) fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

pub(crate) fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

/// The cosine of the angle between two vectors; 0 where one of them is 0.
pub(crate) fn cosine(x: &[f64], y: &[f64]) -> f64 {
    let norms = (dot(x, x) * dot(y, y)).sqrt();
    if norms > 0.0 { dot(x, y) / norms } else { 0.0 }
}
