//! [`reinmax_core`] for programs that have an operating system: everything the core has, and
//!
//! * [`Host`]: the backend that picks the widest SIMD instructions the CPU has;
//! * [`Memory`]: owned slabs, sized by [`measure`];
//! * [`DataParallel`]: a training step over threads whose result does not depend on how many there are;
//! * [`os_seed`]: a seed from the operating system.
//!
//! ```
//! use reinmax::{Memory, Result, Shape, Tape, Var, measure};
//!
//! fn model(tape: &mut Tape) -> Result<Var> {
//!     let w = tape.param(Shape::new(1, 3), &[1.0, 2.0, 3.0])?;
//!     let square = tape.mul(w, w)?;
//!     tape.sum(square)
//! }
//!
//! let footprint = measure(reinmax::Portable, |tape| model(tape).map(drop))?;
//! let mut memory = Memory::new(&footprint);
//! let mut tape = Tape::new(memory.slabs());
//! let loss = model(&mut tape)?;
//! tape.backward(loss)?;
//! assert_eq!(tape.param_grads(), &[2.0, 4.0, 6.0]);
//! # Ok::<(), reinmax::Error>(())
//! ```

mod entropy;
#[cfg(target_arch = "x86_64")]
mod entry;
mod floats;
mod host;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(feature = "gemm")]
mod matmul;
mod owned;
mod parallel;
mod parts;

pub use entropy::os_seed;
pub use floats::Floats;
pub use host::{Host, Level, LevelError, Numerics};
pub use owned::{Memory, measure};
pub use parallel::DataParallel;
pub use reinmax_core::*;
