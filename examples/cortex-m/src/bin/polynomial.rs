//! Trains the polynomial task with 32 and with 128 variables, in static memory; exits with an error where one loss
//! differs from the host's in one bit.

#![no_std]
#![no_main]

use cortex_m::singleton;
use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use reinmax_core::{Node, Slabs, Tape};
use reinmax_cortex_m::{Cycles, conclude, stop, with_stack_depth};
use reinmax_example_tasks::expected::{Comparison, POLYNOMIAL_32, POLYNOMIAL_128};
use reinmax_example_tasks::polynomial::{NODES, STEPS, floats, state, train};

/// Trains and compares; no more than this is measured.
fn run(
    slabs: Slabs<'_>,
    latents: u32,
    state: &mut [f32],
    expected: &'static [u32],
    cycles: &mut Cycles,
) -> (Comparison, f32) {
    let mut comparison = Comparison::new(expected);
    let mut last = f32::NAN;
    // An error leaves results out, and the comparison sees that.
    let _ = train(&mut Tape::new(slabs), latents, STEPS, state, |loss| {
        cycles.step();
        comparison.push(loss);
        last = loss;
    });
    (comparison, last)
}

#[entry]
fn main() -> ! {
    let memory = (
        singleton!(: [Node; NODES] = [Node::EMPTY; NODES]),
        singleton!(: [f32; floats(128)] = [0.0; floats(128)]),
        singleton!(: [f32; floats(128)] = [0.0; floats(128)]),
        singleton!(: [f32; 128] = [0.0; 128]),
        singleton!(: [f32; state(128)] = [0.0; state(128)]),
    );
    let (Some(nodes), Some(values), Some(grads), Some(saved), Some(adam)) = memory else { stop(false) };
    let Some(peripherals) = cortex_m::Peripherals::take() else { stop(false) };
    let mut cycles = Cycles::new(peripherals.SYST);
    for (latents, expected) in [(32, &POLYNOMIAL_32), (128, &POLYNOMIAL_128)] {
        let (floats, state) = (floats(latents), state(latents));
        let slabs = Slabs {
            nodes: &mut *nodes,
            values: &mut values[..floats],
            grads: &mut grads[..floats],
            saved: &mut saved[..latents],
        };
        let bytes = NODES * size_of::<Node>() + (2 * floats + latents + state) * 4;
        cycles.restart();
        let ((comparison, last), depth) =
            with_stack_depth(|| run(slabs, latents as u32, &mut adam[..state], expected, &mut cycles));
        hprintln!("{} variables: loss {} millionths after {} steps", latents, (last * 1e6) as u32, STEPS);
        hprintln!("  {} bytes of memory, {} bytes of stack", bytes, depth);
        cycles.print();
        if !comparison.holds() || latents == 128 {
            conclude(&comparison);
        }
    }
    stop(false)
}
