//! Numbers of twice the precision of `f32`, for the few that an optimiser computes once a step: sums of two floats that
//! are never added up (Dekker, "A floating-point technique for extending the available precision", 1971). The same bits
//! on every target, and no double-precision arithmetic to link where the hardware has none.
//!
//! About 2^-44 of relative error for each operation (numbers between 2^-80 and 2^100; beyond, that of `f32`).

/// `high + low`, where `high` is the sum rounded to `f32`.
#[derive(Clone, Copy, Debug)]
pub(super) struct TwoFloats {
    high: f32,
    low: f32,
}

/// a + b, exactly: the rounded sum and what rounding has cut off (Knuth).
fn two_sum(a: f32, b: f32) -> (f32, f32) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// The upper and the lower half of a float's digits.
fn halves(x: f32) -> (f32, f32) {
    let shifted = x * 4097.0;
    let upper = shifted - (shifted - x);
    (upper, x - upper)
}

impl TwoFloats {
    pub(super) const ONE: Self = TwoFloats { high: 1.0, low: 0.0 };

    /// `x`, exactly.
    pub(super) fn new(x: f32) -> Self {
        TwoFloats { high: x, low: 0.0 }
    }

    /// A whole number, exactly.
    pub(super) fn whole(x: u32) -> Self {
        let rest = x & 0xff;
        TwoFloats::of((x - rest) as f32, rest as f32)
    }

    /// Rounded to `f32`.
    pub(super) fn round(self) -> f32 {
        self.high
    }

    /// `high + low`, |low| well below |high|. Where something has overflowed on the way to `low`, `high` alone.
    fn of(high: f32, low: f32) -> Self {
        let low = if low.is_nan() { 0.0 } else { low };
        let sum = high + low;
        TwoFloats { high: sum, low: if sum.is_finite() { low - (sum - high) } else { 0.0 } }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let (sum, rest) = two_sum(self.high, other.high);
        let (low, lowest) = two_sum(self.low, other.low);
        let TwoFloats { high, low } = Self::of(sum, rest + low);
        Self::of(high, low + lowest)
    }

    pub(super) fn minus(self, other: Self) -> Self {
        self.plus(TwoFloats { high: -other.high, low: -other.low })
    }

    pub(super) fn times(self, other: Self) -> Self {
        let product = self.high * other.high;
        let ((a, b), (c, d)) = (halves(self.high), halves(other.high));
        let rest = (((a * c - product) + a * d) + b * c) + b * d;
        Self::of(product, rest + (self.high * other.low + self.low * other.high))
    }

    pub(super) fn over(self, other: Self) -> Self {
        let quotient = self.high / other.high;
        let rest = self.minus(other.times(Self::new(quotient)));
        Self::of(quotient, rest.high / other.high)
    }

    pub(super) fn sqrt(self) -> Self {
        let root = crate::kernel::sqrt::sqrt(self.high);
        let rest = self.minus(Self::new(root).times(Self::new(root)));
        Self::of(root, rest.high / (root + root))
    }

    /// self^exponent by squaring.
    pub(super) fn power(self, mut exponent: u32) -> Self {
        let (mut result, mut square) = (Self::ONE, self);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = result.times(square);
            }
            square = square.times(square);
            exponent >>= 1;
        }
        result
    }
}
