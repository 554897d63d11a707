//! The documented order of every sum, in `f32`, written without a thought of speed: kernels must have these bits.

use reinmax::kernel::exp::{exp_nonpositive, ln};
use reinmax::kernel::lanes::{Lanes, Scalar};

/// The longest sum that runs in order of its terms.
pub const SHORT: usize = 16;

/// Up to 16 terms one after the other; more into sixteen running sums, term j to sum j mod 16, folded 8, 4, 2, 1.
pub fn sum(terms: &[f32]) -> f32 {
    if terms.len() <= SHORT { terms.iter().fold(0.0, |sum, x| sum + x) } else { folded(terms) }
}

/// Sixteen running sums folded 8, 4, 2, 1, whatever the number of terms.
pub fn folded(terms: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (j, x) in terms.iter().enumerate() {
        sums[j % 16] += x;
    }
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
    }
    sums[0]
}

/// The sum of the products.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let products: Vec<f32> = a.iter().zip(b).map(|(a, b)| a * b).collect();
    sum(&products)
}

/// The kernel's e^x of one number, x <= 0.
pub fn exp(x: f32) -> f32 {
    single(exp_nonpositive(Scalar::splat(x)))
}

/// The kernel's ln x of one number.
pub fn log(x: f32) -> f32 {
    single(ln(Scalar::splat(x)))
}

fn single(x: Scalar) -> f32 {
    let mut out = [0.0];
    x.store(&mut out);
    out[0]
}

/// The greatest logit, the exponentials of what is left, and their sum.
pub fn exponentials(logits: &[f32], scale: f32) -> (f32, Vec<f32>, f32) {
    let max = logits.iter().fold(f32::NEG_INFINITY, |max, x| if max < *x { *x } else { max });
    let e: Vec<f32> = logits.iter().map(|x| exp((x - max) * scale)).collect();
    let total = sum(&e);
    (max, e, total)
}

/// softmax(logits * scale) of one row.
pub fn softmax(logits: &[f32], scale: f32) -> Vec<f32> {
    let (_, e, total) = exponentials(logits, scale);
    let inverse = 1.0 / total;
    e.iter().map(|e| e * inverse).collect()
}

/// scale p (g - <p, g>) of one row.
pub fn jacobian_product(p: &[f32], g: &[f32], scale: f32) -> Vec<f32> {
    let mean = dot(p, g);
    p.iter().zip(g).map(|(p, g)| p * (g - mean) * scale).collect()
}
