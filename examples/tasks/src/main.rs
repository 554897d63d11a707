//! Prints a task's results on this machine, as the eight hexadecimal digits of each float's bits.

use reinmax_core::{Portable, Result, Tape, TapeMem};
use reinmax_example_tasks::{polynomial, vae, vector};

fn polynomial<const L: usize, const FLOATS: usize, const STATE: usize>(mut report: impl FnMut(f32)) -> Result<()> {
    let mut memory = TapeMem::<{ polynomial::NODES }, FLOATS, FLOATS, L>::new();
    let mut tape = Tape::new(memory.slabs());
    polynomial::train(&mut tape, L as u32, polynomial::STEPS, &mut [0.0; STATE], &mut report)
}

fn vae(mut report: impl FnMut(f32)) -> Result<()> {
    let mut memory = TapeMem::<{ vae::NODES }, { vae::VALUES }, { vae::GRADS }, { vae::SAVED }, Portable>::new();
    let mut tape = Tape::new(memory.slabs());
    vae::train(&mut tape, &mut [0.0; vae::STATE], &mut report).map(drop)
}

fn main() -> Result<()> {
    let mut print = |x: f32| println!("{:08x}", x.to_bits());
    match std::env::args().nth(1).as_deref() {
        Some("polynomial-32") => polynomial::<32, { polynomial::floats(32) }, { polynomial::state(32) }>(&mut print),
        Some("polynomial-128") => {
            polynomial::<128, { polynomial::floats(128) }, { polynomial::state(128) }>(&mut print)
        }
        Some("vae") => vae(&mut print),
        Some("vector") => vector::fill(&mut print),
        _ => {
            eprintln!("which task? polynomial-32, polynomial-128, vae or vector");
            std::process::exit(2);
        }
    }
}
