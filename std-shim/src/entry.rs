//! Entry points: functions compiled for instructions beyond x86-64's baseline, into which a kernel inlines whole.
//!
//! Rows of 4, 8, 10 and 16 categories are common, and with the number known the loops over a tile's columns unroll and
//! stay in registers: sampling and ReinMax's backward pass take a fifth to a quarter less time with AVX-512, softmax a
//! tenth. Each number has functions of its own, as one function with all of them is slower for every one.
//!
//! The features named here are those that `Level::is_available` and, for fused ones, `has_fma` look for.

use reinmax_core::Kernel;

use crate::lanes::{avx2::Avx2, avx512::Avx512};

/// A function for any kernel.
macro_rules! entry {
    ($name:ident, $lanes:ty, $features:literal) => {
        #[target_feature(enable = $features)]
        pub(crate) fn $name<K: Kernel>(kernel: K) -> K::Out {
            kernel.run::<$lanes>()
        }
    };
}

/// The same with functions for common numbers of categories beside it. The one that chooses has no `#[target_feature]`:
/// with the same features as theirs the compiler would inline all of them into it, and each would be slower.
macro_rules! entry_by_categories {
    ($name:ident, $by_categories:ident, $any:ident, $known:ident, $lanes:ident, $features:literal) => {
        entry!($any, $lanes<false, false>, $features);

        #[target_feature(enable = $features)]
        fn $known<K: Kernel, const CATEGORIES: usize>(mut kernel: K) -> K::Out {
            if let Some(categories) = kernel.categories() {
                *categories = CATEGORIES;
            }
            kernel.run::<$lanes<false, true>>()
        }

        /// # Safety
        /// The CPU has the instructions.
        #[inline]
        unsafe fn $by_categories<K: Kernel>(mut kernel: K) -> K::Out {
            // SAFETY: the caller's promise.
            unsafe {
                match kernel.categories() {
                    Some(4) => $known::<K, 4>(kernel),
                    Some(8) => $known::<K, 8>(kernel),
                    Some(10) => $known::<K, 10>(kernel),
                    Some(16) => $known::<K, 16>(kernel),
                    _ => $any(kernel),
                }
            }
        }

        /// # Safety
        /// The CPU has the instructions.
        #[inline(always)]
        pub(crate) unsafe fn $name<K: Kernel>(kernel: K) -> K::Out {
            // A constant, so that nothing is compiled for numbers of categories of other kernels. And a function of its
            // own, as a kernel whose address is taken is copied before it is handed on.
            // SAFETY: the caller's promise.
            unsafe { if K::BY_CATEGORIES { $by_categories(kernel) } else { $any(kernel) } }
        }
    };
}

entry_by_categories!(run_avx2, avx2_by_categories, avx2_any, avx2_known, Avx2, "avx2,bmi1,bmi2");
entry_by_categories!(
    run_avx512,
    avx512_by_categories,
    avx512_any,
    avx512_known,
    Avx512,
    "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2"
);
entry!(run_avx2_fused, Avx2<true, false>, "avx2,bmi1,bmi2,fma");
entry!(run_avx512_fused, Avx512<true, false>, "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,fma");
