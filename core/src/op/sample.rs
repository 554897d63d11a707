//! The sample node: categorical draws forward, an estimator's gradient backward.
//!
//! It takes the probabilities as an input instead of computing them, so a program that also needs them (for a KL term,
//! say) shares one softmax, and several draws of a row share it too.

use core::marker::PhantomData;

use wide::bytemuck;

use super::{Draws, Forward, Op, Operation, Spec, Vjp};
use crate::check::{check_categories, check_draws, product, require};
use crate::estimator::{DrawInputs, GradientInputs};
use crate::kernel::SHORT;
use crate::kernel::sample::{Indicator, OneHot};
use crate::{Argument, Backend, Error, Estimator, Footprint, Result, Shape, Tape, Var};

impl<B: Backend> Tape<'_, B> {
    /// Draws one category for each row: rows x k one-hot vectors whose gradient reaches the logits by way of the
    /// estimator. `probs` is `softmax(logits)`; the estimator sends it no gradient. Saves an index, and what the
    /// estimator keeps, for each row.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Value`] for the estimator's configuration, the draws, the probabilities or more
    /// categories than [`Estimator::MAX_CATEGORIES`], [`Error::NoCategories`], [`Error::Length`] where `draws`
    /// holds more or less than needed, [`Error::Logits`] from estimators that draw from logits, and those of
    /// [`Tape::record`].
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
        let (rows, spec) = self.sample_spec(estimator, logits, probs, repeats)?;
        let spec = Spec { shape: Shape::new(rows, spec.shape.cols), ..spec };
        self.record_with(Sample::<E>::OP, &[logits, probs], spec, draws)
    }

    /// Column `column` of [`Tape::sample_many`], rows x repeats: 1 where that category was drawn, else 0. The bits are
    /// those of `sample_many` and [`Tape::column`]; for k <= 16 the one-hot matrix and its gradient are never written.
    ///
    /// # Errors
    /// As [`Tape::sample_many`]; [`Error::Value`] for a column beyond k.
    pub fn sample_column<E: Estimator>(
        &mut self,
        estimator: E,
        logits: Var,
        probs: Var,
        repeats: u32,
        column: u32,
        draws: Draws<'_>,
    ) -> Result<Var> {
        if self.shape(logits)?.cols as usize <= SHORT {
            return self.sample_short_column(estimator, logits, probs, repeats, column, draws);
        }
        let (draw_count, spec) = self.sample_spec(estimator, logits, probs, repeats)?;
        let Shape { rows, cols } = spec.shape;
        check_column(column, cols)?;
        let shape = Shape::new(rows, repeats);
        // Three nodes, all or none: with room for them nothing after the draws can fail.
        let (one_hot, one_column) = (Shape::new(draw_count, cols).checked_len()? as usize, draw_count as usize);
        let floats = one_hot.checked_add(one_column).ok_or(Error::TooLarge)?;
        let grads = if self.takes_grad(logits)? { floats } else { 0 };
        self.check_room(Footprint { nodes: 3, values: floats, grads, saved: spec.saved })?;
        let one_hot = self.sample_many(estimator, logits, probs, repeats, draws)?;
        let column = self.column(one_hot, column)?;
        self.view(column, shape)
    }

    /// [`Tape::sample_column`] where no row has more than 16 categories: the code for longer rows stays out of the
    /// program.
    ///
    /// # Errors
    /// As [`Tape::sample_column`]; [`Error::Value`] for more categories.
    pub fn sample_short_column<E: Estimator>(
        &mut self,
        estimator: E,
        logits: Var,
        probs: Var,
        repeats: u32,
        column: u32,
        draws: Draws<'_>,
    ) -> Result<Var> {
        let (_, spec) = self.sample_spec(estimator, logits, probs, repeats)?;
        let got = spec.shape;
        check_column(column, got.cols)?;
        check_categories(got.cols as usize, SHORT)?;
        let spec = Spec { shape: Shape::new(got.rows, repeats), number: column, ..spec };
        self.record_with(SampleColumn::<E>::OP, &[logits, probs], spec, draws)
    }

    /// Checks what all samples have in common. Returns the number of draws, and a spec with the shape of the logits.
    fn sample_spec<E: Estimator>(&self, estimator: E, logits: Var, probs: Var, repeats: u32) -> Result<(u32, Spec)> {
        estimator.check()?;
        let shape = self.shape(logits)?;
        self.expect_shape(Argument::Probs, probs, shape)?;
        if shape.cols == 0 {
            return Err(Error::NoCategories);
        }
        check_categories(shape.cols as usize, E::MAX_CATEGORIES)?;
        check_draws(repeats as usize)?;
        let draws = shape.rows.checked_mul(repeats).ok_or(Error::TooLarge)?;
        // An index and the estimator's own floats for each draw.
        let per_draw = estimator.saved_per_draw(shape.cols as usize).checked_add(1).ok_or(Error::TooLarge)?;
        let spec = Spec {
            config: estimator.to_config(),
            saved: product(draws as usize, per_draw)?,
            differentiable: [true, false, false],
            ..Spec::new(shape)
        };
        Ok((draws, spec))
    }
}

/// Refuses a column that a matrix of `cols` does not have.
fn check_column(column: u32, cols: u32) -> Result<()> {
    require(column < cols, Argument::Columns, column as usize)
}

struct Sample<E>(PhantomData<E>);

/// Indices lie in the saved slab as the bits of floats; nothing ever computes with them as floats.
fn index_bits(saved: &[f32]) -> &[u32] {
    bytemuck::try_cast_slice(saved).unwrap_or(&[])
}

fn index_bits_mut(saved: &mut [f32]) -> &mut [u32] {
    bytemuck::try_cast_slice_mut(saved).unwrap_or(&mut [])
}

/// Draws; returns the indices, which lie in front of the estimator's own numbers, and the output.
fn draw<'a, B: Backend, E: Estimator>(f: Forward<'a, '_, B>, count: usize) -> Result<(&'a [u32], &'a mut [f32])> {
    let [logits, probs, _] = f.inputs;
    let (estimator, k) = (E::from_config(f.config), logits.cols());
    let draws = count.checked_div(logits.rows()).unwrap_or(0);
    let noise = f.noise.take(count, estimator.uniforms_per_draw(k))?;
    let (index, saved) = f.saved.split_at_mut_checked(count).unwrap_or_default();
    let index = index_bits_mut(index);
    let inputs = DrawInputs { logits: logits.values, probs: probs.values, k, draws, noise };
    if count > 0 {
        estimator.draw(f.backend, inputs, index, saved)?;
    }
    Ok((index, f.out))
}

/// Sends the upstream gradient to the logits; that of one column where `column` says so.
fn pull_back<B: Backend, E: Estimator>(mut v: Vjp<'_, B>, count: usize, column: Option<u32>) -> Result<()> {
    let [logits, probs, _] = v.inputs;
    let (index, saved) = v.saved.split_at_checked(count).unwrap_or_default();
    let inputs = GradientInputs {
        logits: logits.values,
        probs: probs.values,
        index: index_bits(index),
        saved,
        upstream: v.upstream,
        k: logits.cols(),
        draws: count.checked_div(logits.rows()).unwrap_or(0),
        column,
    };
    match v.grads.get(0) {
        Some(grad) if count > 0 => E::from_config(v.config).backward(v.backend, inputs, grad),
        _ => Ok(()),
    }
}

impl<B: Backend, E: Estimator> Operation<B> for Sample<E> {
    const OP: &'static Op<B> = &Op {
        name: E::NAME,
        forward: |f: Forward<'_, '_, B>| {
            let (count, k, backend) = (f.shape.rows as usize, f.shape.cols as usize, f.backend);
            let (index, out) = draw::<B, E>(f, count)?;
            backend.run_rows(OneHot { index, k, out });
            Ok(())
        },
        vjp: |v: Vjp<'_, B>| {
            let count = v.out.rows();
            pull_back::<B, E>(v, count, None)
        },
    };
}

struct SampleColumn<E>(PhantomData<E>);

impl<B: Backend, E: Estimator> Operation<B> for SampleColumn<E> {
    const OP: &'static Op<B> = &Op {
        name: E::NAME,
        forward: |f: Forward<'_, '_, B>| {
            let (count, column, backend) = (f.shape.len(), f.number, f.backend);
            let (index, out) = draw::<B, E>(f, count)?;
            backend.run(Indicator { index, column, out });
            Ok(())
        },
        vjp: |v: Vjp<'_, B>| {
            let (count, column) = (v.out.shape.len(), v.number);
            pull_back::<B, E>(v, count, Some(column))
        },
    };
}
