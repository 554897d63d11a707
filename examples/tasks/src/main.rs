//! Prints a task's results on this machine, as the eight hexadecimal digits of each float's bits.

use reinmax_core::{Draws, Estimator, Portable, ReinMax, Result, StraightThrough, Tape, TapeMem};
use reinmax_example_tasks::{polynomial, vae, vector};

fn polynomial<const L: usize, const FLOATS: usize, const STATE: usize>(mut report: impl FnMut(f32)) -> Result<()> {
    let mut memory = TapeMem::<{ polynomial::NODES }, FLOATS, FLOATS, L>::new();
    let mut tape = Tape::new(memory.slabs());
    polynomial::train(&mut tape, L as u32, polynomial::STEPS, &mut [0.0; STATE], &mut report)
}

/// Losses with 128 variables: the arguments are an estimator, its temperature, the power, and the number of steps.
fn curve(arguments: &[String], report: impl FnMut(f32)) -> Result<()> {
    fn train(estimator: impl Estimator, power: f32, steps: u32, mut report: impl FnMut(f32)) -> Result<()> {
        const FLOATS: usize = polynomial::floats(128);
        let mut memory = TapeMem::<{ polynomial::NODES }, FLOATS, FLOATS, 128>::new();
        let (mut tape, mut state) = (Tape::new(memory.slabs()), [0.0; polynomial::state(128)]);
        let mut run = polynomial::Run::record(&mut tape, 128, power, &mut state, |tape, logits, probs| {
            tape.sample_column(estimator, logits, probs, 1, 0, Draws::Stream)
        })?;
        (0..steps).try_for_each(|_| run.step(&mut tape, &mut state).map(&mut report))
    }
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(f32::NAN);
    let (tau, power, steps) = (number(1), number(2), number(3) as u32);
    match arguments.first().map(String::as_str) {
        Some("reinmax") => train(ReinMax { tau }, power, steps, report),
        Some("straight_through") => train(StraightThrough { tau }, power, steps, report),
        _ => usage("which estimator? reinmax or straight_through"),
    }
}

fn usage(question: &str) -> ! {
    eprintln!("{question}");
    std::process::exit(2);
}

fn vae(mut report: impl FnMut(f32)) -> Result<()> {
    let mut memory = TapeMem::<{ vae::NODES }, { vae::VALUES }, { vae::GRADS }, { vae::SAVED }, Portable>::new();
    let mut tape = Tape::new(memory.slabs());
    vae::train(&mut tape, &mut [0.0; vae::STATE], &mut report).map(drop)
}

fn main() -> Result<()> {
    let mut print = |x: f32| println!("{:08x}", x.to_bits());
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("polynomial-32") => polynomial::<32, { polynomial::floats(32) }, { polynomial::state(32) }>(&mut print),
        Some("polynomial-128") => {
            polynomial::<128, { polynomial::floats(128) }, { polynomial::state(128) }>(&mut print)
        }
        Some("vae") => vae(&mut print),
        Some("vector") => vector::fill(&mut print),
        Some("curve") => curve(&arguments[1..], &mut print),
        _ => usage("which task? polynomial-32, polynomial-128, vae, vector, or curve ESTIMATOR TAU POWER STEPS"),
    }
}
