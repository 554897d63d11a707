/* The polynomial task through the C interface: L binary variables, loss mean over l of |X_l - 0.45|^2, ReinMax, Adam. Operation
 * by operation what examples/tasks/src/polynomial.rs does, so the losses must have the same bits. */

#include "polynomial.h"

#define TRY(call)                                                                                                            \
    do {                                                                                                                     \
        reinmax_status status_ = (call);                                                                                     \
        if (status_ != REINMAX_STATUS_OK) return status_;                                                                    \
    } while (0)

/* Records everything after the parameter; the loss is that of one sample, divided by the size of a batch. */
static reinmax_status record(reinmax_tape *tape, uint64_t logits, uint64_t *loss) {
    uint64_t probs, x, distance, square, mean;
    TRY(reinmax_tape_softmax(tape, logits, &probs));
    TRY(reinmax_tape_sample_short_column_reinmax_tau1(tape, logits, probs, 1, 0, NULL, &x)); /* k = 2, tau = 1 */
    TRY(reinmax_tape_affine(tape, x, 1.0f, -0.45f, &distance));
    TRY(reinmax_tape_abs_pow(tape, distance, 2.0f, &square));
    TRY(reinmax_tape_mean(tape, square, &mean));
    return reinmax_tape_affine(tape, mean, 1.0f / POLYNOMIAL_BATCH, 0.0f, loss);
}

/* Uniform in (-0.01, 0.01). */
static reinmax_status fill_initial(float *logits, size_t len) {
    TRY(reinmax_uniforms(7, 0, 0, logits, len));
    for (size_t i = 0; i < len; i++) {
        volatile float scaled = logits[i] * 0.02f; /* volatile: no fused multiply-add */
        logits[i] = scaled - 0.01f;
    }
    return REINMAX_STATUS_OK;
}

reinmax_status polynomial_measure(uint32_t latents, float *state, reinmax_footprint *footprint) {
    reinmax_tape tape;
    reinmax_node nodes[POLYNOMIAL_NODES];
    uint64_t logits, loss;
    TRY(reinmax_tape_init_measuring(&tape, nodes, POLYNOMIAL_NODES));
    TRY(reinmax_tape_param(&tape, latents, 2, state, &logits));
    TRY(record(&tape, logits, &loss));
    return reinmax_tape_footprint(&tape, footprint);
}

reinmax_status polynomial_train(reinmax_tape *tape, uint32_t latents, float *state, float *losses) {
    uint64_t logits, loss;
    reinmax_mark start;
    reinmax_adam adam;
    float *params, *grads;
    const float *value;
    size_t len;

    TRY(fill_initial(state, 2 * (size_t)latents));
    TRY(reinmax_tape_seed(tape, 7, 1));
    TRY(reinmax_tape_param(tape, latents, 2, state, &logits));
    for (size_t i = 0; i < reinmax_adam_state_len(2 * (size_t)latents); i++) state[i] = 0.0f;
    TRY(reinmax_tape_mark(tape, &start));
    TRY(record(tape, logits, &loss));
    TRY(reinmax_tape_set_cursor(tape, 0));
    TRY(reinmax_tape_params(tape, &params, &grads, &len));
    TRY(reinmax_tape_value(tape, loss, &value));
    TRY(reinmax_adam_default(0.05f, &adam));

    for (uint32_t step = 1; step <= POLYNOMIAL_STEPS; step++) {
        float total = 0.0f;
        TRY(reinmax_tape_zero_grad(tape));
        for (int sample = 0; sample < POLYNOMIAL_BATCH; sample++) {
            TRY(reinmax_tape_replay(tape, &start, NULL));
            TRY(reinmax_tape_backward(tape, loss));
            total += *value;
        }
        TRY(reinmax_adam_step(&adam, step, params, grads, len, state));
        losses[step - 1] = total;
    }
    return REINMAX_STATUS_OK;
}
