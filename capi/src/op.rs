//! A function for each operation. They differ in one line each, so a macro writes the rest.

use reinmax_core::{Shape, Var};

use crate::status::Status;
use crate::tape::{CTape, record};

/// An exported function for each line: the tape first, the output's handle last.
macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident($tape:ident $(, $argument:ident: $type:ty)*) => $record:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(tape: *mut CTape $(, $argument: $type)*, out: *mut u64) -> Status {
            // SAFETY: the caller's promise.
            unsafe {
                record(tape, out, |open| {
                    let $tape = &mut open.tape;
                    Ok($record?)
                })
            }
        }
    )*};
}

/// A handle from C. Any number will do: a wrong one is STALE.
const fn var(bits: u64) -> Var {
    Var::from_bits(bits)
}

operations! {
    /// a + b, element by element, of equal shapes. Errors: SHAPE.
    reinmax_tape_add(tape, a: u64, b: u64) => tape.add(var(a), var(b));
    /// a - b, element by element, of equal shapes. Errors: SHAPE.
    reinmax_tape_sub(tape, a: u64, b: u64) => tape.sub(var(a), var(b));
    /// a * b, element by element, of equal shapes. Errors: SHAPE.
    reinmax_tape_mul(tape, a: u64, b: u64) => tape.mul(var(a), var(b));
    /// scale * x + shift.
    reinmax_tape_affine(tape, x: u64, scale: f32, shift: f32) => tape.affine(var(x), scale, shift);
    /// |x|^power, for a power above 0. Errors: VALUE.
    reinmax_tape_abs_pow(tape, x: u64, power: f32) => tape.abs_pow(var(x), power);
    /// a where mask is not 0, else b; of equal shapes. The mask takes no gradient. Errors: SHAPE.
    reinmax_tape_select(tape, mask: u64, a: u64, b: u64) => tape.select(var(mask), var(a), var(b));
    /// max(x, 0).
    reinmax_tape_relu(tape, x: u64) => tape.relu(var(x));
    /// x above 0, slope * x elsewhere.
    reinmax_tape_leaky_relu(tape, x: u64, slope: f32) => tape.leaky_relu(var(x), slope);
    /// 1 / (1 + e^-x).
    reinmax_tape_sigmoid(tape, x: u64) => tape.sigmoid(var(x));
    /// tanh x.
    reinmax_tape_tanh(tape, x: u64) => tape.tanh(var(x));
    /// softmax of each row; -inf masks a category. Errors: LOGITS, NO_CATEGORIES.
    reinmax_tape_softmax(tape, logits: u64) => tape.softmax(var(logits));
    /// logits - logsumexp(logits) of each row. Errors: LOGITS, NO_CATEGORIES.
    reinmax_tape_log_softmax(tape, logits: u64) => tape.log_softmax(var(logits));
    /// a (n x m) times b (m x c): n x c. Errors: SHAPE.
    reinmax_tape_matmul(tape, a: u64, b: u64) => tape.matmul(var(a), var(b));
    /// x (n x in) times the transpose of weight (out x in) plus bias (1 x out): n x out. Errors: SHAPE.
    reinmax_tape_linear(tape, x: u64, weight: u64, bias: u64) => tape.linear(var(x), var(weight), var(bias));
    /// The rows of table that index (n x 1, whole numbers as floats) names, one for each of its rows. Errors: SHAPE,
    /// VALUE.
    reinmax_tape_gather_rows(tape, table: u64, index: u64) => tape.gather_rows(var(table), var(index));
    /// The one-hot row of each row's greatest element, the first of equals. No gradient. Errors: NO_CATEGORIES, LOGITS.
    reinmax_tape_argmax_one_hot(tape, x: u64) => tape.argmax_one_hot(var(x));
    /// Binary cross-entropy with targets in [0, 1] (others are not refused), summed over a row: n x 1. Errors: SHAPE.
    reinmax_tape_bce_with_logits(tape, logits: u64, targets: u64) => tape.bce_with_logits(var(logits), var(targets));
    /// -ln of the softmax at each row's class (n x 1, whole numbers as floats): n x 1. Errors: SHAPE, NO_CATEGORIES,
    /// LOGITS, VALUE.
    reinmax_tape_cross_entropy(tape, logits: u64, classes: u64) => tape.cross_entropy(var(logits), var(classes));
    /// -sum p ln p of each row: n x 1.
    reinmax_tape_entropy(tape, probs: u64) => tape.entropy(var(probs));
    /// sum p ln p + ln k of each row: n x 1.
    reinmax_tape_kl_to_uniform(tape, probs: u64) => tape.kl_to_uniform(var(probs));
    /// The sum of all elements: 1 x 1.
    reinmax_tape_sum(tape, x: u64) => tape.sum(var(x));
    /// The mean of all elements: 1 x 1.
    reinmax_tape_mean(tape, x: u64) => tape.mean(var(x));
    /// The mean of |x + shift|^power over all elements, for a power above 0, in one node: 1 x 1. Errors: VALUE.
    reinmax_tape_mean_abs_pow(tape, x: u64, shift: f32, power: f32) => tape.mean_abs_pow(var(x), shift, power);
    /// The same values as rows x cols; shared, not copied. Errors: SHAPE.
    reinmax_tape_view(tape, x: u64, rows: u32, cols: u32) => tape.view(var(x), Shape::new(rows, cols));
    /// The same values, through which no gradient flows; shared, not copied.
    reinmax_tape_detach(tape, x: u64) => tape.detach(var(x));
    /// Each row repeats times: row r becomes rows r * repeats and on. Errors: VALUE.
    reinmax_tape_repeat_rows(tape, x: u64, repeats: u32) => tape.repeat_rows(var(x), repeats);
    /// Columns start .. start + cols of each row. Errors: VALUE.
    reinmax_tape_slice(tape, x: u64, start: u32, cols: u32) => tape.slice(var(x), start, cols);
    /// One column: n x 1. Errors: VALUE.
    reinmax_tape_column(tape, x: u64, column: u32) => tape.column(var(x), column);
    /// The columns of a, then those of b; both have as many rows. Errors: SHAPE.
    reinmax_tape_concat(tape, a: u64, b: u64) => tape.concat(var(a), var(b));
}
