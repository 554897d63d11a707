//! What the tests share: tolerances, reference vectors, backends, and a naive double-precision twin of each operation.

pub mod elementary;
pub mod golden;
pub mod order;
pub mod tolerance;
pub mod twin;

use reinmax::{Host, Level, Stream};

/// Every level that this machine has, for tests that hold one against the other.
pub fn hosts() -> Vec<Host> {
    Level::available().into_iter().map(|level| Host::new(level).expect("an available level")).collect()
}

/// Numbers in (0, 1) that tests compute with, those of a stream.
pub fn uniforms(stream: u64, len: usize) -> Vec<f32> {
    let mut x = vec![0.0; len];
    Stream::new(5, stream).fill_uniforms(0, &mut x);
    x
}

/// Asserts equal bits, element by element.
///
/// # Panics
/// At the first difference.
pub fn assert_same_bits(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}: lengths");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(a.to_bits() == b.to_bits(), "{what}: element {i}: {a:e} and {b:e}");
    }
}

/// Asserts |a - b| <= tolerance, element by element.
///
/// # Panics
/// At the first difference beyond it.
pub fn assert_close(a: &[f32], b: &[f64], tolerance: f64, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}: lengths");
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        // Written so that NaN fails.
        assert!((f64::from(*a) - b).abs() <= tolerance, "{what}: element {i}: {a:e} where {b:e} is right");
    }
}

/// The documentation's programs, compiled and run.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../docs/adding-an-estimator.md")]
    mod adding_an_estimator {}
    #[doc = include_str!("../../docs/adding-an-op.md")]
    mod adding_an_op {}
    #[doc = include_str!("../../README.md")]
    mod readme {}
}
