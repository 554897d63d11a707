//! Trains a categorical variational autoencoder of 816 parameters until it draws all of its images right; exits with an
//! error where it does not, or where a loss differs from the host's in one bit.

#![no_std]
#![no_main]

use cortex_m::singleton;
use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use reinmax_core::{Node, Slabs, Tape};
use reinmax_cortex_m::{Cycles, conclude, stop, with_stack_depth};
use reinmax_example_tasks::expected::{Comparison, VAE};
use reinmax_example_tasks::vae::{self, GRADS, NODES, SAVED, STATE, VALUES};

#[entry]
fn main() -> ! {
    let memory = (
        singleton!(: [Node; NODES] = [Node::EMPTY; NODES]),
        singleton!(: [f32; VALUES] = [0.0; VALUES]),
        singleton!(: [f32; GRADS] = [0.0; GRADS]),
        singleton!(: [f32; SAVED] = [0.0; SAVED]),
        singleton!(: [f32; STATE] = [0.0; STATE]),
    );
    let (Some(nodes), Some(values), Some(grads), Some(saved), Some(state)) = memory else { stop(false) };
    let mut comparison = Comparison::new(&VAE);
    let mut tape = Tape::new(Slabs { nodes, values, grads, saved });
    let Some(peripherals) = cortex_m::Peripherals::take() else { stop(false) };
    let mut cycles = Cycles::new(peripherals.SYST);
    let (model, depth) = with_stack_depth(|| {
        vae::train(&mut tape, state, |loss| {
            cycles.step();
            comparison.push(loss);
        })
    });
    let Ok(model) = model else {
        hprintln!("training failed");
        stop(false)
    };
    let bytes = NODES * size_of::<Node>() + (VALUES + GRADS + SAVED + STATE) * 4;
    hprintln!("{} bytes of memory, {} bytes of stack", bytes, depth);
    cycles.print();
    let correct = vae::correct_pixels(&tape, &model).unwrap_or(0);
    hprintln!("{} of {} pixels are right", correct, vae::IMAGES * 16);
    if let Ok(pixels) = tape.value(model.pixels) {
        // The last reconstructions of a row, a column.
        for row in 0..4 {
            for image in [0, 5] {
                for column in 0..4 {
                    let on = pixels.get(image * 16 + row * 4 + column).is_some_and(|logit| *logit > 0.0);
                    cortex_m_semihosting::hprint!("{}", if on { '#' } else { '.' });
                }
                cortex_m_semihosting::hprint!("  ");
            }
            hprintln!("");
        }
    }
    if correct < vae::IMAGES * 16 {
        stop(false);
    }
    conclude(&comparison)
}
