//! Kernels: loops over slices that know nothing of the tape. Each is written once over [`lanes::Lanes`].
//!
//! The order of every sum is part of a result's definition, whatever the lanes: up to [`SHORT`] terms are summed in
//! order; of more, term j goes to running sum j mod 16, and the sixteen sums are folded 8, 4, 2, 1. Sums over a whole
//! slice or over the rows of a batch (gradients of weights and biases) go in blocks of [`LONG`] terms, added one after
//! the other. [`gradient`] says how the draws of a row are summed.
//!
//! A kernel's slices must have the lengths that their docs give: what calls it ([`crate::categorical`],
//! [`crate::estimator`], the tape) has compared them. With others the result is unspecified, never a panic.

pub mod aligned;
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
mod softmax_two_tiles;
pub mod sqrt;
pub mod tile;

/// Number of running sums, and of lanes on a SIMD backend.
pub const LANES: usize = 16;

/// Whether the build's target features include SIMD. Where they do not, the target is a small one, and code is the
/// scarcer thing.
pub(crate) const SIMD: bool = cfg!(any(target_feature = "sse2", target_feature = "neon", target_feature = "simd128"));

/// The longest row that is summed in order of its elements; such rows lie across the lanes, one row a lane.
pub const SHORT: usize = LANES;

/// The longest sum in one piece. A running sum that is much larger than its terms rounds them away, all equal ones the
/// same way: in blocks, 16 million times 0.1 is off by 2e-5 of it, else by 1e-2.
pub const LONG: usize = 1 << 14;
