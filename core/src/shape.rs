//! Shapes. Everything is a matrix, stored row-major with contiguous columns; a vector is a matrix of one row or column.

use core::fmt;

use crate::{Error, Result};

/// Rows and columns of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Shape {
    /// Number of rows: samples, latent variables.
    pub rows: u32,
    /// Number of columns: categories, features. Neighbours in memory.
    pub cols: u32,
}

impl Shape {
    /// 1 x 1: a loss.
    pub const SCALAR: Shape = Shape::new(1, 1);

    /// A shape of `rows` x `cols`.
    pub const fn new(rows: u32, cols: u32) -> Self {
        Shape { rows, cols }
    }

    /// Number of elements. Saturates where `usize` has 32 bits and the product does not fit; such a shape is refused
    /// by [`Shape::checked_len`] when it is recorded.
    pub const fn len(self) -> usize {
        (self.rows as usize).saturating_mul(self.cols as usize)
    }

    /// Whether the shape has no elements.
    pub const fn is_empty(self) -> bool {
        self.rows == 0 || self.cols == 0
    }

    /// Number of elements.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where it does not fit in 32 bits.
    pub fn checked_len(self) -> Result<u32> {
        self.rows.checked_mul(self.cols).ok_or(Error::TooLarge)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.rows, self.cols)
    }
}
