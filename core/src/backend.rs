//! Who runs a kernel: a backend picks the lanes, a kernel says what to compute.
//!
//! A kernel is a value that holds its slices. A backend instantiates it for the lanes of its choice, so every kernel,
//! a user's own included, gets every instruction set from one body. Backends are values that a caller passes in; there
//! are no globals.

use crate::Result;
use crate::estimator::formula;
use crate::kernel::gradient::AddGradient;
use crate::kernel::lanes::{Lanes, Scalar};
use crate::kernel::linear::Contraction;
use crate::kernel::sample::DrawIndex;
use crate::kernel::sample_blocks::Sample;
use crate::kernel::softmax::{AddLogSoftmaxVjp, AddSoftmaxVjp, LogSoftmax, Softmax};

/// A computation written once, for any width of lanes.
pub trait Kernel {
    /// What the computation returns.
    type Out;
    /// Whether a backend that may give up equal bits for speed should do so here: there is enough arithmetic for
    /// [`Lanes::mul_add`] to pay.
    const FUSES: bool = false;
    /// Whether a backend should compile copies of this kernel for common numbers of categories. Where not, only the
    /// general one exists.
    const BY_CATEGORIES: bool = false;
    /// The field that holds the number of categories. A backend with code of its own for common numbers writes the same
    /// number there as a constant, so that loops over the categories unroll.
    #[inline(always)]
    fn categories(&mut self) -> Option<&mut usize> {
        None
    }
    /// Runs the computation. Implementations are `#[inline(always)]`, so that a backend's entry point takes them in
    /// whole and compiles them for its instruction set.
    fn run<L: Lanes>(self) -> Self::Out;
}

/// A computation on rows that do not depend on each other: it can be cut between two of them, and the parts run at the
/// same time. The bits do not depend on where, or whether, it is cut.
pub trait Split: Send + Sized {
    /// How many rows there are.
    fn rows(&self) -> usize;
    /// How many floats are computed, which tells a backend whether threads are worth waking.
    fn work(&self) -> usize;
    /// Rows `.. row`, and the others.
    fn split(self, row: usize) -> (Self, Self);
}

/// What comes of a part of a computation.
pub trait Outcome: Send {
    /// The outcome of two parts together, the later of which begins at row `row`.
    fn join(self, later: Self, row: usize) -> Self;
}

impl Outcome for () {
    fn join(self, (): (), _row: usize) {}
}

/// Whether all parts were acceptable.
impl Outcome for bool {
    fn join(self, later: bool, _row: usize) -> bool {
        self && later
    }
}

/// The first error, with its row counted from the first part's.
impl Outcome for Result<()> {
    fn join(self, later: Self, row: usize) -> Self {
        self.and(later.map_err(|error| error.in_rows_from(row)))
    }
}

/// A kernel that can be cut into parts.
pub trait RowKernel: Kernel<Out: Outcome> + Split {}
impl<K: Kernel<Out: Outcome> + Split> RowKernel for K {}

/// Runs kernels.
pub trait Backend: Sized + 'static {
    /// Runs one kernel on this backend's lanes.
    fn run<K: Kernel>(&self, kernel: K) -> K::Out;

    /// Runs a kernel that may be cut into parts; a backend with threads does so where it is large enough.
    fn run_rows<K: RowKernel>(&self, kernel: K) -> K::Out {
        self.run(kernel)
    }

    /// Matrix products of all kinds; a backend may have a better way than the portable kernel.
    ///
    /// # Errors
    /// As [`Contraction`].
    fn contract(&self, contraction: Contraction<'_>) -> Result<()> {
        self.run_rows(contraction)
    }

    /// softmax, draws and one-hot vectors. A backend with threads gives each of them whole rows.
    ///
    /// # Errors
    /// As [`Sample::on`].
    fn sample(&self, kernel: Sample<'_>) -> Result<()> {
        kernel.on(self)
    }

    // The kernels with the most code. As they are here each program compiles them again, for each set of instructions.
    // A backend that overrides them compiles them once, in its own crate (`reinmax::Host` does: its programs build in
    // seconds, not minutes); another may have a better way to compute them.

    /// [`Softmax`].
    ///
    /// # Errors
    /// Those of the kernel.
    #[inline]
    fn softmax(&self, kernel: Softmax<'_>) -> Result<()> {
        self.run_rows(kernel)
    }
    /// [`LogSoftmax`].
    ///
    /// # Errors
    /// Those of the kernel.
    #[inline]
    fn log_softmax(&self, kernel: LogSoftmax<'_>) -> Result<()> {
        self.run_rows(kernel)
    }
    /// [`AddSoftmaxVjp`].
    #[inline]
    fn add_softmax_vjp(&self, kernel: AddSoftmaxVjp<'_>) {
        self.run_rows(kernel);
    }
    /// [`AddLogSoftmaxVjp`].
    #[inline]
    fn add_log_softmax_vjp(&self, kernel: AddLogSoftmaxVjp<'_>) {
        self.run_rows(kernel);
    }
    /// [`DrawIndex`].
    #[inline]
    fn draw_index(&self, kernel: DrawIndex<'_>) -> bool {
        self.run_rows(kernel)
    }
    /// Logits plus Gumbel noise.
    ///
    /// # Errors
    /// Those of the kernel.
    #[inline]
    fn perturb(&self, kernel: formula::Perturb<'_>) -> Result<()> {
        self.run_rows(kernel)
    }
    /// Straight-Through at tau = 1.
    #[inline]
    fn add_st_gradient(&self, kernel: AddGradient<'_, formula::StTau1Formula>) {
        self.run_rows(kernel);
    }
    /// Straight-Through at any tau.
    #[inline]
    fn add_tempered_st_gradient(&self, kernel: AddGradient<'_, formula::StFormula>) {
        self.run_rows(kernel);
    }
    /// ReinMax at tau = 1.
    #[inline]
    fn add_reinmax_gradient(&self, kernel: AddGradient<'_, formula::ReinMaxTau1Formula>) {
        self.run_rows(kernel);
    }
    /// ReinMax at any tau.
    #[inline]
    fn add_tempered_reinmax_gradient(&self, kernel: AddGradient<'_, formula::ReinMaxFormula>) {
        self.run_rows(kernel);
    }
    /// Straight-Through Gumbel-Softmax.
    #[inline]
    fn add_gumbel_softmax_gradient(&self, kernel: AddGradient<'_, formula::GumbelSoftmaxFormula>) {
        self.run_rows(kernel);
    }
    /// Gapped Straight-Through.
    #[inline]
    fn add_gapped_st_gradient(&self, kernel: AddGradient<'_, formula::GappedStFormula>) {
        self.run_rows(kernel);
    }
    /// The estimators that average over noise given the draw.
    #[inline]
    fn add_conditional_gradient(&self, kernel: AddGradient<'_, formula::Conditional<formula::Seeded>>) {
        self.run_rows(kernel);
    }
    /// DARN.
    #[inline]
    fn add_darn_gradient(&self, kernel: AddGradient<'_, formula::Darn>) {
        self.run_rows(kernel);
    }
}

/// The lanes of this build's target features.
#[cfg(any(target_feature = "sse2", target_feature = "neon", target_feature = "simd128"))]
type Native = crate::kernel::lanes::Vector;
#[cfg(not(any(target_feature = "sse2", target_feature = "neon", target_feature = "simd128")))]
type Native = Scalar;

/// The backend that every target has: SIMD lanes where the build's target features include SIMD (SSE2, NEON,
/// simd128), one lane elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Portable;

/// One lane, on every target. The bits are those of [`Portable`]; the code is smaller and needs less stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OneLane;

impl Backend for Portable {
    #[inline]
    fn run<K: Kernel>(&self, kernel: K) -> K::Out {
        kernel.run::<Native>()
    }
}

impl Backend for OneLane {
    #[inline]
    fn run<K: Kernel>(&self, kernel: K) -> K::Out {
        kernel.run::<Scalar>()
    }
}
