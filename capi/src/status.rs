//! Status codes: what a function returns, and the numbers behind the last error of a tape.

use core::ffi::{CStr, c_char};

use reinmax_core::{Argument, Error, Slab};

/// What a function returns: 0, or a negative number. Numbers are only ever added.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It worked.
    Ok = 0,
    /// A slab is too short. reinmax_tape_error names the slab, and the length that would have been enough.
    Full = -1,
    /// An array has the wrong length.
    Length = -2,
    /// A tensor has the wrong shape.
    Shape = -3,
    /// A number is not what its role allows: a temperature that is not positive, an index beyond the categories.
    Value = -4,
    /// A row of logits holds NaN or +inf, or nothing but -inf.
    Logits = -5,
    /// A row without categories.
    NoCategories = -6,
    /// A size that does not fit in 32 bits, or in memory.
    TooLarge = -7,
    /// A handle or a mark from before a reset, or of another tape.
    Stale = -8,
    /// The loss is not 1 x 1.
    NotScalar = -9,
    /// The tensor depends on no parameter or differentiable input.
    NoGrad = -10,
    /// A parameter after something else was recorded.
    ParamAfterOp = -11,
    /// Only inputs and parameters can be set.
    NotALeaf = -12,
    /// A measuring tape has no values.
    Measuring = -13,
    /// The tape has run out of handles: initialise a new one, with another number.
    EpochsExhausted = -14,
    /// A pointer is NULL where it must not be.
    Null = -100,
    /// A pointer is not aligned to its type.
    Misaligned = -101,
    /// An array that is written shares memory with another argument or with the tape.
    Overlap = -102,
    /// The tape was not initialised.
    NotInitialised = -103,
    /// Uniforms and forced categories at once.
    BothNoises = -104,
    /// An error of the core that this interface has no number for.
    Unknown = -127,
}

impl Status {
    /// All of them.
    pub(crate) const ALL: [Status; 21] = [
        Status::Ok,
        Status::Full,
        Status::Length,
        Status::Shape,
        Status::Value,
        Status::Logits,
        Status::NoCategories,
        Status::TooLarge,
        Status::Stale,
        Status::NotScalar,
        Status::NoGrad,
        Status::ParamAfterOp,
        Status::NotALeaf,
        Status::Measuring,
        Status::EpochsExhausted,
        Status::Null,
        Status::Misaligned,
        Status::Overlap,
        Status::NotInitialised,
        Status::BothNoises,
        Status::Unknown,
    ];

    fn from_code(code: i32) -> Option<Self> {
        Status::ALL.into_iter().find(|status| *status as i32 == code)
    }
}

/// The same list as the core's, which numbers may only be added to.
macro_rules! arguments {
    ($($doc:literal $name:ident = $number:literal,)*) => {
        /// What an error is about: reinmax_error's argument. Numbers are only ever added.
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum CArgument {
            $(#[doc = concat!(" ", $doc)] $name = $number,)*
        }
        const _: () = {
            $(assert!(Argument::$name as u32 == $number);)*
        };
    };
}

arguments! {
    "Unnormalised log-probabilities." Logits = 0,
    "Probabilities of the categories." Probs = 1,
    "The gradient of the loss with respect to an output." Upstream = 2,
    "The gradient that a function adds to." Grad = 3,
    "Category indices, one for each draw." Index = 4,
    "Uniform random numbers." Uniforms = 5,
    "Gumbel noise." Gumbel = 6,
    "The loss of each draw." Losses = 7,
    "The buffer that receives a result." Output = 8,
    "An operation's input." Input = 9,
    "An operation's weight matrix." Weight = 10,
    "An operation's bias vector." Bias = 11,
    "The values that a prediction is compared with." Targets = 12,
    "Parameters of a model." Params = 13,
    "An optimiser's state." State = 14,
    "A softmax temperature." Tau = 15,
    "A learning rate." LearningRate = 16,
    "The exponent of a power." Power = 17,
    "The number of draws or repeats of a row." Repeats = 18,
    "The range of columns asked for." Columns = 19,
    "A parameter of an estimator or optimiser of one's own." Coefficient = 20,
    "The buffer that a function works in." Scratch = 21,
    "The gap of Gapped Straight-Through." Gap = 22,
    "The number of categories in a row." Categories = 23,
    "Exponential noise." Exponentials = 24,
    "What an estimator keeps between its forward and its backward pass." Saved = 25,
    "An optimiser's step, counted from 1." Step = 26,
    "The number of relaxed samples that a gradient averages over." RelaxedSamples = 27,
    "A decay rate of Adam's moments." Beta = 28,
    "What Adam adds to the root of the second moment." Epsilon = 29,
    "The momentum of Sgd." Momentum = 30,
    "A factor of weight decay." WeightDecay = 31,
    "The greatest norm or magnitude that gradients may have." Limit = 32,
    "What REINFORCE subtracts from losses." Baseline = 33,
}

/// The numbers behind an error. Fields that a status has no use for are 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CError {
    /// The status that was returned.
    pub status: Status,
    /// FULL: the slab (0 nodes, 1 values, 2 gradients, 3 saved). LENGTH, SHAPE and VALUE: a reinmax_argument.
    pub argument: u32,
    /// LENGTH: the length needed. SHAPE: the rows and columns needed. FULL: the first is the length that would be
    /// enough.
    pub expected: [usize; 2],
    /// LENGTH: the length at hand. SHAPE: the rows and columns at hand. LOGITS: the first is the row. VALUE: the first
    /// is the position in the array; 0 where a single float was refused; where a count or a column was, that number
    /// itself.
    pub got: [usize; 2],
}

impl CError {
    pub(crate) const NONE: CError = CError::of(Status::Ok);

    pub(crate) const fn of(status: Status) -> Self {
        CError { status, argument: 0, expected: [0; 2], got: [0; 2] }
    }
}

impl From<Error> for CError {
    fn from(error: Error) -> Self {
        let status = Status::from_code(-i32::from(error.number())).unwrap_or(Status::Unknown);
        let plain = CError::of(status);
        let of = |argument: Argument| argument as u32;
        match error {
            Error::Full { slab, need } => {
                let argument = match slab {
                    Slab::Nodes => 0,
                    Slab::Values => 1,
                    Slab::Grads => 2,
                    Slab::Saved => 3,
                };
                CError { argument, expected: [need, 0], ..plain }
            }
            Error::Length { argument, expected, got } => {
                CError { argument: of(argument), expected: [expected, 0], got: [got, 0], ..plain }
            }
            Error::Shape { argument, expected, got } => CError {
                argument: of(argument),
                expected: [expected.rows as usize, expected.cols as usize],
                got: [got.rows as usize, got.cols as usize],
                ..plain
            },
            Error::Value { argument, at } => CError { argument: of(argument), got: [at, 0], ..plain },
            Error::Logits { row } => CError { got: [row, 0], ..plain },
            _ => plain,
        }
    }
}

/// What functions of this crate return before C sees it.
pub(crate) type Result<T> = core::result::Result<T, CError>;

/// A result as C sees it.
pub(crate) fn status_of(result: Result<()>) -> Status {
    match result {
        Ok(()) => Status::Ok,
        Err(error) => error.status,
    }
}

/// The version of the interface that this header describes. It changes when a function or a type does; additions leave
/// it as it is.
pub const REINMAX_ABI_VERSION: u32 = 1;

/// The version of the header, which grows with additions too: 0.1.0.
pub const REINMAX_VERSION_MAJOR: u32 = 0;
/// See REINMAX_VERSION_MAJOR.
pub const REINMAX_VERSION_MINOR: u32 = 1;
/// See REINMAX_VERSION_MAJOR.
pub const REINMAX_VERSION_PATCH: u32 = 0;

// The package's version says the same.
const _: () = {
    assert!(matches!(u32::from_str_radix(env!("CARGO_PKG_VERSION_MAJOR"), 10), Ok(REINMAX_VERSION_MAJOR)));
    assert!(matches!(u32::from_str_radix(env!("CARGO_PKG_VERSION_MINOR"), 10), Ok(REINMAX_VERSION_MINOR)));
    assert!(matches!(u32::from_str_radix(env!("CARGO_PKG_VERSION_PATCH"), 10), Ok(REINMAX_VERSION_PATCH)));
};

/// The version of the interface that the library has: a program compares it with REINMAX_ABI_VERSION.
#[unsafe(no_mangle)]
pub extern "C" fn reinmax_abi_version() -> u32 {
    REINMAX_ABI_VERSION
}

/// A sentence about a status: static, zero-terminated, never NULL. Any number may be asked about.
#[unsafe(no_mangle)]
pub extern "C" fn reinmax_status_string(status: i32) -> *const c_char {
    sentence(Status::from_code(status)).as_ptr()
}

fn sentence(status: Option<Status>) -> &'static CStr {
    let Some(status) = status else { return c"no status of this library" };
    match status {
        Status::Ok => c"success",
        Status::Full => c"a slab is full; reinmax_tape_error says how long it must be",
        Status::Length => c"an array has the wrong length",
        Status::Shape => c"a tensor has the wrong shape",
        Status::Value => c"a number is out of its range",
        Status::Logits => c"a row of logits holds NaN or +inf, or only -inf",
        Status::NoCategories => c"a row needs at least one category",
        Status::TooLarge => c"the size does not fit in 32 bits, or in memory",
        Status::Stale => c"the handle is from before a reset, or of another tape",
        Status::NotScalar => c"the loss is not of shape 1x1; reinmax_tape_backward_with takes an upstream gradient",
        Status::NoGrad => c"the tensor depends on no parameter or differentiable input",
        Status::ParamAfterOp => c"parameters must be declared before anything else is recorded",
        Status::NotALeaf => c"only inputs and parameters can be set",
        Status::Measuring => c"a measuring tape has no values",
        Status::EpochsExhausted => c"the tape has run out of handles; initialise a new one with another number",
        Status::Null => c"a pointer is NULL",
        Status::Misaligned => c"a pointer is not aligned to its type",
        Status::Overlap => c"an array that is written overlaps another argument or the tape's memory",
        Status::NotInitialised => c"the tape is not initialised",
        Status::BothNoises => c"uniforms and forced categories exclude each other",
        Status::Unknown => c"an error that this interface has no number for",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reinmax_core::Shape;

    /// Every variant of the core's error has a status of its own, with the variant's number.
    #[test]
    fn every_error_has_a_status() {
        let (argument, shape) = (Argument::Tau, Shape::new(1, 2));
        let all = [
            Error::Full { slab: Slab::Saved, need: 7 },
            Error::Length { argument, expected: 1, got: 2 },
            Error::Shape { argument, expected: shape, got: shape },
            Error::Value { argument, at: 3 },
            Error::Logits { row: 4 },
            Error::NoCategories,
            Error::TooLarge,
            Error::Stale,
            Error::NotScalar,
            Error::NoGrad,
            Error::ParamAfterOp,
            Error::NotALeaf,
            Error::Measuring,
            Error::EpochsExhausted,
        ];
        assert_eq!(all.len(), usize::from(Error::VARIANTS), "a variant is missing in this list");
        for (i, error) in all.into_iter().enumerate() {
            let status = CError::from(error).status;
            assert_eq!(status as i32, -(i as i32 + 1), "{error}");
            assert_eq!(Status::ALL[i + 1], status);
        }
        assert_eq!(CError::from(all[0]), CError { argument: 3, expected: [7, 0], ..CError::of(Status::Full) });
    }

    #[test]
    fn every_status_has_a_sentence_of_its_own() {
        let sentences: Vec<_> = Status::ALL.iter().map(|status| sentence(Some(*status))).collect();
        for (i, sentence) in sentences.iter().enumerate() {
            assert!(!sentences[..i].contains(sentence), "{sentence:?}");
        }
        for unknown in [1, -99, i32::MIN] {
            assert!(Status::from_code(unknown).is_none());
        }
    }
}
