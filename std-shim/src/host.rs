//! The backend that picks the widest lanes the CPU has, once.

use std::env::VarError;
use std::fmt;
use std::str::FromStr;

use reinmax_core::estimator::formula;
use reinmax_core::kernel::gradient::AddGradient;
use reinmax_core::kernel::lanes::Scalar;
use reinmax_core::kernel::linear::Contraction;
use reinmax_core::kernel::sample::DrawIndex;
use reinmax_core::kernel::sample_blocks::Sample;
use reinmax_core::kernel::softmax::{AddLogSoftmaxVjp, AddSoftmaxVjp, LogSoftmax, Softmax};
use reinmax_core::{Backend, Kernel, Outcome, Portable, Result, RowKernel, Split};

#[cfg(target_arch = "x86_64")]
use crate::entry;
use crate::parts::run_parts;

/// A set of instructions. All of them compute the same bits; they differ in speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// One lane, no SIMD.
    Scalar,
    /// x86-64's baseline.
    Sse2,
    /// AArch64's baseline.
    Neon,
    /// WebAssembly's SIMD, where the module was built with it.
    Simd128,
    /// Two 256-bit registers for sixteen lanes.
    Avx2,
    /// One 512-bit register for sixteen lanes.
    Avx512,
}

impl Level {
    /// What [`Portable`] uses in this build.
    const BASELINE: Level = if cfg!(target_feature = "sse2") {
        Level::Sse2
    } else if cfg!(target_feature = "neon") {
        Level::Neon
    } else if cfg!(target_feature = "simd128") {
        Level::Simd128
    } else {
        Level::Scalar
    };

    /// All of them, slowest first.
    const ALL: [Level; 6] = [Level::Scalar, Level::Sse2, Level::Neon, Level::Simd128, Level::Avx2, Level::Avx512];

    /// Whether this CPU and this build have it. Looked up once by the standard library, then a load and a comparison.
    fn is_available(self) -> bool {
        match self {
            Level::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => {
                let bits = is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2");
                is_x86_feature_detected!("avx2") && bits
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
                let complete = is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512bw");
                wide && complete && Level::Avx2.is_available()
            }
            level => level == Level::BASELINE,
        }
    }

    /// The levels that this CPU and this build have, slowest first.
    pub fn available() -> Vec<Level> {
        Level::ALL.into_iter().filter(|level| level.is_available()).collect()
    }

    /// Its name on the command line and in `REINMAX_LEVEL`.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Sse2 => "sse2",
            Level::Neon => "neon",
            Level::Simd128 => "simd128",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = LevelError;
    fn from_str(name: &str) -> std::result::Result<Self, LevelError> {
        Level::ALL.into_iter().find(|level| level.name() == name).ok_or_else(|| LevelError(name.to_owned()))
    }
}

/// A level that does not exist, or that this CPU or build does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelError(String);

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let available: Vec<_> = Level::available().iter().map(|level| level.name()).collect();
        write!(f, "level '{}' is not available; this machine has {}", self.0, available.join(", "))
    }
}

impl std::error::Error for LevelError {}

/// What a [`Host`] promises about bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Numerics {
    /// The same bits on every level, every target, and with every number of threads.
    #[default]
    Portable,
    /// For large models on hosts: fused multiply-adds in softmax, log_softmax and the backward passes of estimators
    /// that compute a softmax of their own, and a library's matrix products (feature `gemm`, on by default), on CPUs
    /// with AVX2 and FMA or with AVX-512. Results are as accurate as before, and repeat on the same machine; other
    /// levels, targets and versions may differ in the last bits. Draws from the same probabilities are the same, but
    /// probabilities that differ in the last bit can move one.
    Fast,
}

impl Numerics {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Numerics::Portable => "portable",
            Numerics::Fast => "fast",
        }
    }
}

/// The backend for hosts: kernels run on the lanes of the level it was built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// One that the CPU has: whoever builds a `Host` has looked.
    level: Level,
    numerics: Numerics,
    /// Whether fused instructions may run: asked for, and there.
    fused: bool,
    /// The most parts that a kernel is cut into.
    threads: usize,
}

/// How many numbers a kernel must compute for each thread before another thread is worth waking: about 30
/// microseconds of work.
const WORK_PER_THREAD: usize = 1 << 16;

/// As many numbers are worth a part of their own.
const WORK_PER_PART: usize = 1 << 14;

/// The most parts for each thread.
const PARTS_PER_THREAD: usize = 8;

impl Host {
    /// The widest level that the CPU has. Cheap enough to be asked for again and again.
    pub fn detect() -> Self {
        let widest = Level::ALL.into_iter().rev().find(|level| level.is_available());
        Host::on(widest.unwrap_or(Level::Scalar))
    }

    /// A level that is there.
    fn on(level: Level) -> Self {
        Host { level, numerics: Numerics::Portable, fused: false, threads: 1 }
    }

    /// A level of the caller's choice.
    ///
    /// # Errors
    /// [`LevelError`] for one that the CPU lacks.
    pub fn new(level: Level) -> std::result::Result<Self, LevelError> {
        if level.is_available() { Ok(Host::on(level)) } else { Err(LevelError(level.name().to_owned())) }
    }

    /// The level that the environment variable `REINMAX_LEVEL` names, or the widest one where it is not set.
    ///
    /// # Errors
    /// [`LevelError`] for a name that is no level, or a level that the CPU lacks.
    pub fn from_env() -> std::result::Result<Self, LevelError> {
        match std::env::var("REINMAX_LEVEL") {
            Ok(name) => Host::new(name.parse()?),
            Err(VarError::NotPresent) => Ok(Host::detect()),
            Err(VarError::NotUnicode(name)) => Err(LevelError(name.to_string_lossy().into_owned())),
        }
    }

    /// The level in use.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The same level with other numerics.
    #[must_use]
    pub fn with_numerics(self, numerics: Numerics) -> Self {
        let fused = numerics == Numerics::Fast && self.level >= Level::Avx2 && has_fma();
        Host { numerics, fused, ..self }
    }

    /// The same with large kernels on up to `threads` threads of rayon's current pool. The bits do not depend on it:
    /// rows are independent, and a row is never cut. Small kernels stay on the calling thread, and so do sums, losses,
    /// the gradients of weights and biases, and the estimators that work from losses alone: [`crate::DataParallel`]
    /// cuts a whole step instead.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Host { threads: threads.max(1), ..self }
    }

    /// How many threads a kernel is worth: 1 for one that runs as a whole.
    #[inline(always)]
    fn threads_for<K: Split>(&self, kernel: &K) -> usize {
        if self.threads < 2 { 1 } else { self.threads.min(kernel.work() / WORK_PER_THREAD).min(kernel.rows()) }
    }

    /// Runs a kernel in parts on several threads.
    fn in_parts<K: Split, O: Outcome>(&self, kernel: K, threads: usize, run: impl Fn(K) -> O + Sync) -> O {
        let parts = (kernel.work() / WORK_PER_PART).min(PARTS_PER_THREAD * threads);
        run_parts(kernel, parts, threads, run)
    }

    /// The most threads that a kernel uses.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The numerics in use. Where the level has no fused instructions, [`Numerics::Fast`] computes the portable bits.
    pub fn numerics(&self) -> Numerics {
        self.numerics
    }
}

#[cfg(target_arch = "x86_64")]
fn has_fma() -> bool {
    is_x86_feature_detected!("fma")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_fma() -> bool {
    false
}

/// Methods without a type parameter, in place of the trait's own: they are compiled with this crate, where those would
/// be compiled with every program, a minute or more each time.
macro_rules! compiled_here {
    ($($name:ident($kernel:ty) -> $out:ty, $run:ident;)*) => {
        $(fn $name(&self, kernel: $kernel) -> $out {
            self.$run(kernel)
        })*
    };
}

#[inline(never)]
fn run_scalar<K: Kernel>(kernel: K) -> K::Out {
    kernel.run::<Scalar>()
}

#[inline(never)]
fn run_portable<K: Kernel>(kernel: K) -> K::Out {
    Portable.run(kernel)
}

impl Backend for Host {
    // A choice and a call: what it calls is never inlined, so that no codegen unit gets a kernel of its own. Inlined
    // itself, as each time that a kernel is handed on costs a tape of small tensors 5 ns: its slices have only just
    // been stored, in halves, when they are loaded whole.
    #[inline(always)]
    fn run<K: Kernel>(&self, kernel: K) -> K::Out {
        #[cfg(target_arch = "x86_64")]
        if K::FUSES && self.fused {
            return match self.level {
                // SAFETY: `fused` says that the CPU has FMA besides the level.
                Level::Avx512 => unsafe { entry::run_avx512_fused(kernel) },
                // SAFETY: as above; the level is AVX2 at least.
                _ => unsafe { entry::run_avx2_fused(kernel) },
            };
        }
        match self.level {
            Level::Scalar => run_scalar(kernel),
            // SAFETY: `level` is one that `Level::is_available` found.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { entry::run_avx2(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { entry::run_avx512(kernel) },
            _ => run_portable(kernel),
        }
    }

    #[inline(always)]
    fn run_rows<K: RowKernel>(&self, kernel: K) -> K::Out {
        // No closure where the kernel runs as a whole: it would be handed on in memory once more.
        match self.threads_for(&kernel) {
            ..2 => self.run(kernel),
            threads => self.in_parts(kernel, threads, |part| self.run(part)),
        }
    }

    fn sample(&self, kernel: Sample<'_>) -> Result<()> {
        let alone = self.with_threads(1);
        match self.threads_for(&kernel) {
            ..2 => kernel.on(&alone),
            threads => self.in_parts(kernel, threads, |part| part.on(&alone)),
        }
    }

    fn contract(&self, contraction: Contraction<'_>) -> Result<()> {
        #[cfg(feature = "gemm")]
        if self.fused {
            return crate::matmul::contract(self, contraction);
        }
        self.run_rows(contraction)
    }

    compiled_here! {
        softmax(Softmax<'_>) -> Result<()>, run_rows;
        log_softmax(LogSoftmax<'_>) -> Result<()>, run_rows;
        add_softmax_vjp(AddSoftmaxVjp<'_>) -> (), run_rows;
        add_log_softmax_vjp(AddLogSoftmaxVjp<'_>) -> (), run_rows;
        draw_index(DrawIndex<'_>) -> bool, run_rows;
        perturb(formula::Perturb<'_>) -> Result<()>, run_rows;
        add_st_gradient(AddGradient<'_, formula::StTau1Formula>) -> (), run_rows;
        add_tempered_st_gradient(AddGradient<'_, formula::StFormula>) -> (), run_rows;
        add_reinmax_gradient(AddGradient<'_, formula::ReinMaxTau1Formula>) -> (), run_rows;
        add_tempered_reinmax_gradient(AddGradient<'_, formula::ReinMaxFormula>) -> (), run_rows;
        add_gumbel_softmax_gradient(AddGradient<'_, formula::GumbelSoftmaxFormula>) -> (), run_rows;
        add_gapped_st_gradient(AddGradient<'_, formula::GappedStFormula>) -> (), run_rows;
        add_conditional_gradient(AddGradient<'_, formula::Conditional<formula::Seeded>>) -> (), run_rows;
        add_darn_gradient(AddGradient<'_, formula::Darn>) -> (), run_rows;
    }
}
