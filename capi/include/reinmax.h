/* reinmax: backpropagation through categorical samples, in memory that the caller lends.
 *
 * For C99, C++11 and later. The library allocates nothing, holds no global state and no lock, and never panics. Two threads
 * may be in it at once, on different tapes and arrays.
 *
 * Every function returns REINMAX_STATUS_OK (0) or a negative status, unless its type says otherwise; the statuses that a
 * function can return stand in its description. On an error a tape has recorded nothing, and plain output arrays are
 * unspecified. NULL, misaligned and overlapping pointers are errors. What cannot be checked is the caller's part: a pointer
 * must lead to as many elements as described, of memory outside of the tape's slabs that nothing else writes during the call.
 *
 * The library of a host runs on the widest vector instructions that the CPU has, on the thread that calls; results have the
 * same bits with all of them.
 *
 * Everything is a matrix of floats, row-major: rows x cols, or rows x k for rows of k categories. A handle (uint64_t) names a
 * recorded tensor. One from before a reset is REINMAX_STATUS_STALE; so is one of another tape, but for a chance of about 2^-30,
 * and one of an earlier tape in the same memory where reinmax_tape_init got a new number. Some 2^31 resets use a
 * tape's handles up; what records is REINMAX_STATUS_EPOCHS_EXHAUSTED then. reinmax_tape_error tells more of a
 * tape's last error (which argument, what length would do); functions on plain arrays have no place to keep that.
 *
 * Stack, measured on a Cortex-M4: 0.2 to 1.3 KiB for a gradient or a training step, 5.7 KiB with mve (docs/size.md).
 *
 * The functions stand in this order: tape (reinmax_tape_init, parameters, replay, backward), operations on a tape, estimators
 * (reinmax_tape_sample_*, and on plain arrays reinmax_draw_* and reinmax_backward_*), plain arrays (reinmax_softmax, reinmax_draw,
 * reinmax_sample, ..), optimisers.
 *
 * A tape, from recording to training; every status is checked:
 *
 *     static reinmax_node nodes[8];  static float values[64], grads[64], saved[8], state[12];
 *     static reinmax_tape tape;
 *     reinmax_slabs slabs = {nodes, 8, values, 64, grads, 64, saved, 8};
 *     reinmax_mark start;  reinmax_adam adam;  float *params, *gradients;  size_t len;
 *     uint64_t logits, probs, one_hot, loss;
 *     if (reinmax_tape_init(&tape, &slabs, 0)
 *         || reinmax_tape_param(&tape, 2, 3, initial, &logits) || reinmax_tape_mark(&tape, &start)
 *         || reinmax_tape_softmax(&tape, logits, &probs)
 *         || reinmax_tape_sample_reinmax(&tape, 1.0f, logits, probs, 1, NULL, &one_hot)
 *         || reinmax_tape_mean(&tape, one_hot, &loss)                                               // your loss in its place
 *         || reinmax_tape_params(&tape, &params, &gradients, &len) || reinmax_adam_default(0.05f, &adam)) return -1;
 *     for (uint32_t step = 1; step <= 100; step++)
 *         if (reinmax_tape_replay(&tape, &start, NULL) || reinmax_tape_zero_grad(&tape) || reinmax_tape_backward(&tape, loss)
 *             || reinmax_adam_step(&adam, step, params, gradients, len, state)) return -1;
 *
 * Plain arrays, for a runtime that has an autodiff of its own; 2 rows of 3 categories:
 *
 *     static float p[6], z[6], grad[6];  uint32_t index[2];
 *     const float upstream[6] = {1, 0, 0, 0, 0, 1};                                // of your loss, with respect to z
 *     reinmax_noise noise = {NULL, NULL, 0, 1, 0, 0};                              // seed 1, stream 0; next: position + 2
 *     if (reinmax_sample(initial, 2, 3, 1.0f, &noise, p, index, z)                 // forward: z, one-hot
 *         || reinmax_backward_reinmax(1.3f, initial, p, index, NULL, upstream, 2, 3, 1, grad)) return -1; // adds to grad
 */

#ifndef REINMAX_H
#define REINMAX_H

/* Generated from the crate reinmax-capi: ./ci.sh header writes it anew. */

#include <stddef.h>
#include <stdint.h>

// The version of the interface that this header describes. It changes when a function or a type does; additions leave
// it as it is.
#define REINMAX_ABI_VERSION 1

// The version of the header, which grows with additions too: 0.1.0.
#define REINMAX_VERSION_MAJOR 0

// See REINMAX_VERSION_MAJOR.
#define REINMAX_VERSION_MINOR 1

// See REINMAX_VERSION_MAJOR.
#define REINMAX_VERSION_PATCH 0

// What a function returns: 0, or a negative number. Numbers are only ever added.
enum reinmax_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // It worked.
  REINMAX_STATUS_OK = 0,
  // A slab is too short. reinmax_tape_error names the slab, and the length that would have been enough.
  REINMAX_STATUS_FULL = -1,
  // An array has the wrong length.
  REINMAX_STATUS_LENGTH = -2,
  // A tensor has the wrong shape.
  REINMAX_STATUS_SHAPE = -3,
  // A number is not what its role allows: a temperature that is not positive, an index beyond the categories.
  REINMAX_STATUS_VALUE = -4,
  // A row of logits holds NaN or +inf, or nothing but -inf.
  REINMAX_STATUS_LOGITS = -5,
  // A row without categories.
  REINMAX_STATUS_NO_CATEGORIES = -6,
  // A size that does not fit in 32 bits, or in memory.
  REINMAX_STATUS_TOO_LARGE = -7,
  // A handle or a mark from before a reset, or of another tape.
  REINMAX_STATUS_STALE = -8,
  // The loss is not 1 x 1.
  REINMAX_STATUS_NOT_SCALAR = -9,
  // The tensor depends on no parameter or differentiable input.
  REINMAX_STATUS_NO_GRAD = -10,
  // A parameter after something else was recorded.
  REINMAX_STATUS_PARAM_AFTER_OP = -11,
  // Only inputs and parameters can be set.
  REINMAX_STATUS_NOT_A_LEAF = -12,
  // A measuring tape has no values.
  REINMAX_STATUS_MEASURING = -13,
  // The tape has run out of handles: initialise a new one, with another number.
  REINMAX_STATUS_EPOCHS_EXHAUSTED = -14,
  // A pointer is NULL where it must not be.
  REINMAX_STATUS_NULL = -100,
  // A pointer is not aligned to its type.
  REINMAX_STATUS_MISALIGNED = -101,
  // An array that is written shares memory with another argument or with the tape.
  REINMAX_STATUS_OVERLAP = -102,
  // The tape was not initialised.
  REINMAX_STATUS_NOT_INITIALISED = -103,
  // Uniforms and forced categories at once.
  REINMAX_STATUS_BOTH_NOISES = -104,
  // An error of the core that this interface has no number for.
  REINMAX_STATUS_UNKNOWN = -127,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum reinmax_status reinmax_status;
#else
typedef int32_t reinmax_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What an error is about: reinmax_error's argument. Numbers are only ever added.
enum reinmax_argument
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Unnormalised log-probabilities.
  REINMAX_ARGUMENT_LOGITS = 0,
  // Probabilities of the categories.
  REINMAX_ARGUMENT_PROBS = 1,
  // The gradient of the loss with respect to an output.
  REINMAX_ARGUMENT_UPSTREAM = 2,
  // The gradient that a function adds to.
  REINMAX_ARGUMENT_GRAD = 3,
  // Category indices, one for each draw.
  REINMAX_ARGUMENT_INDEX = 4,
  // Uniform random numbers.
  REINMAX_ARGUMENT_UNIFORMS = 5,
  // Gumbel noise.
  REINMAX_ARGUMENT_GUMBEL = 6,
  // The loss of each draw.
  REINMAX_ARGUMENT_LOSSES = 7,
  // The buffer that receives a result.
  REINMAX_ARGUMENT_OUTPUT = 8,
  // An operation's input.
  REINMAX_ARGUMENT_INPUT = 9,
  // An operation's weight matrix.
  REINMAX_ARGUMENT_WEIGHT = 10,
  // An operation's bias vector.
  REINMAX_ARGUMENT_BIAS = 11,
  // The values that a prediction is compared with.
  REINMAX_ARGUMENT_TARGETS = 12,
  // Parameters of a model.
  REINMAX_ARGUMENT_PARAMS = 13,
  // An optimiser's state.
  REINMAX_ARGUMENT_STATE = 14,
  // A softmax temperature.
  REINMAX_ARGUMENT_TAU = 15,
  // A learning rate.
  REINMAX_ARGUMENT_LEARNING_RATE = 16,
  // The exponent of a power.
  REINMAX_ARGUMENT_POWER = 17,
  // The number of draws or repeats of a row.
  REINMAX_ARGUMENT_REPEATS = 18,
  // The range of columns asked for.
  REINMAX_ARGUMENT_COLUMNS = 19,
  // A parameter of an estimator or optimiser of one's own.
  REINMAX_ARGUMENT_COEFFICIENT = 20,
  // The buffer that a function works in.
  REINMAX_ARGUMENT_SCRATCH = 21,
  // The gap of Gapped Straight-Through.
  REINMAX_ARGUMENT_GAP = 22,
  // The number of categories in a row.
  REINMAX_ARGUMENT_CATEGORIES = 23,
  // Exponential noise.
  REINMAX_ARGUMENT_EXPONENTIALS = 24,
  // What an estimator keeps between its forward and its backward pass.
  REINMAX_ARGUMENT_SAVED = 25,
  // An optimiser's step, counted from 1.
  REINMAX_ARGUMENT_STEP = 26,
  // The number of relaxed samples that a gradient averages over.
  REINMAX_ARGUMENT_RELAXED_SAMPLES = 27,
  // A decay rate of Adam's moments.
  REINMAX_ARGUMENT_BETA = 28,
  // What Adam adds to the root of the second moment.
  REINMAX_ARGUMENT_EPSILON = 29,
  // The momentum of Sgd.
  REINMAX_ARGUMENT_MOMENTUM = 30,
  // A factor of weight decay.
  REINMAX_ARGUMENT_WEIGHT_DECAY = 31,
  // The greatest norm or magnitude that gradients may have.
  REINMAX_ARGUMENT_LIMIT = 32,
  // What REINFORCE subtracts from losses.
  REINMAX_ARGUMENT_BASELINE = 33,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum reinmax_argument reinmax_argument;
#else
typedef uint32_t reinmax_argument;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A tape. Opaque; zeroed or not, it must be initialised. It may be moved (copied as bytes) between calls, not used
// twice.
typedef struct reinmax_tape {
  // Opaque.
  size_t opaque_words[25];
  // Opaque.
  uint64_t opaque_longs[6];
} reinmax_tape;

// One recorded operation: what a slab of nodes is made of. Opaque.
typedef struct reinmax_node {
  // Opaque.
  const uint8_t *opaque_pointer;
  // Opaque.
  uint32_t opaque_words[16];
} reinmax_node;

// The memory lent to a tape, for as long as the tape is in use. Its content does not matter.
typedef struct reinmax_slabs {
  // One for each recorded operation. Not to be touched while the tape is in use.
  struct reinmax_node *nodes;
  // Elements of nodes.
  size_t nodes_len;
  // Values; parameters first.
  float *values;
  // Elements of values.
  size_t values_len;
  // Gradients; those of parameters first.
  float *grads;
  // Elements of grads.
  size_t grads_len;
  // What operations keep for the backward pass. Not to be touched while the tape is in use.
  float *saved;
  // Elements of saved.
  size_t saved_len;
} reinmax_slabs;

// How long slabs must be, in elements.
typedef struct reinmax_footprint {
  // Of nodes.
  size_t nodes;
  // Of values.
  size_t values;
  // Of gradients.
  size_t grads;
  // Of saved numbers.
  size_t saved;
} reinmax_footprint;

// The numbers behind an error. Fields that a status has no use for are 0.
typedef struct reinmax_error {
  // The status that was returned.
  reinmax_status status;
  // FULL: the slab (0 nodes, 1 values, 2 gradients, 3 saved). LENGTH, SHAPE and VALUE: a reinmax_argument.
  uint32_t argument;
  // LENGTH: the length needed. SHAPE: the rows and columns needed. FULL: the first is the length that would be
  // enough.
  size_t expected[2];
  // LENGTH: the length at hand. SHAPE: the rows and columns at hand. LOGITS: the first is the row. VALUE: the first
  // is the position in the array; 0 where a single float was refused; where a count or a column was, that number
  // itself.
  size_t got[2];
} reinmax_error;

// A place to rewind to. Opaque; it may be copied.
typedef struct reinmax_mark {
  // Opaque.
  size_t opaque_words[5];
} reinmax_mark;

// Where draws come from. NULL in place of a pointer to this, or two NULLs and no length: the tape's stream. Forced
// categories do not move its cursor: estimators that need noise besides them make it from seed, stream, cursor and
// node, and so get the same noise each time, unless reinmax_tape_set_cursor moves on.
typedef struct reinmax_draws {
  // Numbers in [0, 1), in the order in which draws use them; or NULL.
  const float *uniforms;
  // Categories, one for each draw, even such of probability 0; or NULL.
  const uint32_t *forced;
  // Elements of whichever is not NULL; all of them must be used.
  size_t len;
} reinmax_draws;

// Where the draws of a plain array come from. A function that draws needs one: NULL is an error there. (On a tape NULL
// draws are those of the tape's stream.)
typedef struct reinmax_noise {
  // Numbers in [0, 1), as many as the draws take; or NULL.
  const float *uniforms;
  // Categories, one for each draw, even such of probability 0; or NULL.
  const uint32_t *forced;
  // Elements of whichever is not NULL; 0 where both are.
  size_t len;
  // With both NULL: the sequence. With forced categories: noise that an estimator needs besides.
  uint64_t seed;
  // Which sequence of this seed.
  uint64_t stream;
  // The first output to take. The next call continues with this plus the number of uniforms taken.
  uint64_t position;
} reinmax_noise;

// Gradient descent: v = momentum v + g, params -= lr v.
typedef struct reinmax_sgd {
  // Learning rate.
  float lr;
  // How much of the velocity stays, in [0, 1).
  float momentum;
  // weight_decay * params is added to the gradient.
  float weight_decay;
} reinmax_sgd;

// Adam, in PyTorch's arithmetic.
typedef struct reinmax_adam {
  // Learning rate.
  float lr;
  // Decay of the first moment, in [0, 1).
  float beta1;
  // Decay of the second moment, in [0, 1).
  float beta2;
  // Added to the root of the second moment.
  float eps;
  // weight_decay * params is added to the gradient.
  float weight_decay;
} reinmax_adam;

// RAdam, in PyTorch's arithmetic.
typedef struct reinmax_radam {
  // Learning rate.
  float lr;
  // Decay of the first moment, in [0, 1).
  float beta1;
  // Decay of the second moment, in [0, 1).
  float beta2;
  // Added to the root of the second moment.
  float eps;
  // weight_decay * params is added to the gradient.
  float weight_decay;
} reinmax_radam;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The size of a reinmax_tape in bytes, for languages that do not read this header.
size_t reinmax_tape_size(void);

// The alignment of a reinmax_tape in bytes.
size_t reinmax_tape_align(void);

// The size of a reinmax_node in bytes.
size_t reinmax_node_size(void);

// The alignment of a reinmax_node in bytes.
size_t reinmax_node_align(void);

// The size of a reinmax_mark in bytes.
size_t reinmax_mark_size(void);

// Makes an empty tape on the caller's slabs. Draws come from reinmax_tape_seed(tape, 0, 0) until it is seeded.
// There is nothing to free. Give another number each time the same memory is used again: handles of the tape before it
// are refused then.
//
// Errors: NULL, MISALIGNED, TOO_LARGE, OVERLAP (slabs that share memory with each other or with the tape). Nothing has
// been written then.
reinmax_status reinmax_tape_init(struct reinmax_tape *tape, const struct reinmax_slabs *slabs, uint32_t number);

// Makes a tape that records without computing, to find out how much memory a program needs: it takes nodes, but no
// floats. Run the code that records (parameters and inputs still have their arrays), then ask for the footprint. It
// has no number: a handle of an earlier measuring tape on the same nodes may pass for one of its own. Its numbers are
// the same on every target; in bytes it is nodes * sizeof(reinmax_node) + (values + grads + saved) * sizeof(float).
//
// Errors: NULL, MISALIGNED, TOO_LARGE, OVERLAP.
reinmax_status reinmax_tape_init_measuring(struct reinmax_tape *tape, struct reinmax_node *nodes, size_t nodes_len);

// The most that has been recorded at any time: exact slab lengths, one element less is FULL.
//
// Errors: NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_footprint(struct reinmax_tape *tape, struct reinmax_footprint *out);

// The numbers behind what the last call on this tape returned. Asking leaves them as they are.
//
// Errors: NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_error(struct reinmax_tape *tape, struct reinmax_error *out);

// Draws from now on come from output 0 of the sequence (seed, stream).
//
// Errors: NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_seed(struct reinmax_tape *tape, uint64_t seed, uint64_t stream);

// The sequence's next output: with seed and stream, all there is to know about future draws. Part of a checkpoint.
//
// Errors: NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_cursor(struct reinmax_tape *tape, uint64_t *out);

// Moves to output cursor of the sequence.
//
// Errors: NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_set_cursor(struct reinmax_tape *tape, uint64_t cursor);

// Declares a parameter, rows x cols, and sets it from rows * cols values. Parameters come before everything else.
//
// Errors: FULL, PARAM_AFTER_OP, TOO_LARGE, OVERLAP, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_param(struct reinmax_tape *tape,
                                  uint32_t rows,
                                  uint32_t cols,
                                  const float *values,
                                  uint64_t *out);

// Records the caller's rows * cols values as a tensor that takes no gradient.
//
// Errors: FULL, TOO_LARGE, OVERLAP, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_input(struct reinmax_tape *tape,
                                  uint32_t rows,
                                  uint32_t cols,
                                  const float *values,
                                  uint64_t *out);

// Records rows * cols values as a tensor whose gradient adds up until reinmax_tape_zero_grad.
//
// Errors: FULL, TOO_LARGE, OVERLAP, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_differentiable_input(struct reinmax_tape *tape,
                                                 uint32_t rows,
                                                 uint32_t cols,
                                                 const float *values,
                                                 uint64_t *out);

// Gives an input or a parameter len new values, for the next replay.
//
// Errors: STALE, NOT_A_LEAF, LENGTH, OVERLAP, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_set(struct reinmax_tape *tape, uint64_t leaf, const float *values, size_t len);

// Where all parameters, one after the other, and their gradients lie: len floats each, to be read and written between
// calls. The pointers hold as long as the slabs. len is 0 on a measuring tape.
//
// Errors: NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_params(struct reinmax_tape *tape, float **params, float **grads, size_t *len);

// Where the values of a tensor lie: rows * cols floats, row-major, until the tensor is reset.
//
// Errors: STALE, MEASURING, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_value(struct reinmax_tape *tape, uint64_t var, const float **out);

// Where the gradient of a tensor lies: rows * cols floats, row-major, until the tensor is reset.
//
// Errors: STALE, NO_GRAD, MEASURING, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_grad(struct reinmax_tape *tape, uint64_t var, const float **out);

// The shape of a tensor.
//
// Errors: STALE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_shape(struct reinmax_tape *tape, uint64_t var, uint32_t *rows, uint32_t *cols);

// A place to rewind to: everything recorded so far stays.
//
// Errors: NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_mark(struct reinmax_tape *tape, struct reinmax_mark *out);

// Forgets everything recorded since the mark; its memory is free again and its handles are stale. O(1).
//
// Errors: STALE, EPOCHS_EXHAUSTED, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_reset(struct reinmax_tape *tape, const struct reinmax_mark *mark);

// Runs everything recorded since the mark forward again, on what inputs and parameters hold now and on new draws
// (NULL: the tape's stream), with the bits of a fresh recording. It cannot return FULL. After an error values and
// gradients are unspecified until a replay succeeds.
//
// Errors: STALE, LENGTH for the draws, VALUE for draws, indices and classes, LOGITS, OVERLAP, BOTH_NOISES, NULL,
// MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_replay(struct reinmax_tape *tape,
                                   const struct reinmax_mark *mark,
                                   const struct reinmax_draws *draws);

// Fills in the gradients of everything that the loss (1 x 1) depends on. Those of inputs and parameters add up until
// reinmax_tape_zero_grad; all others start from 0.
//
// Errors: STALE, NOT_SCALAR, NO_GRAD, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_backward(struct reinmax_tape *tape, uint64_t loss);

// The same from a tensor of any shape, with its len upstream gradients.
//
// Errors: STALE, LENGTH, NO_GRAD, OVERLAP, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_backward_with(struct reinmax_tape *tape, uint64_t var, const float *upstream, size_t len);

// Sets the gradients of all inputs and parameters to 0.
//
// Errors: NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_zero_grad(struct reinmax_tape *tape);

// a + b, element by element, of equal shapes. Errors: SHAPE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_add(struct reinmax_tape *tape, uint64_t a, uint64_t b, uint64_t *out);

// a - b, element by element, of equal shapes. Errors: SHAPE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sub(struct reinmax_tape *tape, uint64_t a, uint64_t b, uint64_t *out);

// a * b, element by element, of equal shapes. Errors: SHAPE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_mul(struct reinmax_tape *tape, uint64_t a, uint64_t b, uint64_t *out);

// scale * x + shift.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_affine(struct reinmax_tape *tape, uint64_t x, float scale, float shift, uint64_t *out);

// |x|^power, for a power above 0. Errors: VALUE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_abs_pow(struct reinmax_tape *tape, uint64_t x, float power, uint64_t *out);

// a where mask is not 0, else b; of equal shapes. The mask takes no gradient. Errors: SHAPE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_select(struct reinmax_tape *tape, uint64_t mask, uint64_t a, uint64_t b, uint64_t *out);

// max(x, 0).
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_relu(struct reinmax_tape *tape, uint64_t x, uint64_t *out);

// x above 0, slope * x elsewhere.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_leaky_relu(struct reinmax_tape *tape, uint64_t x, float slope, uint64_t *out);

// 1 / (1 + e^-x).
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sigmoid(struct reinmax_tape *tape, uint64_t x, uint64_t *out);

// tanh x.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_tanh(struct reinmax_tape *tape, uint64_t x, uint64_t *out);

// softmax of each row; -inf masks a category. Errors: LOGITS, NO_CATEGORIES.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_softmax(struct reinmax_tape *tape, uint64_t logits, uint64_t *out);

// logits - logsumexp(logits) of each row. Errors: LOGITS, NO_CATEGORIES.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_log_softmax(struct reinmax_tape *tape, uint64_t logits, uint64_t *out);

// a (n x m) times b (m x c): n x c. Errors: SHAPE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_matmul(struct reinmax_tape *tape, uint64_t a, uint64_t b, uint64_t *out);

// x (n x in) times the transpose of weight (out x in) plus bias (1 x out): n x out. Errors: SHAPE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_linear(struct reinmax_tape *tape,
                                   uint64_t x,
                                   uint64_t weight,
                                   uint64_t bias,
                                   uint64_t *out);

// The rows of table that index (n x 1, whole numbers as floats) names, one for each of its rows. Errors: SHAPE,
// VALUE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_gather_rows(struct reinmax_tape *tape, uint64_t table, uint64_t index, uint64_t *out);

// The one-hot row of each row's greatest element, the first of equals. No gradient. Errors: NO_CATEGORIES, LOGITS.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_argmax_one_hot(struct reinmax_tape *tape, uint64_t x, uint64_t *out);

// Binary cross-entropy with targets in [0, 1] (others are not refused), summed over a row: n x 1. Errors: SHAPE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_bce_with_logits(struct reinmax_tape *tape,
                                            uint64_t logits,
                                            uint64_t targets,
                                            uint64_t *out);

// -ln of the softmax at each row's class (n x 1, whole numbers as floats): n x 1. Errors: SHAPE, NO_CATEGORIES,
// LOGITS, VALUE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_cross_entropy(struct reinmax_tape *tape, uint64_t logits, uint64_t classes, uint64_t *out);

// -sum p ln p of each row: n x 1.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_entropy(struct reinmax_tape *tape, uint64_t probs, uint64_t *out);

// sum p ln p + ln k of each row: n x 1.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_kl_to_uniform(struct reinmax_tape *tape, uint64_t probs, uint64_t *out);

// The sum of all elements: 1 x 1.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sum(struct reinmax_tape *tape, uint64_t x, uint64_t *out);

// The mean of all elements: 1 x 1.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_mean(struct reinmax_tape *tape, uint64_t x, uint64_t *out);

// The mean of |x + shift|^power over all elements, for a power above 0, in one node: 1 x 1. Errors: VALUE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_mean_abs_pow(struct reinmax_tape *tape,
                                         uint64_t x,
                                         float shift,
                                         float power,
                                         uint64_t *out);

// The same values as rows x cols; shared, not copied. Errors: SHAPE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_view(struct reinmax_tape *tape, uint64_t x, uint32_t rows, uint32_t cols, uint64_t *out);

// The same values, through which no gradient flows; shared, not copied.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_detach(struct reinmax_tape *tape, uint64_t x, uint64_t *out);

// Each row repeats times: row r becomes rows r * repeats and on. Errors: VALUE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_repeat_rows(struct reinmax_tape *tape, uint64_t x, uint32_t repeats, uint64_t *out);

// Columns start .. start + cols of each row. Errors: VALUE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_slice(struct reinmax_tape *tape, uint64_t x, uint32_t start, uint32_t cols, uint64_t *out);

// One column: n x 1. Errors: VALUE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_column(struct reinmax_tape *tape, uint64_t x, uint32_t column, uint64_t *out);

// The columns of a, then those of b; both have as many rows. Errors: SHAPE.
//
// Errors besides those named: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_concat(struct reinmax_tape *tape, uint64_t a, uint64_t b, uint64_t *out);

// Draws antithetic pairs for ARM and DisARM: probs is rows x 2, uniforms is rows * pairs numbers in [0, 1), index
// receives two categories for each of them, side by side.
//
// Errors: VALUE (a uniform, a probability that is not finite), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_draw_antithetic(const float *probs,
                                       const float *uniforms,
                                       size_t rows,
                                       size_t pairs,
                                       uint32_t *index);

// ARM (k = 2): adds the gradient of the logits to grad (rows x 2). probs is rows x 2; index is rows * 2 pairs, drawn
// by reinmax_draw_antithetic from uniforms (rows * pairs); losses is losses_len = rows * 2 pairs, or 2 pairs where all
// rows share a sample's loss. A sum over draws, two for each pair: divided by their number it estimates the mean
// loss's gradient.
//
// Errors: LENGTH (losses), VALUE (index, a uniform, pairs), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_gradient_arm(const float *probs,
                                    const uint32_t *index,
                                    const float *uniforms,
                                    const float *losses,
                                    size_t losses_len,
                                    size_t rows,
                                    size_t pairs,
                                    float *grad);

// ReinMax: as many draws for each row of logits (rows x k) as `repeats` says, as one-hot rows,
// (rows * repeats) x k. The backward pass adds up this estimator's gradients of a row's draws
// (docs/estimators.md has its formula and parameters). probs is the softmax of logits, at temperature 1.
// draws: NULL for the tape's stream.
//
// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP,
// BOTH_NOISES; besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sample_reinmax(struct reinmax_tape *tape,
                                           float tau,
                                           uint64_t logits,
                                           uint64_t probs,
                                           uint32_t repeats,
                                           const struct reinmax_draws *draws,
                                           uint64_t *out);

// ReinMax: one column of the one-hot rows, as rows x repeats. Up to k = 16 the rows are not written.
//
// Errors: those of the function above; VALUE for a column beyond k.
reinmax_status reinmax_tape_sample_column_reinmax(struct reinmax_tape *tape,
                                                  float tau,
                                                  uint64_t logits,
                                                  uint64_t probs,
                                                  uint32_t repeats,
                                                  uint32_t column,
                                                  const struct reinmax_draws *draws,
                                                  uint64_t *out);

// ReinMax: the same for k of up to 16 only, from less code.
//
// Errors: those of the function above; VALUE for more categories.
reinmax_status reinmax_tape_sample_short_column_reinmax(struct reinmax_tape *tape,
                                                        float tau,
                                                        uint64_t logits,
                                                        uint64_t probs,
                                                        uint32_t repeats,
                                                        uint32_t column,
                                                        const struct reinmax_draws *draws,
                                                        uint64_t *out);

// ReinMax: how many uniforms a draw among k categories takes, and how many floats it saves.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_sizes_reinmax(float tau, size_t k, size_t *uniforms, size_t *saved);

// ReinMax: as many draws for each row as `draws` says, on plain arrays. logits and probs (their
// softmax at temperature 1) are rows x k, index is rows * draws, saved is that times the floats that a draw
// saves (NULL where that is 0).
//
// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE,
// OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
reinmax_status reinmax_draw_reinmax(float tau,
                                    const float *logits,
                                    const float *probs,
                                    size_t rows,
                                    size_t k,
                                    size_t draws,
                                    const struct reinmax_noise *noise,
                                    uint32_t *index,
                                    float *saved);

// ReinMax: adds the gradient of the logits to grad (rows x k), summed over a row's draws, on plain
// arrays. logits and probs (their softmax at temperature 1) are rows x k, index is rows * draws, saved is what
// the draw saved (NULL where that is nothing), upstream is (rows * draws) x k: the gradient of the loss with
// respect to each one-hot row.
//
// Errors: NO_CATEGORIES, VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_backward_reinmax(float tau,
                                        const float *logits,
                                        const float *probs,
                                        const uint32_t *index,
                                        const float *saved,
                                        const float *upstream,
                                        size_t rows,
                                        size_t k,
                                        size_t draws,
                                        float *grad);

// ReinMax at temperature 1 (less code than ReinMax, the same bits): as many draws for each row of logits (rows x k) as `repeats` says, as one-hot rows,
// (rows * repeats) x k. The backward pass adds up this estimator's gradients of a row's draws
// (docs/estimators.md has its formula and parameters). probs is the softmax of logits, at temperature 1.
// draws: NULL for the tape's stream.
//
// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP,
// BOTH_NOISES; besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sample_reinmax_tau1(struct reinmax_tape *tape,
                                                uint64_t logits,
                                                uint64_t probs,
                                                uint32_t repeats,
                                                const struct reinmax_draws *draws,
                                                uint64_t *out);

// ReinMax at temperature 1 (less code than ReinMax, the same bits): one column of the one-hot rows, as rows x repeats. Up to k = 16 the rows are not written.
//
// Errors: those of the function above; VALUE for a column beyond k.
reinmax_status reinmax_tape_sample_column_reinmax_tau1(struct reinmax_tape *tape,
                                                       uint64_t logits,
                                                       uint64_t probs,
                                                       uint32_t repeats,
                                                       uint32_t column,
                                                       const struct reinmax_draws *draws,
                                                       uint64_t *out);

// ReinMax at temperature 1 (less code than ReinMax, the same bits): the same for k of up to 16 only, from less code.
//
// Errors: those of the function above; VALUE for more categories.
reinmax_status reinmax_tape_sample_short_column_reinmax_tau1(struct reinmax_tape *tape,
                                                             uint64_t logits,
                                                             uint64_t probs,
                                                             uint32_t repeats,
                                                             uint32_t column,
                                                             const struct reinmax_draws *draws,
                                                             uint64_t *out);

// ReinMax at temperature 1 (less code than ReinMax, the same bits): how many uniforms a draw among k categories takes, and how many floats it saves.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_sizes_reinmax_tau1(size_t k,
                                          size_t *uniforms,
                                          size_t *saved);

// ReinMax at temperature 1 (less code than ReinMax, the same bits): as many draws for each row as `draws` says, on plain arrays. logits and probs (their
// softmax at temperature 1) are rows x k, index is rows * draws, saved is that times the floats that a draw
// saves (NULL where that is 0).
//
// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE,
// OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
reinmax_status reinmax_draw_reinmax_tau1(const float *logits,
                                         const float *probs,
                                         size_t rows,
                                         size_t k,
                                         size_t draws,
                                         const struct reinmax_noise *noise,
                                         uint32_t *index,
                                         float *saved);

// ReinMax at temperature 1 (less code than ReinMax, the same bits): adds the gradient of the logits to grad (rows x k), summed over a row's draws, on plain
// arrays. logits and probs (their softmax at temperature 1) are rows x k, index is rows * draws, saved is what
// the draw saved (NULL where that is nothing), upstream is (rows * draws) x k: the gradient of the loss with
// respect to each one-hot row.
//
// Errors: NO_CATEGORIES, VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_backward_reinmax_tau1(const float *logits,
                                             const float *probs,
                                             const uint32_t *index,
                                             const float *saved,
                                             const float *upstream,
                                             size_t rows,
                                             size_t k,
                                             size_t draws,
                                             float *grad);

// Straight-Through: as many draws for each row of logits (rows x k) as `repeats` says, as one-hot rows,
// (rows * repeats) x k. The backward pass adds up this estimator's gradients of a row's draws
// (docs/estimators.md has its formula and parameters). probs is the softmax of logits, at temperature 1.
// draws: NULL for the tape's stream.
//
// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP,
// BOTH_NOISES; besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sample_straight_through(struct reinmax_tape *tape,
                                                    float tau,
                                                    uint64_t logits,
                                                    uint64_t probs,
                                                    uint32_t repeats,
                                                    const struct reinmax_draws *draws,
                                                    uint64_t *out);

// Straight-Through: one column of the one-hot rows, as rows x repeats. Up to k = 16 the rows are not written.
//
// Errors: those of the function above; VALUE for a column beyond k.
reinmax_status reinmax_tape_sample_column_straight_through(struct reinmax_tape *tape,
                                                           float tau,
                                                           uint64_t logits,
                                                           uint64_t probs,
                                                           uint32_t repeats,
                                                           uint32_t column,
                                                           const struct reinmax_draws *draws,
                                                           uint64_t *out);

// Straight-Through: the same for k of up to 16 only, from less code.
//
// Errors: those of the function above; VALUE for more categories.
reinmax_status reinmax_tape_sample_short_column_straight_through(struct reinmax_tape *tape,
                                                                 float tau,
                                                                 uint64_t logits,
                                                                 uint64_t probs,
                                                                 uint32_t repeats,
                                                                 uint32_t column,
                                                                 const struct reinmax_draws *draws,
                                                                 uint64_t *out);

// Straight-Through: how many uniforms a draw among k categories takes, and how many floats it saves.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_sizes_straight_through(float tau, size_t k, size_t *uniforms, size_t *saved);

// Straight-Through: as many draws for each row as `draws` says, on plain arrays. logits and probs (their
// softmax at temperature 1) are rows x k, index is rows * draws, saved is that times the floats that a draw
// saves (NULL where that is 0).
//
// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE,
// OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
reinmax_status reinmax_draw_straight_through(float tau,
                                             const float *logits,
                                             const float *probs,
                                             size_t rows,
                                             size_t k,
                                             size_t draws,
                                             const struct reinmax_noise *noise,
                                             uint32_t *index,
                                             float *saved);

// Straight-Through: adds the gradient of the logits to grad (rows x k), summed over a row's draws, on plain
// arrays. logits and probs (their softmax at temperature 1) are rows x k, index is rows * draws, saved is what
// the draw saved (NULL where that is nothing), upstream is (rows * draws) x k: the gradient of the loss with
// respect to each one-hot row.
//
// Errors: NO_CATEGORIES, VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_backward_straight_through(float tau,
                                                 const float *logits,
                                                 const float *probs,
                                                 const uint32_t *index,
                                                 const float *saved,
                                                 const float *upstream,
                                                 size_t rows,
                                                 size_t k,
                                                 size_t draws,
                                                 float *grad);

// Gumbel-Softmax: as many draws for each row of logits (rows x k) as `repeats` says, as one-hot rows,
// (rows * repeats) x k. The backward pass adds up this estimator's gradients of a row's draws
// (docs/estimators.md has its formula and parameters). probs is the softmax of logits, at temperature 1.
// draws: NULL for the tape's stream.
//
// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP,
// BOTH_NOISES; besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sample_gumbel_softmax(struct reinmax_tape *tape,
                                                  float tau,
                                                  uint64_t logits,
                                                  uint64_t probs,
                                                  uint32_t repeats,
                                                  const struct reinmax_draws *draws,
                                                  uint64_t *out);

// Gumbel-Softmax: one column of the one-hot rows, as rows x repeats. Up to k = 16 the rows are not written.
//
// Errors: those of the function above; VALUE for a column beyond k.
reinmax_status reinmax_tape_sample_column_gumbel_softmax(struct reinmax_tape *tape,
                                                         float tau,
                                                         uint64_t logits,
                                                         uint64_t probs,
                                                         uint32_t repeats,
                                                         uint32_t column,
                                                         const struct reinmax_draws *draws,
                                                         uint64_t *out);

// Gumbel-Softmax: the same for k of up to 16 only, from less code.
//
// Errors: those of the function above; VALUE for more categories.
reinmax_status reinmax_tape_sample_short_column_gumbel_softmax(struct reinmax_tape *tape,
                                                               float tau,
                                                               uint64_t logits,
                                                               uint64_t probs,
                                                               uint32_t repeats,
                                                               uint32_t column,
                                                               const struct reinmax_draws *draws,
                                                               uint64_t *out);

// Gumbel-Softmax: how many uniforms a draw among k categories takes, and how many floats it saves.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_sizes_gumbel_softmax(float tau, size_t k, size_t *uniforms, size_t *saved);

// Gumbel-Softmax: as many draws for each row as `draws` says, on plain arrays. logits and probs (their
// softmax at temperature 1) are rows x k, index is rows * draws, saved is that times the floats that a draw
// saves (NULL where that is 0).
//
// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE,
// OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
reinmax_status reinmax_draw_gumbel_softmax(float tau,
                                           const float *logits,
                                           const float *probs,
                                           size_t rows,
                                           size_t k,
                                           size_t draws,
                                           const struct reinmax_noise *noise,
                                           uint32_t *index,
                                           float *saved);

// Gumbel-Softmax: adds the gradient of the logits to grad (rows x k), summed over a row's draws, on plain
// arrays. logits and probs (their softmax at temperature 1) are rows x k, index is rows * draws, saved is what
// the draw saved (NULL where that is nothing), upstream is (rows * draws) x k: the gradient of the loss with
// respect to each one-hot row.
//
// Errors: NO_CATEGORIES, VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_backward_gumbel_softmax(float tau,
                                               const float *logits,
                                               const float *probs,
                                               const uint32_t *index,
                                               const float *saved,
                                               const float *upstream,
                                               size_t rows,
                                               size_t k,
                                               size_t draws,
                                               float *grad);

// Decoupled Gumbel-Softmax (tau_backward is the gradient's; tau_forward, of a relaxed sample that only the Rust interface gives, changes nothing here): as many draws for each row of logits (rows x k) as `repeats` says, as one-hot rows,
// (rows * repeats) x k. The backward pass adds up this estimator's gradients of a row's draws
// (docs/estimators.md has its formula and parameters). probs is the softmax of logits, at temperature 1.
// draws: NULL for the tape's stream.
//
// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP,
// BOTH_NOISES; besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sample_decoupled_gumbel(struct reinmax_tape *tape,
                                                    float tau_forward,
                                                    float tau_backward,
                                                    uint64_t logits,
                                                    uint64_t probs,
                                                    uint32_t repeats,
                                                    const struct reinmax_draws *draws,
                                                    uint64_t *out);

// Decoupled Gumbel-Softmax (tau_backward is the gradient's; tau_forward, of a relaxed sample that only the Rust interface gives, changes nothing here): one column of the one-hot rows, as rows x repeats. Up to k = 16 the rows are not written.
//
// Errors: those of the function above; VALUE for a column beyond k.
reinmax_status reinmax_tape_sample_column_decoupled_gumbel(struct reinmax_tape *tape,
                                                           float tau_forward,
                                                           float tau_backward,
                                                           uint64_t logits,
                                                           uint64_t probs,
                                                           uint32_t repeats,
                                                           uint32_t column,
                                                           const struct reinmax_draws *draws,
                                                           uint64_t *out);

// Decoupled Gumbel-Softmax (tau_backward is the gradient's; tau_forward, of a relaxed sample that only the Rust interface gives, changes nothing here): the same for k of up to 16 only, from less code.
//
// Errors: those of the function above; VALUE for more categories.
reinmax_status reinmax_tape_sample_short_column_decoupled_gumbel(struct reinmax_tape *tape,
                                                                 float tau_forward,
                                                                 float tau_backward,
                                                                 uint64_t logits,
                                                                 uint64_t probs,
                                                                 uint32_t repeats,
                                                                 uint32_t column,
                                                                 const struct reinmax_draws *draws,
                                                                 uint64_t *out);

// Decoupled Gumbel-Softmax (tau_backward is the gradient's; tau_forward, of a relaxed sample that only the Rust interface gives, changes nothing here): how many uniforms a draw among k categories takes, and how many floats it saves.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_sizes_decoupled_gumbel(float tau_forward,
                                              float tau_backward,
                                              size_t k,
                                              size_t *uniforms,
                                              size_t *saved);

// Decoupled Gumbel-Softmax (tau_backward is the gradient's; tau_forward, of a relaxed sample that only the Rust interface gives, changes nothing here): as many draws for each row as `draws` says, on plain arrays. logits and probs (their
// softmax at temperature 1) are rows x k, index is rows * draws, saved is that times the floats that a draw
// saves (NULL where that is 0).
//
// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE,
// OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
reinmax_status reinmax_draw_decoupled_gumbel(float tau_forward,
                                             float tau_backward,
                                             const float *logits,
                                             const float *probs,
                                             size_t rows,
                                             size_t k,
                                             size_t draws,
                                             const struct reinmax_noise *noise,
                                             uint32_t *index,
                                             float *saved);

// Decoupled Gumbel-Softmax (tau_backward is the gradient's; tau_forward, of a relaxed sample that only the Rust interface gives, changes nothing here): adds the gradient of the logits to grad (rows x k), summed over a row's draws, on plain
// arrays. logits and probs (their softmax at temperature 1) are rows x k, index is rows * draws, saved is what
// the draw saved (NULL where that is nothing), upstream is (rows * draws) x k: the gradient of the loss with
// respect to each one-hot row.
//
// Errors: NO_CATEGORIES, VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_backward_decoupled_gumbel(float tau_forward,
                                                 float tau_backward,
                                                 const float *logits,
                                                 const float *probs,
                                                 const uint32_t *index,
                                                 const float *saved,
                                                 const float *upstream,
                                                 size_t rows,
                                                 size_t k,
                                                 size_t draws,
                                                 float *grad);

// Decoupled Straight-Through (a temperature for the draw, one for the gradient): as many draws for each row of logits (rows x k) as `repeats` says, as one-hot rows,
// (rows * repeats) x k. The backward pass adds up this estimator's gradients of a row's draws
// (docs/estimators.md has its formula and parameters). probs is the softmax of logits, at temperature 1.
// draws: NULL for the tape's stream.
//
// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP,
// BOTH_NOISES; besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sample_decoupled_st(struct reinmax_tape *tape,
                                                float tau_forward,
                                                float tau_backward,
                                                uint64_t logits,
                                                uint64_t probs,
                                                uint32_t repeats,
                                                const struct reinmax_draws *draws,
                                                uint64_t *out);

// Decoupled Straight-Through (a temperature for the draw, one for the gradient): one column of the one-hot rows, as rows x repeats. Up to k = 16 the rows are not written.
//
// Errors: those of the function above; VALUE for a column beyond k.
reinmax_status reinmax_tape_sample_column_decoupled_st(struct reinmax_tape *tape,
                                                       float tau_forward,
                                                       float tau_backward,
                                                       uint64_t logits,
                                                       uint64_t probs,
                                                       uint32_t repeats,
                                                       uint32_t column,
                                                       const struct reinmax_draws *draws,
                                                       uint64_t *out);

// Decoupled Straight-Through (a temperature for the draw, one for the gradient): the same for k of up to 16 only, from less code.
//
// Errors: those of the function above; VALUE for more categories.
reinmax_status reinmax_tape_sample_short_column_decoupled_st(struct reinmax_tape *tape,
                                                             float tau_forward,
                                                             float tau_backward,
                                                             uint64_t logits,
                                                             uint64_t probs,
                                                             uint32_t repeats,
                                                             uint32_t column,
                                                             const struct reinmax_draws *draws,
                                                             uint64_t *out);

// Decoupled Straight-Through (a temperature for the draw, one for the gradient): how many uniforms a draw among k categories takes, and how many floats it saves.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_sizes_decoupled_st(float tau_forward,
                                          float tau_backward,
                                          size_t k,
                                          size_t *uniforms,
                                          size_t *saved);

// Decoupled Straight-Through (a temperature for the draw, one for the gradient): as many draws for each row as `draws` says, on plain arrays. logits and probs (their
// softmax at temperature 1) are rows x k, index is rows * draws, saved is that times the floats that a draw
// saves (NULL where that is 0).
//
// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE,
// OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
reinmax_status reinmax_draw_decoupled_st(float tau_forward,
                                         float tau_backward,
                                         const float *logits,
                                         const float *probs,
                                         size_t rows,
                                         size_t k,
                                         size_t draws,
                                         const struct reinmax_noise *noise,
                                         uint32_t *index,
                                         float *saved);

// Decoupled Straight-Through (a temperature for the draw, one for the gradient): adds the gradient of the logits to grad (rows x k), summed over a row's draws, on plain
// arrays. logits and probs (their softmax at temperature 1) are rows x k, index is rows * draws, saved is what
// the draw saved (NULL where that is nothing), upstream is (rows * draws) x k: the gradient of the loss with
// respect to each one-hot row.
//
// Errors: NO_CATEGORIES, VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_backward_decoupled_st(float tau_forward,
                                             float tau_backward,
                                             const float *logits,
                                             const float *probs,
                                             const uint32_t *index,
                                             const float *saved,
                                             const float *upstream,
                                             size_t rows,
                                             size_t k,
                                             size_t draws,
                                             float *grad);

// Gapped Straight-Through (gap: 1 as published, any constant from 0 on, or negative for the adaptive one): as many draws for each row of logits (rows x k) as `repeats` says, as one-hot rows,
// (rows * repeats) x k. The backward pass adds up this estimator's gradients of a row's draws
// (docs/estimators.md has its formula and parameters). probs is the softmax of logits, at temperature 1.
// draws: NULL for the tape's stream.
//
// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP,
// BOTH_NOISES; besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sample_gapped_st(struct reinmax_tape *tape,
                                             float tau,
                                             float gap,
                                             uint64_t logits,
                                             uint64_t probs,
                                             uint32_t repeats,
                                             const struct reinmax_draws *draws,
                                             uint64_t *out);

// Gapped Straight-Through (gap: 1 as published, any constant from 0 on, or negative for the adaptive one): one column of the one-hot rows, as rows x repeats. Up to k = 16 the rows are not written.
//
// Errors: those of the function above; VALUE for a column beyond k.
reinmax_status reinmax_tape_sample_column_gapped_st(struct reinmax_tape *tape,
                                                    float tau,
                                                    float gap,
                                                    uint64_t logits,
                                                    uint64_t probs,
                                                    uint32_t repeats,
                                                    uint32_t column,
                                                    const struct reinmax_draws *draws,
                                                    uint64_t *out);

// Gapped Straight-Through (gap: 1 as published, any constant from 0 on, or negative for the adaptive one): the same for k of up to 16 only, from less code.
//
// Errors: those of the function above; VALUE for more categories.
reinmax_status reinmax_tape_sample_short_column_gapped_st(struct reinmax_tape *tape,
                                                          float tau,
                                                          float gap,
                                                          uint64_t logits,
                                                          uint64_t probs,
                                                          uint32_t repeats,
                                                          uint32_t column,
                                                          const struct reinmax_draws *draws,
                                                          uint64_t *out);

// Gapped Straight-Through (gap: 1 as published, any constant from 0 on, or negative for the adaptive one): how many uniforms a draw among k categories takes, and how many floats it saves.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_sizes_gapped_st(float tau,
                                       float gap,
                                       size_t k,
                                       size_t *uniforms,
                                       size_t *saved);

// Gapped Straight-Through (gap: 1 as published, any constant from 0 on, or negative for the adaptive one): as many draws for each row as `draws` says, on plain arrays. logits and probs (their
// softmax at temperature 1) are rows x k, index is rows * draws, saved is that times the floats that a draw
// saves (NULL where that is 0).
//
// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE,
// OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
reinmax_status reinmax_draw_gapped_st(float tau,
                                      float gap,
                                      const float *logits,
                                      const float *probs,
                                      size_t rows,
                                      size_t k,
                                      size_t draws,
                                      const struct reinmax_noise *noise,
                                      uint32_t *index,
                                      float *saved);

// Gapped Straight-Through (gap: 1 as published, any constant from 0 on, or negative for the adaptive one): adds the gradient of the logits to grad (rows x k), summed over a row's draws, on plain
// arrays. logits and probs (their softmax at temperature 1) are rows x k, index is rows * draws, saved is what
// the draw saved (NULL where that is nothing), upstream is (rows * draws) x k: the gradient of the loss with
// respect to each one-hot row.
//
// Errors: NO_CATEGORIES, VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_backward_gapped_st(float tau,
                                          float gap,
                                          const float *logits,
                                          const float *probs,
                                          const uint32_t *index,
                                          const float *saved,
                                          const float *upstream,
                                          size_t rows,
                                          size_t k,
                                          size_t draws,
                                          float *grad);

// Gumbel-Rao (the mean of 1 to 65536 relaxed_samples): as many draws for each row of logits (rows x k) as `repeats` says, as one-hot rows,
// (rows * repeats) x k. The backward pass adds up this estimator's gradients of a row's draws
// (docs/estimators.md has its formula and parameters). probs is the softmax of logits, at temperature 1.
// draws: NULL for the tape's stream.
//
// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP,
// BOTH_NOISES; besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sample_gumbel_rao(struct reinmax_tape *tape,
                                              float tau,
                                              uint32_t relaxed_samples,
                                              uint64_t logits,
                                              uint64_t probs,
                                              uint32_t repeats,
                                              const struct reinmax_draws *draws,
                                              uint64_t *out);

// Gumbel-Rao (the mean of 1 to 65536 relaxed_samples): one column of the one-hot rows, as rows x repeats. Up to k = 16 the rows are not written.
//
// Errors: those of the function above; VALUE for a column beyond k.
reinmax_status reinmax_tape_sample_column_gumbel_rao(struct reinmax_tape *tape,
                                                     float tau,
                                                     uint32_t relaxed_samples,
                                                     uint64_t logits,
                                                     uint64_t probs,
                                                     uint32_t repeats,
                                                     uint32_t column,
                                                     const struct reinmax_draws *draws,
                                                     uint64_t *out);

// Gumbel-Rao (the mean of 1 to 65536 relaxed_samples): the same for k of up to 16 only, from less code.
//
// Errors: those of the function above; VALUE for more categories.
reinmax_status reinmax_tape_sample_short_column_gumbel_rao(struct reinmax_tape *tape,
                                                           float tau,
                                                           uint32_t relaxed_samples,
                                                           uint64_t logits,
                                                           uint64_t probs,
                                                           uint32_t repeats,
                                                           uint32_t column,
                                                           const struct reinmax_draws *draws,
                                                           uint64_t *out);

// Gumbel-Rao (the mean of 1 to 65536 relaxed_samples): how many uniforms a draw among k categories takes, and how many floats it saves.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_sizes_gumbel_rao(float tau,
                                        uint32_t relaxed_samples,
                                        size_t k,
                                        size_t *uniforms,
                                        size_t *saved);

// Gumbel-Rao (the mean of 1 to 65536 relaxed_samples): as many draws for each row as `draws` says, on plain arrays. logits and probs (their
// softmax at temperature 1) are rows x k, index is rows * draws, saved is that times the floats that a draw
// saves (NULL where that is 0).
//
// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE,
// OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
reinmax_status reinmax_draw_gumbel_rao(float tau,
                                       uint32_t relaxed_samples,
                                       const float *logits,
                                       const float *probs,
                                       size_t rows,
                                       size_t k,
                                       size_t draws,
                                       const struct reinmax_noise *noise,
                                       uint32_t *index,
                                       float *saved);

// Gumbel-Rao (the mean of 1 to 65536 relaxed_samples): adds the gradient of the logits to grad (rows x k), summed over a row's draws, on plain
// arrays. logits and probs (their softmax at temperature 1) are rows x k, index is rows * draws, saved is what
// the draw saved (NULL where that is nothing), upstream is (rows * draws) x k: the gradient of the loss with
// respect to each one-hot row.
//
// Errors: NO_CATEGORIES, VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_backward_gumbel_rao(float tau,
                                           uint32_t relaxed_samples,
                                           const float *logits,
                                           const float *probs,
                                           const uint32_t *index,
                                           const float *saved,
                                           const float *upstream,
                                           size_t rows,
                                           size_t k,
                                           size_t draws,
                                           float *grad);

// Rao-Blackwellised ReinMax (the mean of 1 to 65536 relaxed_samples): as many draws for each row of logits (rows x k) as `repeats` says, as one-hot rows,
// (rows * repeats) x k. The backward pass adds up this estimator's gradients of a row's draws
// (docs/estimators.md has its formula and parameters). probs is the softmax of logits, at temperature 1.
// draws: NULL for the tape's stream.
//
// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP,
// BOTH_NOISES; besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sample_reinmax_rao(struct reinmax_tape *tape,
                                               float tau,
                                               uint32_t relaxed_samples,
                                               uint64_t logits,
                                               uint64_t probs,
                                               uint32_t repeats,
                                               const struct reinmax_draws *draws,
                                               uint64_t *out);

// Rao-Blackwellised ReinMax (the mean of 1 to 65536 relaxed_samples): one column of the one-hot rows, as rows x repeats. Up to k = 16 the rows are not written.
//
// Errors: those of the function above; VALUE for a column beyond k.
reinmax_status reinmax_tape_sample_column_reinmax_rao(struct reinmax_tape *tape,
                                                      float tau,
                                                      uint32_t relaxed_samples,
                                                      uint64_t logits,
                                                      uint64_t probs,
                                                      uint32_t repeats,
                                                      uint32_t column,
                                                      const struct reinmax_draws *draws,
                                                      uint64_t *out);

// Rao-Blackwellised ReinMax (the mean of 1 to 65536 relaxed_samples): the same for k of up to 16 only, from less code.
//
// Errors: those of the function above; VALUE for more categories.
reinmax_status reinmax_tape_sample_short_column_reinmax_rao(struct reinmax_tape *tape,
                                                            float tau,
                                                            uint32_t relaxed_samples,
                                                            uint64_t logits,
                                                            uint64_t probs,
                                                            uint32_t repeats,
                                                            uint32_t column,
                                                            const struct reinmax_draws *draws,
                                                            uint64_t *out);

// Rao-Blackwellised ReinMax (the mean of 1 to 65536 relaxed_samples): how many uniforms a draw among k categories takes, and how many floats it saves.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_sizes_reinmax_rao(float tau,
                                         uint32_t relaxed_samples,
                                         size_t k,
                                         size_t *uniforms,
                                         size_t *saved);

// Rao-Blackwellised ReinMax (the mean of 1 to 65536 relaxed_samples): as many draws for each row as `draws` says, on plain arrays. logits and probs (their
// softmax at temperature 1) are rows x k, index is rows * draws, saved is that times the floats that a draw
// saves (NULL where that is 0).
//
// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE,
// OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
reinmax_status reinmax_draw_reinmax_rao(float tau,
                                        uint32_t relaxed_samples,
                                        const float *logits,
                                        const float *probs,
                                        size_t rows,
                                        size_t k,
                                        size_t draws,
                                        const struct reinmax_noise *noise,
                                        uint32_t *index,
                                        float *saved);

// Rao-Blackwellised ReinMax (the mean of 1 to 65536 relaxed_samples): adds the gradient of the logits to grad (rows x k), summed over a row's draws, on plain
// arrays. logits and probs (their softmax at temperature 1) are rows x k, index is rows * draws, saved is what
// the draw saved (NULL where that is nothing), upstream is (rows * draws) x k: the gradient of the loss with
// respect to each one-hot row.
//
// Errors: NO_CATEGORIES, VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_backward_reinmax_rao(float tau,
                                            uint32_t relaxed_samples,
                                            const float *logits,
                                            const float *probs,
                                            const uint32_t *index,
                                            const float *saved,
                                            const float *upstream,
                                            size_t rows,
                                            size_t k,
                                            size_t draws,
                                            float *grad);

// DARN: as many draws for each row of logits (rows x k) as `repeats` says, as one-hot rows,
// (rows * repeats) x k. The backward pass adds up this estimator's gradients of a row's draws
// (docs/estimators.md has its formula and parameters). probs is the softmax of logits, at temperature 1.
// draws: NULL for the tape's stream.
//
// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP,
// BOTH_NOISES; besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sample_darn(struct reinmax_tape *tape,
                                        uint64_t logits,
                                        uint64_t probs,
                                        uint32_t repeats,
                                        const struct reinmax_draws *draws,
                                        uint64_t *out);

// DARN: one column of the one-hot rows, as rows x repeats. Up to k = 16 the rows are not written.
//
// Errors: those of the function above; VALUE for a column beyond k.
reinmax_status reinmax_tape_sample_column_darn(struct reinmax_tape *tape,
                                               uint64_t logits,
                                               uint64_t probs,
                                               uint32_t repeats,
                                               uint32_t column,
                                               const struct reinmax_draws *draws,
                                               uint64_t *out);

// DARN: the same for k of up to 16 only, from less code.
//
// Errors: those of the function above; VALUE for more categories.
reinmax_status reinmax_tape_sample_short_column_darn(struct reinmax_tape *tape,
                                                     uint64_t logits,
                                                     uint64_t probs,
                                                     uint32_t repeats,
                                                     uint32_t column,
                                                     const struct reinmax_draws *draws,
                                                     uint64_t *out);

// DARN: how many uniforms a draw among k categories takes, and how many floats it saves.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_sizes_darn(size_t k, size_t *uniforms, size_t *saved);

// DARN: as many draws for each row as `draws` says, on plain arrays. logits and probs (their
// softmax at temperature 1) are rows x k, index is rows * draws, saved is that times the floats that a draw
// saves (NULL where that is 0).
//
// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE,
// OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
reinmax_status reinmax_draw_darn(const float *logits,
                                 const float *probs,
                                 size_t rows,
                                 size_t k,
                                 size_t draws,
                                 const struct reinmax_noise *noise,
                                 uint32_t *index,
                                 float *saved);

// DARN: adds the gradient of the logits to grad (rows x k), summed over a row's draws, on plain
// arrays. logits and probs (their softmax at temperature 1) are rows x k, index is rows * draws, saved is what
// the draw saved (NULL where that is nothing), upstream is (rows * draws) x k: the gradient of the loss with
// respect to each one-hot row.
//
// Errors: NO_CATEGORIES, VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_backward_darn(const float *logits,
                                     const float *probs,
                                     const uint32_t *index,
                                     const float *saved,
                                     const float *upstream,
                                     size_t rows,
                                     size_t k,
                                     size_t draws,
                                     float *grad);

// Minimum-variance estimation (k up to 32; 5.7 KiB of stack): as many draws for each row of logits (rows x k) as `repeats` says, as one-hot rows,
// (rows * repeats) x k. The backward pass adds up this estimator's gradients of a row's draws
// (docs/estimators.md has its formula and parameters). probs is the softmax of logits, at temperature 1.
// draws: NULL for the tape's stream.
//
// Errors: SHAPE, VALUE (configuration, repeats, draws), LENGTH (draws), NO_CATEGORIES, LOGITS, OVERLAP,
// BOTH_NOISES; besides: FULL, STALE, TOO_LARGE, NULL, MISALIGNED, NOT_INITIALISED.
reinmax_status reinmax_tape_sample_mve(struct reinmax_tape *tape,
                                       uint64_t logits,
                                       uint64_t probs,
                                       uint32_t repeats,
                                       const struct reinmax_draws *draws,
                                       uint64_t *out);

// Minimum-variance estimation (k up to 32; 5.7 KiB of stack): one column of the one-hot rows, as rows x repeats. Up to k = 16 the rows are not written.
//
// Errors: those of the function above; VALUE for a column beyond k.
reinmax_status reinmax_tape_sample_column_mve(struct reinmax_tape *tape,
                                              uint64_t logits,
                                              uint64_t probs,
                                              uint32_t repeats,
                                              uint32_t column,
                                              const struct reinmax_draws *draws,
                                              uint64_t *out);

// Minimum-variance estimation (k up to 32; 5.7 KiB of stack): the same for k of up to 16 only, from less code.
//
// Errors: those of the function above; VALUE for more categories.
reinmax_status reinmax_tape_sample_short_column_mve(struct reinmax_tape *tape,
                                                    uint64_t logits,
                                                    uint64_t probs,
                                                    uint32_t repeats,
                                                    uint32_t column,
                                                    const struct reinmax_draws *draws,
                                                    uint64_t *out);

// Minimum-variance estimation (k up to 32; 5.7 KiB of stack): how many uniforms a draw among k categories takes, and how many floats it saves.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_sizes_mve(size_t k,
                                 size_t *uniforms,
                                 size_t *saved);

// Minimum-variance estimation (k up to 32; 5.7 KiB of stack): as many draws for each row as `draws` says, on plain arrays. logits and probs (their
// softmax at temperature 1) are rows x k, index is rows * draws, saved is that times the floats that a draw
// saves (NULL where that is 0).
//
// Errors: NO_CATEGORIES, LENGTH and VALUE for the noise, VALUE (configuration, draws), LOGITS, TOO_LARGE,
// OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
reinmax_status reinmax_draw_mve(const float *logits,
                                const float *probs,
                                size_t rows,
                                size_t k,
                                size_t draws,
                                const struct reinmax_noise *noise,
                                uint32_t *index,
                                float *saved);

// Minimum-variance estimation (k up to 32; 5.7 KiB of stack): adds the gradient of the logits to grad (rows x k), summed over a row's draws, on plain
// arrays. logits and probs (their softmax at temperature 1) are rows x k, index is rows * draws, saved is what
// the draw saved (NULL where that is nothing), upstream is (rows * draws) x k: the gradient of the loss with
// respect to each one-hot row.
//
// Errors: NO_CATEGORIES, VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_backward_mve(const float *logits,
                                    const float *probs,
                                    const uint32_t *index,
                                    const float *saved,
                                    const float *upstream,
                                    size_t rows,
                                    size_t k,
                                    size_t draws,
                                    float *grad);

// REINFORCE (baseline: what is taken from each loss, 0 for none): adds the gradient of the logits to grad (rows x k), from the loss of each draw. probs is rows x k,
// index is rows * draws, losses is losses_len = rows * draws, or draws where all rows share a sample's loss. A
// sum over draws: divided by their number it estimates the mean loss's gradient.
//
// Errors: NO_CATEGORIES, LENGTH (losses), VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL,
// MISALIGNED.
reinmax_status reinmax_gradient_reinforce(float baseline,
                                          const float *probs,
                                          const uint32_t *index,
                                          const float *losses,
                                          size_t losses_len,
                                          size_t rows,
                                          size_t k,
                                          size_t draws,
                                          float *grad);

// RLOO (two draws or more): adds the gradient of the logits to grad (rows x k), from the loss of each draw. probs is rows x k,
// index is rows * draws, losses is losses_len = rows * draws, or draws where all rows share a sample's loss. A
// sum over draws: divided by their number it estimates the mean loss's gradient.
//
// Errors: NO_CATEGORIES, LENGTH (losses), VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL,
// MISALIGNED.
reinmax_status reinmax_gradient_rloo(const float *probs,
                                     const uint32_t *index,
                                     const float *losses,
                                     size_t losses_len,
                                     size_t rows,
                                     size_t k,
                                     size_t draws,
                                     float *grad);

// DisARM (k = 2, draws in antithetic pairs): adds the gradient of the logits to grad (rows x k), from the loss of each draw. probs is rows x k,
// index is rows * draws, losses is losses_len = rows * draws, or draws where all rows share a sample's loss. A
// sum over draws: divided by their number it estimates the mean loss's gradient.
//
// Errors: NO_CATEGORIES, LENGTH (losses), VALUE (configuration, index, draws), TOO_LARGE, OVERLAP, NULL,
// MISALIGNED.
reinmax_status reinmax_gradient_disarm(const float *probs,
                                       const uint32_t *index,
                                       const float *losses,
                                       size_t losses_len,
                                       size_t rows,
                                       size_t k,
                                       size_t draws,
                                       float *grad);

// probs = softmax(logits / tau), row by row; both rows x k. -inf masks a category.
//
// Errors: NO_CATEGORIES, VALUE for tau, LOGITS, TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_softmax(const float *logits, size_t rows, size_t k, float tau, float *probs);

// log_probs = logits - logsumexp(logits), row by row; both rows x k.
//
// Errors: NO_CATEGORIES, LOGITS, TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_log_softmax(const float *logits, size_t rows, size_t k, float *log_probs);

// For each row of probs (rows x k) as many categories as `draws` says: rows * draws indices, those of a row side by
// side. One uniform u a draw; the index is the smallest whose prefix sum exceeds u times the row's total. A row of
// zeros gives 0. Negative probabilities are not looked for: what they give is unspecified.
//
// Errors: NO_CATEGORIES, VALUE for 0 draws, LENGTH and VALUE for the noise, VALUE for probabilities whose sum is NaN
// or infinite, TOO_LARGE, OVERLAP, BOTH_NOISES, NULL, MISALIGNED.
reinmax_status reinmax_draw(const float *probs,
                            size_t rows,
                            size_t k,
                            size_t draws,
                            const struct reinmax_noise *noise,
                            uint32_t *index);

// A row of k zeros and a single one for each of rows indices: out is rows x k.
//
// Errors: NO_CATEGORIES, VALUE for an index beyond k, TOO_LARGE, OVERLAP, NULL, MISALIGNED.
reinmax_status reinmax_one_hot(const uint32_t *index, size_t rows, size_t k, float *out);

// softmax at temperature tau, one draw for each row and its one-hot vector, with the results of reinmax_softmax,
// reinmax_draw and reinmax_one_hot: probs and one_hot are rows x k, index is rows. Faster than these where the arrays
// do not fit in the cache. Estimators take probs of temperature 1. After an error the outputs are unspecified.
//
// Errors: NO_CATEGORIES, VALUE for tau, LOGITS, LENGTH and VALUE for the noise, TOO_LARGE, OVERLAP, BOTH_NOISES, NULL,
// MISALIGNED.
reinmax_status reinmax_sample(const float *logits,
                              size_t rows,
                              size_t k,
                              float tau,
                              const struct reinmax_noise *noise,
                              float *probs,
                              uint32_t *index,
                              float *one_hot);

// Outputs position .. position + len of the sequence (seed, stream), as numbers strictly between 0 and 1.
//
// Errors: TOO_LARGE, NULL, MISALIGNED.
reinmax_status reinmax_uniforms(uint64_t seed, uint64_t stream, uint64_t position, float *out, size_t len);

// The usual coefficients with the caller's learning rate.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_sgd_default(float lr, struct reinmax_sgd *out);

// How many floats of state len parameters need; zeros to begin with.
size_t reinmax_sgd_state_len(size_t len);

// Updates len parameters from their len gradients, and the state, whose length is that of the function above
// (NULL for reinmax_sgd without momentum, which needs none). step counts from 1.
//
// Errors: VALUE for a coefficient out of its range or step 0, LENGTH for a state of NULL where one is needed,
// TOO_LARGE, OVERLAP, NULL, MISALIGNED. Nothing has been changed then.
reinmax_status reinmax_sgd_step(const struct reinmax_sgd *config,
                                uint32_t step,
                                float *params,
                                const float *grads,
                                size_t len,
                                float *state);

// The usual coefficients with the caller's learning rate.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_adam_default(float lr, struct reinmax_adam *out);

// How many floats of state len parameters need; zeros to begin with.
size_t reinmax_adam_state_len(size_t len);

// Updates len parameters from their len gradients, and the state, whose length is that of the function above
// (NULL for reinmax_sgd without momentum, which needs none). step counts from 1.
//
// Errors: VALUE for a coefficient out of its range or step 0, LENGTH for a state of NULL where one is needed,
// TOO_LARGE, OVERLAP, NULL, MISALIGNED. Nothing has been changed then.
reinmax_status reinmax_adam_step(const struct reinmax_adam *config,
                                 uint32_t step,
                                 float *params,
                                 const float *grads,
                                 size_t len,
                                 float *state);

// The usual coefficients with the caller's learning rate.
//
// Errors: NULL, MISALIGNED.
reinmax_status reinmax_radam_default(float lr, struct reinmax_radam *out);

// How many floats of state len parameters need; zeros to begin with.
size_t reinmax_radam_state_len(size_t len);

// Updates len parameters from their len gradients, and the state, whose length is that of the function above
// (NULL for reinmax_sgd without momentum, which needs none). step counts from 1.
//
// Errors: VALUE for a coefficient out of its range or step 0, LENGTH for a state of NULL where one is needed,
// TOO_LARGE, OVERLAP, NULL, MISALIGNED. Nothing has been changed then.
reinmax_status reinmax_radam_step(const struct reinmax_radam *config,
                                  uint32_t step,
                                  float *params,
                                  const float *grads,
                                  size_t len,
                                  float *state);

// Scales len gradients so that their Euclidean norm is at most max_norm; the norm before goes to norm (NULL: nowhere).
//
// Errors: VALUE for a max_norm that is not positive or a norm that is not finite, TOO_LARGE, OVERLAP, NULL,
// MISALIGNED. Nothing has been changed then.
reinmax_status reinmax_clip_norm(float *grads, size_t len, float max_norm, float *norm);

// Moves each of len gradients into [-limit, limit].
//
// Errors: VALUE for a limit that is not positive, TOO_LARGE, NULL, MISALIGNED.
reinmax_status reinmax_clip_by_value(float *grads, size_t len, float limit);

// The version of the interface that the library has: a program compares it with REINMAX_ABI_VERSION.
uint32_t reinmax_abi_version(void);

// A sentence about a status: static, zero-terminated, never NULL. Any number may be asked about.
const char *reinmax_status_string(int32_t status);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* REINMAX_H */
