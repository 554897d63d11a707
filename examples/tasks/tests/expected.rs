//! This host gives the bits in `expected/`, and the sizes of the tasks' memory are exact.

use reinmax_core::{Error, Footprint, Portable, Slabs, Tape, TapeMem, Var};
use reinmax_example_tasks::expected::{Comparison, POLYNOMIAL_32, POLYNOMIAL_128, VAE, VECTOR};
use reinmax_example_tasks::{polynomial, vae, vector};

fn holds(expected: &'static [u32], run: impl FnOnce(&mut dyn FnMut(f32))) {
    let mut comparison = Comparison::new(expected);
    run(&mut |x| comparison.push(x));
    assert!(comparison.holds(), "{:?}", comparison.difference);
}

/// Trains with `L` variables; returns what was used of the memory.
fn polynomial_task<const L: usize, const FLOATS: usize>(expected: &'static [u32]) -> Footprint {
    let mut memory = TapeMem::<{ polynomial::NODES }, FLOATS, FLOATS, L>::new();
    let mut tape = Tape::new(memory.slabs());
    let mut state = vec![0.0; polynomial::state(L)];
    holds(expected, |report| {
        polynomial::train(&mut tape, L as u32, polynomial::STEPS, &mut state, report).expect("it trains");
    });
    tape.footprint()
}

#[test]
fn polynomial() {
    const FLOATS: [usize; 2] = [polynomial::floats(32), polynomial::floats(128)];
    let exact = |latents: usize| {
        let floats = polynomial::floats(latents);
        Footprint { nodes: polynomial::NODES, values: floats, grads: floats, saved: latents }
    };
    assert_eq!(polynomial_task::<32, { FLOATS[0] }>(&POLYNOMIAL_32), exact(32));
    assert_eq!(polynomial_task::<128, { FLOATS[1] }>(&POLYNOMIAL_128), exact(128));
}

#[test]
fn autoencoder() {
    let mut memory = TapeMem::<{ vae::NODES }, { vae::VALUES }, { vae::GRADS }, { vae::SAVED }>::new();
    let mut tape = Tape::new(memory.slabs());
    let mut model = None;
    holds(&VAE, |report| model = Some(vae::train(&mut tape, &mut [0.0; vae::STATE], report).expect("it trains")));
    let sizes = Footprint { nodes: vae::NODES, values: vae::VALUES, grads: vae::GRADS, saved: vae::SAVED };
    assert_eq!(tape.footprint(), sizes);
    assert_eq!(vae::correct_pixels(&tape, &model.expect("a model")), Ok(vae::IMAGES * 16));
}

#[test]
fn every_kernel() {
    holds(&VECTOR, |report| vector::fill(report).expect("it runs"));
}

/// A comparison that could not fail would prove nothing.
#[test]
fn comparisons_see_wrong_missing_and_superfluous_results() {
    let mut wrong = Comparison::new(&[0x3f80_0000, 0]);
    wrong.push(1.0);
    assert!(!wrong.holds(), "one is missing");
    wrong.push(-0.0);
    assert_eq!(wrong.difference, Some((1, 0x8000_0000)));
    let mut long = Comparison::new(&[0]);
    long.push(0.0);
    assert!(long.holds());
    long.push(0.0);
    assert!(!long.holds());
}

#[test]
fn suspended_tapes_go_on() {
    let mut memory = TapeMem::<2, 4, 4, 0>::new();
    let mut tape = Tape::new(memory.slabs());
    let x = tape.param(reinmax_core::Shape::new(1, 2), &[1.0, 2.0]).expect("room");
    let suspended = tape.suspend();
    // No slabs at all: errors, nothing worse.
    let none = Slabs { nodes: &mut [], values: &mut [], grads: &mut [], saved: &mut [] };
    let mut lost = Tape::resume(none, Portable, suspended);
    assert_eq!(lost.value(x), Err(Error::Stale));
    assert_eq!(lost.sum(x), Err(Error::Stale));
    assert_eq!(lost.value(Var::from_bits(0)), Err(Error::Stale));
    let mut tape = Tape::resume(memory.slabs(), Portable, suspended);
    let y = tape.mul(x, x).expect("room");
    assert_eq!(tape.value(y), Ok(&[1.0, 4.0][..]));
}
