//! Runs the vector of kernels and trains the polynomial task without an operating system's help, and compares bits with
//! the host's: an emulator of Linux programs (or the host itself) sees exit status 0 only where all are equal; in
//! WebAssembly, `_start` traps otherwise. It does not link where a panic can be reached.

#![no_std]
#![no_main]

use reinmax_core::{Tape, TapeMem};
use reinmax_example_tasks::expected::{Comparison, POLYNOMIAL_32, VECTOR};
use reinmax_example_tasks::{polynomial, vector};

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

// The start, and what the compiler calls and Linux programs otherwise have from the C library.
#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".globl _start, memcpy, memset",
    "_start:",
    "and rsp, -16",
    "call start",
    "memcpy:",
    "mov rax, rdi",
    "mov rcx, rdx",
    "rep movsb",
    "ret",
    "memset:",
    "mov r8, rdi",
    "mov eax, esi",
    "mov rcx, rdx",
    "rep stosb",
    "mov rax, r8",
    "ret",
);

/// Where the program starts, with an aligned stack.
#[cfg_attr(target_arch = "x86_64", unsafe(export_name = "start"))]
#[cfg_attr(not(target_arch = "x86_64"), unsafe(export_name = "_start"))]
pub extern "C" fn start() {
    let (mut kernels, mut losses) = (Comparison::new(&VECTOR), Comparison::new(&POLYNOMIAL_32));
    // An error leaves results out, and the comparison sees that.
    let _ = vector::fill(&mut |x| kernels.push(x));
    const FLOATS: usize = polynomial::floats(32);
    let mut memory = TapeMem::<{ polynomial::NODES }, FLOATS, FLOATS, 32>::new();
    let mut tape = Tape::new(memory.slabs());
    let mut state = [0.0; polynomial::state(32)];
    let _ = polynomial::train(&mut tape, 32, polynomial::STEPS, &mut state, |loss| losses.push(loss));
    exit(kernels.holds() && losses.holds());
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
