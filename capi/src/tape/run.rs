//! What a tape does between its first and its last call: noise, leaves, reading, marks, replay, backward.

use reinmax_core::{Mark, Shape, Tape, Var};

use super::{CDraws, CMark, CTape, Open, on_tape, record};
use crate::Engine;
use crate::memory::{get, put};
use crate::status::Status;

// ---- noise -------------------------------------------------------------------------------------------------------

/// Draws from now on come from output 0 of the sequence (seed, stream).
///
/// Errors: NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_seed(tape: *mut CTape, seed: u64, stream: u64) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        on_tape(tape, |open| {
            open.tape.seed(seed, stream);
            Ok(())
        })
    }
}

/// The sequence's next output: with seed and stream, all there is to know about future draws. Part of a checkpoint.
///
/// Errors: NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_cursor(tape: *mut CTape, out: *mut u64) -> Status {
    // SAFETY: the caller's promise.
    unsafe { on_tape(tape, |open| put(out, open.tape.cursor())) }
}

/// Moves to output cursor of the sequence.
///
/// Errors: NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_set_cursor(tape: *mut CTape, cursor: u64) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        on_tape(tape, |open| {
            open.tape.set_cursor(cursor);
            Ok(())
        })
    }
}

// ---- leaves ------------------------------------------------------------------------------------------------------

/// A tape's way to declare a leaf.
type Leaf = for<'t, 'm, 'v> fn(&'t mut Tape<'m, Engine>, Shape, &'v [f32]) -> reinmax_core::Result<Var>;

/// # Safety
/// `values` must lead to rows * cols floats; otherwise as [`record`].
unsafe fn leaf(tape: *mut CTape, rows: u32, cols: u32, values: *const f32, out: *mut u64, declare: Leaf) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        record(tape, out, |open| {
            let shape = Shape::new(rows, cols);
            let values = open.array(values, shape.checked_len()? as usize)?;
            Ok(declare(&mut open.tape, shape, values)?)
        })
    }
}

/// Declares a parameter, rows x cols, and sets it from rows * cols values. Parameters come before everything else.
///
/// Errors: FULL, PARAM_AFTER_OP, TOO_LARGE, OVERLAP, NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_param(
    tape: *mut CTape,
    rows: u32,
    cols: u32,
    values: *const f32,
    out: *mut u64,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe { leaf(tape, rows, cols, values, out, |tape, shape, values| tape.param(shape, values)) }
}

/// Records the caller's rows * cols values as a tensor that takes no gradient.
///
/// Errors: FULL, TOO_LARGE, OVERLAP, NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_input(
    tape: *mut CTape,
    rows: u32,
    cols: u32,
    values: *const f32,
    out: *mut u64,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe { leaf(tape, rows, cols, values, out, |tape, shape, values| tape.input(shape, values)) }
}

/// Records rows * cols values as a tensor whose gradient adds up until reinmax_tape_zero_grad.
///
/// Errors: FULL, TOO_LARGE, OVERLAP, NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_differentiable_input(
    tape: *mut CTape,
    rows: u32,
    cols: u32,
    values: *const f32,
    out: *mut u64,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe { leaf(tape, rows, cols, values, out, |tape, shape, values| tape.differentiable_input(shape, values)) }
}

/// Gives an input or a parameter len new values, for the next replay.
///
/// Errors: STALE, NOT_A_LEAF, LENGTH, OVERLAP, NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_set(tape: *mut CTape, leaf: u64, values: *const f32, len: usize) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        on_tape(tape, |open| {
            let values = open.array(values, len)?;
            Ok(open.tape.set(Var::from_bits(leaf), values)?)
        })
    }
}

// ---- reading -----------------------------------------------------------------------------------------------------

/// Where all parameters, one after the other, and their gradients lie: len floats each, to be read and written between
/// calls. The pointers hold as long as the slabs. len is 0 on a measuring tape.
///
/// Errors: NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_params(
    tape: *mut CTape,
    params: *mut *mut f32,
    grads: *mut *mut f32,
    len: *mut usize,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        on_tape(tape, |open| {
            put(params, open.slabs().values)?;
            put(grads, open.slabs().grads)?;
            put(len, open.tape.params().len())
        })
    }
}

/// Where the values of a tensor lie: rows * cols floats, row-major, until the tensor is reset.
///
/// Errors: STALE, MEASURING, NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_value(tape: *mut CTape, var: u64, out: *mut *const f32) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        on_tape(tape, |open| {
            let value = open.tape.value(Var::from_bits(var))?;
            put(out, Open::lasting(open.slabs().values, value).cast_const())
        })
    }
}

/// Where the gradient of a tensor lies: rows * cols floats, row-major, until the tensor is reset.
///
/// Errors: STALE, NO_GRAD, MEASURING, NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_grad(tape: *mut CTape, var: u64, out: *mut *const f32) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        on_tape(tape, |open| {
            let grad = open.tape.grad(Var::from_bits(var))?;
            put(out, Open::lasting(open.slabs().grads, grad).cast_const())
        })
    }
}

/// The shape of a tensor.
///
/// Errors: STALE, NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_shape(tape: *mut CTape, var: u64, rows: *mut u32, cols: *mut u32) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        on_tape(tape, |open| {
            let shape = open.tape.shape(Var::from_bits(var))?;
            put(rows, shape.rows)?;
            put(cols, shape.cols)
        })
    }
}

// ---- running -----------------------------------------------------------------------------------------------------

/// A place to rewind to: everything recorded so far stays.
///
/// Errors: NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_mark(tape: *mut CTape, out: *mut CMark) -> Status {
    // SAFETY: the caller's promise; a `Mark` fits in a `CMark`.
    unsafe { on_tape(tape, |open| put(out.cast::<Mark>(), open.tape.mark())) }
}

/// Forgets everything recorded since the mark; its memory is free again and its handles are stale. O(1).
///
/// Errors: STALE, EPOCHS_EXHAUSTED, NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_reset(tape: *mut CTape, mark: *const CMark) -> Status {
    // SAFETY: the caller's promise; a `Mark` is whole numbers, so whatever is there is one.
    unsafe { on_tape(tape, |open| Ok(open.tape.reset(get(mark.cast::<Mark>())?)?)) }
}

/// Runs everything recorded since the mark forward again, on what inputs and parameters hold now and on new draws
/// (NULL: the tape's stream), with the bits of a fresh recording. It cannot return FULL. After an error values and
/// gradients are unspecified until a replay succeeds.
///
/// Errors: STALE, LENGTH for the draws, VALUE for draws, indices and classes, LOGITS, OVERLAP, BOTH_NOISES, NULL,
/// MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_replay(tape: *mut CTape, mark: *const CMark, draws: *const CDraws) -> Status {
    // SAFETY: the caller's promise; a `Mark` is whole numbers, so whatever is there is one.
    unsafe {
        on_tape(tape, |open| {
            let (mark, draws) = (get(mark.cast::<Mark>())?, open.draws(draws)?);
            Ok(open.tape.replay(mark, draws)?)
        })
    }
}

/// Fills in the gradients of everything that the loss (1 x 1) depends on. Those of inputs and parameters add up until
/// reinmax_tape_zero_grad; all others start from 0.
///
/// Errors: STALE, NOT_SCALAR, NO_GRAD, NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_backward(tape: *mut CTape, loss: u64) -> Status {
    // SAFETY: the caller's promise.
    unsafe { on_tape(tape, |open| Ok(open.tape.backward(Var::from_bits(loss))?)) }
}

/// The same from a tensor of any shape, with its len upstream gradients.
///
/// Errors: STALE, LENGTH, NO_GRAD, OVERLAP, NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_backward_with(
    tape: *mut CTape,
    var: u64,
    upstream: *const f32,
    len: usize,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe {
        on_tape(tape, |open| {
            let upstream = open.array(upstream, len)?;
            Ok(open.tape.backward_with(Var::from_bits(var), upstream)?)
        })
    }
}

/// Sets the gradients of all inputs and parameters to 0.
///
/// Errors: NULL, MISALIGNED, NOT_INITIALISED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reinmax_tape_zero_grad(tape: *mut CTape) -> Status {
    // SAFETY: the caller's promise.
    unsafe { on_tape(tape, |open| Ok(open.tape.zero_grad()?)) }
}
