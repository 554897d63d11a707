//! Runs every kernel without an operating system's help and compares bits with the host's: an emulator of Linux programs (or
//! the host itself) sees exit status 0 only where all are equal; in WebAssembly, `_start` traps otherwise. It does not link
//! where a panic can be reached.

#![no_std]
#![no_main]

use reinmax_example_tasks::expected::{Comparison, VECTOR};
use reinmax_example_tasks::vector;

unsafe extern "C" {
    /// Defined nowhere.
    fn a_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: a program that could get here does not link.
    unsafe { a_panic_is_reachable() }
}

/// The SIMD that a target promises is what `Portable` was compiled for.
const _: () = assert!(cfg!(any(not(target_arch = "aarch64"), target_feature = "neon")));

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(".globl _start", "_start:", "and rsp, -16", "call start");

/// Where the program starts, with an aligned stack.
#[cfg_attr(target_arch = "x86_64", unsafe(export_name = "start"))]
#[cfg_attr(not(target_arch = "x86_64"), unsafe(export_name = "_start"))]
pub extern "C" fn start() {
    let mut comparison = Comparison::new(&VECTOR);
    let outcome = vector::fill(&mut |x| comparison.push(x));
    exit(outcome.is_ok() && comparison.holds());
}

#[cfg(target_arch = "x86_64")]
fn exit(success: bool) -> ! {
    // SAFETY: Linux's exit, which does not return.
    unsafe { core::arch::asm!("syscall", in("rax") 60, in("rdi") u64::from(!success), options(noreturn)) }
}

#[cfg(target_arch = "aarch64")]
fn exit(success: bool) -> ! {
    // SAFETY: Linux's exit, which does not return.
    unsafe { core::arch::asm!("svc 0", in("x8") 93, in("x0") u64::from(!success), options(noreturn)) }
}

#[cfg(target_arch = "riscv32")]
fn exit(success: bool) -> ! {
    // SAFETY: Linux's exit, which does not return.
    unsafe { core::arch::asm!("ecall", in("a7") 93, in("a0") u32::from(!success), options(noreturn)) }
}

#[cfg(target_arch = "wasm32")]
fn exit(success: bool) {
    if !success {
        core::arch::wasm32::unreachable();
    }
}
