//! The sample node: categorical draws forward, an estimator's gradient backward.
//!
//! It takes the probabilities as an input instead of computing them, so a program that also needs them (for a KL term,
//! say) shares one softmax, and several draws of a row share it too.

use core::marker::PhantomData;

use wide::bytemuck;

use super::{Draws, Forward, Op, Operation, Spec, Vjp};
use crate::estimator::{DrawInputs, GradientInputs};
use crate::kernel::sample::one_hot;
use crate::{Argument, Backend, Error, Estimator, Result, Shape, Tape, Var};

impl<B: Backend> Tape<'_, B> {
    /// Draws one category for each row: rows x k one-hot vectors whose gradient reaches the logits by way of the
    /// estimator. `probs` is `softmax(logits)`; the estimator sends it no gradient. Saves an index, and what the estimator
    /// keeps, for each row.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Value`] for the estimator's configuration or the draws, [`Error::Length`] where `draws`
    /// holds more or less than needed, and those of [`Tape::record`].
    pub fn sample<E: Estimator>(&mut self, estimator: E, logits: Var, probs: Var, draws: Draws<'_>) -> Result<Var> {
        self.sample_many(estimator, logits, probs, 1, draws)
    }

    /// [`Tape::sample`] with `repeats` draws for each row: (rows * repeats) x k, the draws of a row side by side. The
    /// gradient of the logits sums over them.
    ///
    /// # Errors
    /// As [`Tape::sample`]; [`Error::Value`] for 0 repeats.
    pub fn sample_many<E: Estimator>(
        &mut self,
        estimator: E,
        logits: Var,
        probs: Var,
        repeats: u32,
        draws: Draws<'_>,
    ) -> Result<Var> {
        estimator.check()?;
        let shape = self.shape(logits)?;
        self.expect_shape(Argument::Probs, probs, shape)?;
        if shape.cols == 0 {
            return Err(Error::NoCategories);
        }
        if repeats == 0 {
            return Err(Error::Value { argument: Argument::Repeats, at: 0 });
        }
        let rows = shape.rows.checked_mul(repeats).ok_or(Error::TooLarge)?;
        // An index and the estimator's own floats for each draw.
        let per_draw = estimator.saved_per_draw(shape.cols as usize).checked_add(1).ok_or(Error::TooLarge)?;
        let spec = Spec {
            config: estimator.to_config(),
            saved: (rows as usize).checked_mul(per_draw).ok_or(Error::TooLarge)?,
            differentiable: [true, false, false],
            ..Spec::new(Shape::new(rows, shape.cols))
        };
        self.record_with(Sample::<E>::OP, &[logits, probs], spec, draws)
    }
}

struct Sample<E>(PhantomData<E>);

/// Indices lie in the saved slab as the bits of floats; nothing ever computes with them as floats.
fn index_bits(saved: &[f32]) -> &[u32] {
    bytemuck::try_cast_slice(saved).unwrap_or(&[])
}

fn index_bits_mut(saved: &mut [f32]) -> &mut [u32] {
    bytemuck::try_cast_slice_mut(saved).unwrap_or(&mut [])
}

impl<B: Backend, E: Estimator> Operation<B> for Sample<E> {
    const OP: &'static Op<B> = &Op {
        name: E::NAME,
        forward: |f: Forward<'_, '_, B>| {
            let [logits, probs, _] = f.inputs;
            let (estimator, k) = (E::from_config(f.config), logits.cols());
            let count = f.shape.rows as usize;
            let draws = f.shape.rows.checked_div(logits.shape.rows).unwrap_or(0) as usize;
            let noise = f.noise.take(count, estimator.uniforms_per_draw(k))?;
            let (index, saved) = f.saved.split_at_mut_checked(count).unwrap_or_default();
            let index = index_bits_mut(index);
            let inputs = DrawInputs { logits: logits.values, probs: probs.values, k, draws, noise };
            if count > 0 {
                estimator.draw(f.backend, inputs, index, saved)?;
            }
            one_hot(index, k, f.out);
            Ok(())
        },
        vjp: |mut v: Vjp<'_, B>| {
            let [logits, probs, _] = v.inputs;
            let count = v.out.rows();
            let draws = v.out.shape.rows.checked_div(logits.shape.rows).unwrap_or(0) as usize;
            let (index, saved) = v.saved.split_at_checked(count).unwrap_or_default();
            let inputs = GradientInputs {
                logits: logits.values,
                probs: probs.values,
                index: index_bits(index),
                saved,
                upstream: v.upstream,
                k: logits.cols(),
                draws,
            };
            match v.grads.get(0) {
                Some(grad) if count > 0 => E::from_config(v.config).backward(v.backend, inputs, grad),
                _ => Ok(()),
            }
        },
    };
}
