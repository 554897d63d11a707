//! A tape with one operation: parameter, mean, replay, backward, reset.
#![no_std]
#![no_main]

use reinmax_core::{Draws, Result, Shape, Tape};

size::program! {
    (tape: &mut Tape<'_>, shape: Shape, values: &[f32]) -> Result<()> {
        let x = tape.param(shape, values)?;
        let mark = tape.mark();
        let loss = tape.mean(x)?;
        tape.replay(mark, Draws::Stream)?;
        tape.zero_grad()?;
        tape.backward(loss)?;
        tape.reset(mark)
    }
}
