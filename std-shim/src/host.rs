//! The backend that picks the widest lanes the CPU has, once.

use std::env::VarError;
use std::fmt;
use std::str::FromStr;

use reinmax_core::kernel::lanes::Scalar;
use reinmax_core::{Backend, Kernel, Portable};

#[cfg(target_arch = "x86_64")]
use crate::lanes::{avx2::Avx2, avx512::Avx512};

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
            Level::Avx2 => is_x86_feature_detected!("avx2"),
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
    fn from_str(name: &str) -> Result<Self, LevelError> {
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

/// The backend for hosts: kernels run on the lanes of the level it was built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// One that the CPU has: whoever builds a `Host` has looked.
    level: Level,
}

impl Host {
    /// The widest level that the CPU has. Cheap enough to be asked for again and again.
    pub fn detect() -> Self {
        let widest = Level::ALL.into_iter().rev().find(|level| level.is_available());
        Host { level: widest.unwrap_or(Level::Scalar) }
    }

    /// A level of the caller's choice.
    ///
    /// # Errors
    /// [`LevelError`] for one that the CPU lacks.
    pub fn new(level: Level) -> Result<Self, LevelError> {
        if level.is_available() { Ok(Host { level }) } else { Err(LevelError(level.name().to_owned())) }
    }

    /// The level that the environment variable `REINMAX_LEVEL` names, or the widest one where it is not set.
    ///
    /// # Errors
    /// [`LevelError`] for a name that is no level, or a level that the CPU lacks.
    pub fn from_env() -> Result<Self, LevelError> {
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
}

/// An entry point: everything the kernel is made of inlines here and is compiled for these features.
#[cfg(target_arch = "x86_64")]
macro_rules! entry {
    ($name:ident, $lanes:ty, $features:literal) => {
        #[target_feature(enable = $features)]
        fn $name<K: Kernel>(kernel: K) -> K::Out {
            kernel.run::<$lanes>()
        }
    };
}

#[cfg(target_arch = "x86_64")]
entry!(run_avx2, Avx2, "avx2,bmi1,bmi2");
#[cfg(target_arch = "x86_64")]
entry!(run_avx512, Avx512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2");

impl Backend for Host {
    #[inline]
    fn run<K: Kernel>(&self, kernel: K) -> K::Out {
        match self.level {
            Level::Scalar => kernel.run::<Scalar>(),
            // SAFETY: `level` is one that `Level::is_available` found.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { run_avx2(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { run_avx512(kernel) },
            _ => Portable.run(kernel),
        }
    }
}
