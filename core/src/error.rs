//! What can go wrong, named precisely enough to act on.
//!
//! Errors are small `Copy` values without text of their own, so that firmware that never prints one does not link
//! the sentences; [`core::fmt::Display`] turns them into sentences on hosts.

use core::fmt;

use crate::Shape;

/// The result of everything in this crate that can fail.
pub type Result<T> = core::result::Result<T, Error>;

/// One of the four memory areas that a caller lends to a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slab {
    /// One [`crate::Node`] for each recorded operation.
    Nodes,
    /// The values that operations compute; parameters are its prefix.
    Values,
    /// The gradients of those values.
    Grads,
    /// What an operation keeps between its forward and its backward pass.
    Saved,
}

/// The argument that an error speaks of. Foreign interfaces number them in this order: new ones come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Argument {
    /// Unnormalised log-probabilities.
    Logits,
    /// Probabilities of the categories.
    Probs,
    /// The gradient of the loss with respect to an output.
    Upstream,
    /// The gradient that a function adds to.
    Grad,
    /// Category indices, one for each draw.
    Index,
    /// Uniform random numbers.
    Uniforms,
    /// Gumbel noise.
    Gumbel,
    /// The loss of each draw.
    Losses,
    /// The buffer that receives a result.
    Output,
    /// An operation's input.
    Input,
    /// An operation's weight matrix.
    Weight,
    /// An operation's bias vector.
    Bias,
    /// The values that a prediction is compared with.
    Targets,
    /// Parameters of a model.
    Params,
    /// An optimiser's state.
    State,
    /// A softmax temperature.
    Tau,
    /// A learning rate.
    LearningRate,
    /// The exponent of a power.
    Power,
    /// The number of draws or repeats of a row.
    Repeats,
    /// The range of columns asked for.
    Columns,
    /// A parameter of an estimator or optimiser of one's own.
    Coefficient,
    /// The buffer that a function works in.
    Scratch,
    /// The gap of Gapped Straight-Through.
    Gap,
    /// The number of categories in a row.
    Categories,
    /// Exponential noise.
    Exponentials,
    /// What an estimator keeps between its forward and its backward pass.
    Saved,
    /// An optimiser's step, counted from 1.
    Step,
    /// The number of relaxed samples that a gradient averages over.
    RelaxedSamples,
    /// A decay rate of Adam's moments.
    Beta,
    /// What Adam adds to the root of the second moment.
    Epsilon,
    /// The momentum of Sgd.
    Momentum,
    /// A factor of weight decay.
    WeightDecay,
    /// The greatest norm or magnitude that gradients may have.
    Limit,
    /// What REINFORCE subtracts from losses.
    Baseline,
}

/// An error. The enum may grow; its variants do not change meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
// Whole words: small targets copy them in few instructions, odd bytes by a call.
#[repr(u32)]
pub enum Error {
    /// A slab is too short: `need` elements would have been enough for this operation.
    Full {
        /// The slab that ended.
        slab: Slab,
        /// The length that slab must have, in its elements.
        need: usize,
    },
    /// A slice has the wrong length, in elements.
    Length {
        /// Which slice.
        argument: Argument,
        /// The length that the other arguments ask for.
        expected: usize,
        /// The length it has.
        got: usize,
    },
    /// A tensor has the wrong shape.
    Shape {
        /// Which tensor.
        argument: Argument,
        /// The shape that the other arguments ask for.
        expected: Shape,
        /// The shape it has.
        got: Shape,
    },
    /// A number is not what its role allows: a temperature that is not positive and finite, a uniform outside
    /// [0, 1), an index beyond the last category.
    Value {
        /// Which number.
        argument: Argument,
        /// Its position in its slice; 0 for a single float. Of a count or a column (repeats, relaxed samples,
        /// categories, columns, step): the number that was given.
        at: usize,
    },
    /// A row of logits holds NaN or +inf, or nothing but -inf: it has no softmax.
    Logits {
        /// The row, counted from 0.
        row: usize,
    },
    /// A row without categories (k = 0).
    NoCategories,
    /// A size whose element count does not fit: in 32 bits on a tape, in `usize` elsewhere.
    TooLarge,
    /// A handle or a mark from before a reset, or of another tape.
    Stale,
    /// `backward` needs a loss of shape 1 x 1; [`crate::Tape::backward_with`] takes other shapes.
    NotScalar,
    /// No gradient reaches the tensor: nothing it depends on is a parameter or a differentiable leaf, or a `detach` or
    /// an argmax lies between.
    NoGrad,
    /// A parameter was declared after a tensor with values of its own; parameters come first.
    ParamAfterOp,
    /// Only leaves and parameters can be set.
    NotALeaf,
    /// The tape only measures: it has no values to read.
    Measuring,
    /// The epochs of the tape are used up. Each reset takes one, and so does each new tape on the same nodes; there are
    /// 2^31 at least (24 days at a reset each millisecond), and replays take none. Build a new tape on nodes with a new
    /// number ([`crate::Node::numbered`]).
    EpochsExhausted,
}

impl Error {
    /// The error of a part that begins at row `first`.
    pub(crate) fn in_rows_from(self, first: usize) -> Self {
        match self {
            Error::Logits { row } => Error::Logits { row: row + first },
            other => other,
        }
    }

    /// How many variants there are.
    pub const VARIANTS: u8 = 14;

    /// The variant's number from 1 on, for foreign interfaces. Numbers are only ever added.
    #[deny(clippy::match_same_arms)]
    pub const fn number(&self) -> u8 {
        match self {
            Error::Full { .. } => 1,
            Error::Length { .. } => 2,
            Error::Shape { .. } => 3,
            Error::Value { .. } => 4,
            Error::Logits { .. } => 5,
            Error::NoCategories => 6,
            Error::TooLarge => 7,
            Error::Stale => 8,
            Error::NotScalar => 9,
            Error::NoGrad => 10,
            Error::ParamAfterOp => 11,
            Error::NotALeaf => 12,
            Error::Measuring => 13,
            Error::EpochsExhausted => 14,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::Full { slab, need } => write!(f, "the {slab:?} slab is full: {need} elements would be enough"),
            Error::Length { argument, expected, got } => {
                write!(f, "{argument:?} has {got} elements where {expected} are needed")
            }
            Error::Shape { argument, expected, got } => {
                write!(f, "{argument:?} has shape {got} where {expected} is needed")
            }
            Error::Value { argument, at } => {
                use Argument::{
                    Baseline, Beta, Categories, Coefficient, Columns, Epsilon, Gap, LearningRate, Limit, Momentum,
                    Power, RelaxedSamples, Repeats, Step, Tau, WeightDecay,
                };
                let requirement = requirement(argument);
                match argument {
                    Tau | LearningRate | Power | Coefficient | Gap | Beta | Epsilon | Momentum | WeightDecay
                    | Limit | Baseline => {
                        write!(f, "{argument:?} is {requirement}")
                    }
                    Repeats | RelaxedSamples | Categories | Columns | Step => {
                        write!(f, "{argument:?} = {at} is {requirement}")
                    }
                    _ => write!(f, "{argument:?}[{at}] is {requirement}"),
                }
            }
            Error::Logits { row } => write!(f, "row {row} of the logits holds NaN or +inf, or only -inf"),
            Error::NoCategories => f.write_str("a row needs at least one category"),
            Error::TooLarge => f.write_str("the size does not fit in 32 bits (on a tape) or in an address"),
            Error::Stale => f.write_str("the handle is from before a reset, or of another tape"),
            Error::NotScalar => f.write_str("the loss is not of shape 1x1; backward_with takes an upstream gradient"),
            Error::NoGrad => f.write_str(
                "the tensor depends on no parameter or differentiable leaf, or only through detach or argmax",
            ),
            Error::ParamAfterOp => f.write_str("parameters must be declared before anything else is recorded"),
            Error::NotALeaf => f.write_str("only leaves and parameters can be set"),
            Error::Measuring => f.write_str("a measuring tape has no values"),
            Error::EpochsExhausted => f.write_str("the tape has run out of handles; build a new one on new slabs"),
        }
    }
}

/// Completes "<argument> is ..." for a value that was refused.
fn requirement(argument: Argument) -> &'static str {
    match argument {
        Argument::Tau => "not a positive finite temperature",
        Argument::Uniforms | Argument::Beta | Argument::Momentum => "not in [0, 1)",
        Argument::Index => "not the index of a category",
        Argument::LearningRate => "not a finite learning rate of at least 0",
        Argument::Power => "not a positive finite exponent",
        Argument::Probs => "not a probability, or the sum of its row is not finite",
        Argument::Repeats => "not a number of draws or repeats that is possible here",
        Argument::RelaxedSamples => "not in 1 ..= 65536",
        Argument::Step => "not at least 1",
        Argument::Exponentials => "not positive and finite",
        Argument::Gap | Argument::Epsilon | Argument::WeightDecay => "not finite and at least 0",
        Argument::Categories => "not a number of categories that this estimator takes",
        Argument::Columns => "not a column that can be asked for here",
        Argument::Limit => "not above 0",
        Argument::Baseline | Argument::Gumbel | Argument::Grad => "not finite",
        _ => "out of its range",
    }
}

impl core::error::Error for Error {}
