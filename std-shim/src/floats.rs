//! Floats on the heap that begin with a cache line.

use std::ops::{Deref, DerefMut};

/// Floats that begin where a cache line does: a vector of sixteen that lies in two lines costs two loads, and large
/// allocations begin 16 bytes behind the beginning of one. With AVX-512 kernels that do little for each number take up
/// to a sixth less time.
///
/// ```
/// let floats = reinmax::Floats::zeros(10);
/// assert_eq!((floats.len(), floats.as_ptr() as usize % 64), (10, 0));
/// ```
#[derive(Debug, Default)]
pub struct Floats {
    memory: Vec<f32>,
    start: usize,
    len: usize,
}

/// Floats of a cache line.
const LINE: usize = 16;

impl Floats {
    /// As many zeros.
    pub fn zeros(len: usize) -> Self {
        let memory = vec![0.0_f32; len + LINE - 1];
        // `usize::MAX` where an offset cannot be found, which is allowed, and never happens on a machine.
        let start = memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE - 1);
        Floats { memory, start, len }
    }
}

impl From<&[f32]> for Floats {
    fn from(x: &[f32]) -> Self {
        let mut floats = Floats::zeros(x.len());
        floats.copy_from_slice(x);
        floats
    }
}

impl Clone for Floats {
    fn clone(&self) -> Self {
        Floats::from(&self[..])
    }
}

impl Deref for Floats {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl DerefMut for Floats {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.start..self.start + self.len]
    }
}
