#![no_std]
//! What the firmwares share: the end of a run, how deep the stack went, and how long a step took.

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::STACK_PAINT_VALUE;
use cortex_m_semihosting::{debug, hprintln};
use reinmax_example_tasks::expected::Comparison;

unsafe extern "C" {
    /// The lowest address of the stack; the linker script defines it.
    static _stack_end: u32;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    stop(false)
}

/// Ends the emulation; its exit status is 0 only for success.
pub fn stop(success: bool) -> ! {
    debug::exit(if success { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    loop {
        cortex_m::asm::wfi();
    }
}

/// Counts the processor's cycles by its system timer. In QEMU with `-icount shift=0` (see `.cargo/config.toml`) an
/// instruction takes a nanosecond, and so a cycle of the emulated board's 25 MHz is [`INSTRUCTIONS_PER_CYCLE`].
pub struct Cycles {
    last: u32,
    total: u64,
    steps: u32,
}

const INSTRUCTIONS_PER_CYCLE: u32 = 40;

impl Cycles {
    /// The highest count of the timer, which runs down and starts there again.
    const RELOAD: u32 = 0x00ff_ffff;

    /// Starts the timer.
    pub fn new(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(Self::RELOAD);
        timer.clear_current();
        timer.enable_counter();
        Cycles { last: SYST::get_current(), total: 0, steps: 0 }
    }

    /// Counts from now on.
    pub fn restart(&mut self) {
        (self.last, self.total, self.steps) = (SYST::get_current(), 0, 0);
    }

    /// Counts a step, which must be shorter than 2^24 cycles.
    pub fn step(&mut self) {
        let now = SYST::get_current();
        self.total += u64::from(self.last.wrapping_sub(now) & Self::RELOAD);
        (self.last, self.steps) = (now, self.steps + 1);
    }

    /// Cycles a step took on average.
    pub fn per_step(&self) -> u32 {
        (self.total / u64::from(self.steps.max(1))) as u32
    }

    /// Prints what a step took on average: on a board its cycles count, in emulation its instructions.
    pub fn print(&self) {
        let cycles = self.per_step();
        hprintln!("  {} cycles a step, {} instructions in emulation", cycles, cycles * INSTRUCTIONS_PER_CYCLE);
    }
}

/// Says whether all results had the host's bits, and stops.
pub fn conclude(comparison: &Comparison) -> ! {
    match comparison.difference {
        Some((at, bits)) => hprintln!("result {} has bits {:08x}: not those of the host", at, bits),
        None if comparison.holds() => hprintln!("all results have the bits of the host"),
        None => hprintln!("there are not as many results as the host has"),
    }
    stop(comparison.holds())
}

/// Bytes of stack that were used below the caller since the start: start-up has painted all of it.
#[inline(never)]
pub fn stack_below(caller: usize) -> usize {
    let mut address = &raw const _stack_end;
    // SAFETY: aligned words between the stack's end and its top, of the program's own memory; nothing else runs.
    while address.addr() < caller && unsafe { address.read_volatile() } == STACK_PAINT_VALUE {
        address = address.wrapping_add(1);
    }
    caller.saturating_sub(address.addr())
}

/// Paints the stack below the caller anew, but for the last 64 bytes, in which this function may stand.
#[inline(never)]
pub fn repaint() {
    let top = cortex_m::register::msp::read() as usize - 64;
    let mut address = (&raw const _stack_end).cast_mut();
    while address.addr() < top {
        // SAFETY: aligned words of the program's own memory, below everything that lives.
        unsafe { address.write_volatile(STACK_PAINT_VALUE) };
        address = address.wrapping_add(1);
    }
}

/// Runs `f`; returns what it returns and the bytes of stack below this call. The first such call of a program, and each
/// after [`repaint`], sees only its own; another one sees the deepest so far.
#[inline(always)]
pub fn with_stack_depth<T>(f: impl FnOnce() -> T) -> (T, usize) {
    let top = cortex_m::register::msp::read() as usize;
    let result = f();
    (result, stack_below(top))
}
