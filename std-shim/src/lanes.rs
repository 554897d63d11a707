//! Sixteen lanes in the registers that x86-64 CPUs have beyond the baseline. Private to this crate: only
//! [`crate::Host`], which has checked the CPU, can instantiate a kernel with them.

pub(crate) mod avx2;
pub(crate) mod avx512;
mod few256;
mod few512;
mod flat512;
mod pcg256;
mod pcg512;
mod transpose;
mod transpose512;
#[cfg(feature = "gemm")]
pub(crate) mod turn512;
