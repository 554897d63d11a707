#![no_std]
//! Programs of one call each, linked and never run. Arguments of `_start` are what the compiler does not know. They link only
//! where no panic is reachable.

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
