//! The bits that every target must give, read from text when this crate is compiled.

use crate::{polynomial, vae, vector};

/// Losses of [`polynomial::train`] with 32 variables.
pub const POLYNOMIAL_32: [u32; polynomial::STEPS as usize] = parse(include_bytes!("../expected/polynomial-32.txt"));
/// Losses of [`polynomial::train`] with 128 variables.
pub const POLYNOMIAL_128: [u32; polynomial::STEPS as usize] = parse(include_bytes!("../expected/polynomial-128.txt"));
/// Losses of [`vae::train`], one in [`vae::EVERY`].
pub const VAE: [u32; vae::REPORTS] = parse(include_bytes!("../expected/vae.txt"));
/// What [`vector::fill`] writes.
pub const VECTOR: [u32; vector::LEN] = parse(include_bytes!("../expected/vector.txt"));

/// N lines of eight hexadecimal digits. A file of another length does not compile.
const fn parse<const N: usize>(text: &[u8]) -> [u32; N] {
    assert!(text.len() == 9 * N, "one line of eight digits for each number");
    let mut bits = [0; N];
    let mut at = 0;
    while at < text.len() {
        let digit = match text[at] {
            digit @ b'0'..=b'9' => digit - b'0',
            digit @ b'a'..=b'f' => digit - b'a' + 10,
            _ => 16,
        };
        if digit < 16 {
            bits[at / 9] = bits[at / 9] << 4 | digit as u32;
        } else {
            assert!(at % 9 == 8 && text[at] == b'\n', "lower-case hexadecimal digits");
        }
        at += 1;
    }
    bits
}

/// Compares results with what is expected, one after the other.
#[derive(Clone, Debug)]
pub struct Comparison {
    expected: &'static [u32],
    seen: usize,
    /// The first that differs: its position, the bits it has.
    pub difference: Option<(usize, u32)>,
}

impl Comparison {
    /// With one of this module's tables.
    pub fn new(expected: &'static [u32]) -> Self {
        Comparison { expected, seen: 0, difference: None }
    }

    /// Looks at the next result.
    pub fn push(&mut self, result: f32) {
        let bits = result.to_bits();
        if self.difference.is_none() && self.expected.get(self.seen) != Some(&bits) {
            self.difference = Some((self.seen, bits));
        }
        self.seen += 1;
    }

    /// Whether all results came, and all had the right bits.
    pub fn holds(&self) -> bool {
        self.difference.is_none() && self.seen == self.expected.len()
    }
}
