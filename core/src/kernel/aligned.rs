//! Memory that begins where a cache line does.

use core::ops::{Deref, DerefMut};

/// A value that begins with a cache line on SIMD targets. Sixteen floats are one line; where they lie in two, each load
/// and store of all of them costs two, and whether a local variable does is a matter of luck from call to call.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(any(target_feature = "sse2", target_feature = "neon", target_feature = "simd128"), repr(align(64)))]
pub struct Aligned<T>(pub T);

impl<T> Deref for Aligned<T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Aligned<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
