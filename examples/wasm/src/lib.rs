//! The polynomial task of `examples/tasks` with 128 variables, as two functions for JavaScript. An instance of this
//! module is one training: a page that compares two estimators makes two instances. Nothing is imported, nothing
//! allocated.

#![no_std]

use core::cell::UnsafeCell;

use reinmax_core::tape::Suspended;
use reinmax_core::{Draws, Portable, ReinMax, StraightThrough, Tape, TapeMem};
use reinmax_example_tasks::polynomial::{NODES, Run, floats, state};

const LATENTS: usize = 128;
const FLOATS: usize = floats(LATENTS);

/// The page relies on it for speed, and says so.
const _: () = assert!(cfg!(target_feature = "simd128"), "build with -Ctarget-feature=+simd128");

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// A training between two calls: the tape's memory, and the tape taken apart.
struct Training {
    memory: TapeMem<NODES, FLOATS, FLOATS, LATENTS>,
    adam: [f32; state(LATENTS)],
    run: Option<(Suspended, Run)>,
}

struct Alone(UnsafeCell<Training>);

// SAFETY: a module without threads has one caller, and no function below calls another.
unsafe impl Sync for Alone {}

static TRAINING: Alone =
    Alone(UnsafeCell::new(Training { memory: TapeMem::new(), adam: [0.0; state(LATENTS)], run: None }));

/// Begins anew: estimator 0 is ReinMax, 1 Straight-Through. Returns 0, or the number of the error; 255 for another
/// estimator.
#[unsafe(no_mangle)]
pub extern "C" fn start(estimator: u32, tau: f32, power: f32) -> u32 {
    // SAFETY: as for Sync.
    let Training { memory, adam, run } = unsafe { &mut *TRAINING.0.get() };
    *run = None;
    let mut tape = Tape::new(memory.slabs());
    let recorded = match estimator {
        0 => Run::record(&mut tape, LATENTS as u32, power, adam, |tape, logits, probs| {
            tape.sample_column(ReinMax { tau }, logits, probs, 1, 0, Draws::Stream)
        }),
        1 => Run::record(&mut tape, LATENTS as u32, power, adam, |tape, logits, probs| {
            tape.sample_column(StraightThrough { tau }, logits, probs, 1, 0, Draws::Stream)
        }),
        _ => return 255,
    };
    match recorded {
        Ok(recorded) => {
            *run = Some((tape.suspend(), recorded));
            0
        }
        Err(error) => error.number().into(),
    }
}

/// One step; returns the loss, NaN where there is no training.
#[unsafe(no_mangle)]
pub extern "C" fn step() -> f32 {
    // SAFETY: as for Sync.
    let Training { memory, adam, run } = unsafe { &mut *TRAINING.0.get() };
    let Some((suspended, run)) = run else { return f32::NAN };
    let mut tape = Tape::resume(memory.slabs(), Portable, *suspended);
    let loss = run.step(&mut tape, adam);
    *suspended = tape.suspend();
    loss.unwrap_or(f32::NAN)
}
