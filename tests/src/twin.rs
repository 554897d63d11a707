//! Naive twins in double precision: written from the definitions, with no thought of speed.

/// softmax(x / tau) of one row.
pub fn softmax(x: &[f64], tau: f64) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let e: Vec<f64> = x.iter().map(|x| ((x - max) / tau).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.iter().map(|e| e / sum).collect()
}

/// p * (g - <p, g>).
pub fn jacobian_product(p: &[f64], g: &[f64]) -> Vec<f64> {
    let mean: f64 = p.iter().zip(g).map(|(p, g)| p * g).sum();
    p.iter().zip(g).map(|(p, g)| p * (g - mean)).collect()
}

/// Straight-Through for one row.
pub fn straight_through(logits: &[f64], g: &[f64], tau: f64) -> Vec<f64> {
    jacobian_product(&softmax(logits, tau), g).iter().map(|x| x / tau).collect()
}

/// ReinMax for one row and its drawn category.
pub fn reinmax(logits: &[f64], drawn: usize, g: &[f64], tau: f64) -> Vec<f64> {
    let (p, q) = (softmax(logits, 1.0), softmax(logits, tau));
    let middle: Vec<f64> = q.iter().enumerate().map(|(j, q)| (q + f64::from(u8::from(j == drawn))) / 2.0).collect();
    let (heun, euler) = (jacobian_product(&middle, g), jacobian_product(&p, g));
    heun.iter().zip(&euler).map(|(h, e)| 2.0 * h - 0.5 * e).collect()
}

/// DARN for one row and its drawn category: (g_D - <p, g>)(e - p).
pub fn darn(logits: &[f64], drawn: usize, g: &[f64]) -> Vec<f64> {
    let p = softmax(logits, 1.0);
    let mean: f64 = p.iter().zip(g).map(|(p, g)| p * g).sum();
    p.iter().enumerate().map(|(j, p)| (g[drawn] - mean) * (f64::from(u8::from(j == drawn)) - p)).collect()
}

/// As double precision.
pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}
