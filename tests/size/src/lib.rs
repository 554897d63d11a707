#![no_std]
//! Programs of one call each, linked and never run. Arguments of `_start` are what the compiler does not know. They
//! link only where no panic is reachable.
//!
//! A file in `src/bin` is a row of the table in `docs/size.md`, which `./ci.sh weigh` writes. For an estimator's
//! backward pass a line is enough: [`backward!`].

unsafe extern "C" {
    /// Defined nowhere.
    fn a_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: a program that could get here does not link.
    unsafe { a_panic_is_reachable() }
}

/// A program that is this function and what it calls.
#[macro_export]
macro_rules! program {
    (($($argument:ident: $type:ty),* $(,)?) -> $out:ty $body:block) => {
        /// Never called.
        #[unsafe(no_mangle)]
        pub fn _start($($argument: $type),*) -> $out $body
    };
}

/// A program that is the backward pass of an estimator, with any number of draws: `size::backward!(|tau: f32| ReinMax {
/// tau });`.
#[macro_export]
macro_rules! backward {
    // Two bars without anything between them are one token.
    (|| $estimator:expr) => {
        $crate::backward!(| | $estimator);
    };
    (|$($argument:ident: $type:ty),*| $estimator:expr) => {
        $crate::program! {
            (
                $($argument: $type,)*
                inputs: &reinmax_core::GradientInputs<'_>,
                grad: &mut [f32],
            ) -> reinmax_core::Result<()> {
                reinmax_core::Estimator::backward(&$estimator, &reinmax_core::Portable, *inputs, grad)
            }
        }
    };
}
