//! The polynomial task where little is known beforehand: any number of categories, any temperature, any power. What
//! `training_polynomial` saves by what it knows is the difference.
#![no_std]
#![no_main]

use reinmax_core::optim::{Adam, Optimizer};
use reinmax_core::{Draws, ReinMax, Result, Shape, Tape};

size::program! {
    (tape: &mut Tape<'_>, shape: Shape, initial: &[f32], tau: f32, power: f32, steps: u32, state: &mut [f32]) -> Result<()> {
        let logits = tape.param(shape, initial)?;
        let start = tape.mark();
        let probs = tape.softmax(logits)?;
        let x = tape.sample_column(ReinMax { tau }, logits, probs, 1, 0, Draws::Stream)?;
        let distance = tape.affine(x, 1.0, -0.45)?;
        let distance = tape.abs_pow(distance, power)?;
        let loss = tape.mean(distance)?;
        let adam = Adam::new(0.05);
        for step in 1..=steps {
            tape.zero_grad()?;
            tape.replay(start, Draws::Stream)?;
            tape.backward(loss)?;
            let (params, grads) = tape.params_and_grads();
            adam.step(step, params, grads, state)?;
        }
        Ok(())
    }
}
