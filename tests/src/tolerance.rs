//! The one table of tolerances. A failing test is a reason to find the cause, never to raise a number here.

/// Estimators against reference vectors: relative to max |upstream| of the case, times max(1, 1 / tau). A row's
/// gradient is a few f32 operations on numbers of that size (measured: 1.3e-7).
pub const GOLDEN: f64 = 1e-6;

/// Expectations over all states against reference values, relative to the greatest |f| (sums of up to 4,096 terms;
/// probabilities in f32).
pub const ENUMERATION: f64 = 1e-5;

/// Parameters after up to 60 optimiser steps against a double-precision trace, in units of one learning rate: Adam
/// divides by the root of a small second moment, which magnifies f32 rounding in the gradient.
pub const TRACE: f64 = 1e-3;

/// A VJP against central differences of the double-precision twin: relative to the greatest gradient or 1.
pub const VJP: f64 = 2e-5;

/// A forward value against its double-precision twin: relative to the greatest value or 1.
pub const FORWARD: f64 = 5e-6;

/// Greatest error of exp on [-87.3, 0], in units of the last place (every float: 0.9820).
pub const EXP_ULP: f64 = 0.983;

/// Greatest error of ln on positive floats, in units of the last place (every float: 0.8463).
pub const LN_ULP: f64 = 0.847;

/// Sums of up to 2^24 equal terms, which all round the same way, relative to their sum (measured: 2.1e-5).
pub const LONG_SUM: f64 = 3e-5;

/// Identities of gradients in f32: relative to max |upstream| times max(1, 1 / tau) times sqrt(k).
pub const IDENTITY: f64 = 2e-6;

/// A shift of all logits by up to 100 rounds each of them to 2^-17; the identity holds up to that.
pub const SHIFT: f64 = 1e-4;

/// Statistical tests have fixed seeds and fail beyond this many standard deviations.
pub const SIGMAS: f64 = 4.5;

/// Greatest errors of sigmoid on [-87, 87], tanh on [-10, 10] and ln(1 + x) on [0, 1], in units of the last place, as
/// `kernel::exp` documents them.
pub const SIGMOID_ULP: f64 = 2.42;
/// See [`SIGMOID_ULP`].
pub const TANH_ULP: f64 = 1.53;
/// See [`SIGMOID_ULP`].
pub const LN_1P_ULP: f64 = 2.48;

/// Chi-squared of a mean of draws stays below this quantile; seeds are fixed.
pub const QUANTILE: f64 = 0.999;

/// Powers and bias corrections of optimisers against double precision, in units of the last place: half of one is what
/// rounding to `f32` costs (measured: 0.5000).
pub const CORRECTION_ULP: f64 = 0.501;

/// What is left of order tau^2 where Gumbel-Rao at tau = 0.02 and 0.04 is extrapolated to its limit: absolute, for
/// upstream gradients of at most 1.
pub const LIMIT: f64 = 2e-3;
