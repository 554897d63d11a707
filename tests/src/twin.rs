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

/// RLOO for the draws of one row: each loss less the mean of the others, times e - p.
pub fn rloo(logits: &[f64], drawn: &[u32], losses: &[f64]) -> Vec<f64> {
    let (mut grad, p) = (vec![0.0; logits.len()], softmax(logits, 1.0));
    for (d, (drawn, f)) in drawn.iter().zip(losses).enumerate() {
        let others = losses.iter().enumerate().filter(|(other, _)| *other != d).map(|(_, f)| f);
        let baseline = others.sum::<f64>() / (losses.len() - 1) as f64;
        for (j, (grad, p)) in grad.iter_mut().zip(&p).enumerate() {
            *grad += (f - baseline) * (f64::from(u8::from(j == *drawn as usize)) - p);
        }
    }
    grad
}

/// An antithetic pair of draws of a binary variable: from u, and from 1 - u, or the greatest float below 1.
pub fn antithetic(p: &[f64], u: f64) -> [u32; 2] {
    let below_one = 1.0 - f64::from(f32::EPSILON) / 2.0;
    [u, f64::min(1.0 - u, below_one)].map(|u| if u < p[0] { 0 } else { 1 })
}

/// ARM for the pairs of one row: (f(z') - f(z)) (2u - 1) for the first logit, the negative for the second.
pub fn arm(uniforms: &[f64], losses: &[f64]) -> Vec<f64> {
    let pairs = uniforms.iter().zip(losses.chunks(2));
    let first: f64 = pairs.map(|(u, f)| (f[1] - f[0]) * (2.0 * u - 1.0)).sum();
    vec![first, -first]
}

/// DisARM for the pairs of one row, from its logits: only pairs that differ count, by the greater probability.
pub fn disarm(logits: &[f64], drawn: &[u32], losses: &[f64]) -> Vec<f64> {
    let greater = 1.0 / (1.0 + (-(logits[0] - logits[1]).abs()).exp());
    let pairs = drawn.chunks(2).zip(losses.chunks(2));
    let first: f64 = pairs.map(|(z, f)| (f[0] - f[1]) * (f64::from(z[1]) - f64::from(z[0])) * greater).sum();
    vec![first, -first]
}

/// As double precision.
pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}
