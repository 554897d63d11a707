//! Kernels: loops over slices that know nothing of the tape. Each is written once over [`lanes::Lanes`].
//!
//! The order of every sum is part of a result's definition, whatever the lanes: rows of up to [`SHORT`] elements are
//! summed in order; in longer ones element j goes to running sum j mod 16, and the sixteen sums are folded 8, 4, 2, 1.

pub mod direction;
pub mod exp;
pub mod gradient;
pub(crate) mod gumbel_max;
pub mod lanes;
pub mod linear;
pub(crate) mod loss;
pub mod pointwise;
pub mod reduce;
pub mod rows;
pub mod sample;
pub mod sample_blocks;
mod sample_long;
pub(crate) mod serial;
pub mod softmax;
mod softmax_four_rows;
pub mod sqrt;
pub mod tile;

/// Number of running sums, and of lanes on a SIMD backend.
pub const LANES: usize = 16;

/// Whether the build's target features include SIMD. Where they do not, the target is a small one, and code is the
/// scarcer thing.
pub(crate) const SIMD: bool = cfg!(any(target_feature = "sse2", target_feature = "neon", target_feature = "simd128"));

/// The longest row that is summed in order of its elements; such rows lie across the lanes, one row a lane.
pub const SHORT: usize = LANES;
