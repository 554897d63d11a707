/* What the C interface promises, held against the library: statuses for wrong pointers, stale handles and full slabs; forced
 * draws, uniforms and the sequence; the tape's gradient against the plain kernels' one; bits of both. Exits with the number of
 * broken promises. */

#include <reinmax.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static int broken = 0;

static void expect(int holds, const char *what, int line) {
    if (!holds) {
        fprintf(stderr, "contract.c:%d: broken: %s\n", line, what);
        broken++;
    }
}
#define EXPECT(condition) expect((condition), #condition, __LINE__)
#define IS(status, call) expect((call) == REINMAX_STATUS_##status, #call " is " #status, __LINE__)

static reinmax_node nodes[20];
static float values[96], grads[96], saved[24];
static reinmax_tape tape;

static const float LOGITS[6] = {0.5f, -1.0f, 0.0f, 2.0f, 0.1f, -INFINITY};
static const float UPSTREAM[6] = {1.0f, 0.0f, -1.0f, 0.5f, 0.5f, 0.0f};

static void fresh_tape(uint32_t number) {
    reinmax_slabs slabs = {nodes, 20, values, 96, grads, 96, saved, 24};
    IS(OK, reinmax_tape_init(&tape, &slabs, number));
}

static void pointers(void) {
    reinmax_slabs slabs = {nodes, 20, values, 96, grads, 96, saved, 24};
    reinmax_tape zeroed = {{0}, {0}};
    float out[6];
    uint64_t var;
    IS(NULL, reinmax_tape_init(NULL, &slabs, 0));
    IS(NULL, reinmax_tape_init(&tape, NULL, 0));
    IS(MISALIGNED, reinmax_tape_init((reinmax_tape *)((char *)&tape + 1), &slabs, 0));
    slabs.grads = values + 95;
    IS(OVERLAP, reinmax_tape_init(&tape, &slabs, 0));
    slabs.grads = NULL;
    IS(NULL, reinmax_tape_init(&tape, &slabs, 0));
    {
        /* A tape that an arena has put inside a slab; and nothing is written before a refusal. */
        static uint64_t arena[sizeof(reinmax_tape) / 8 + 64];
        reinmax_slabs inside = {nodes, 20, (float *)arena, sizeof arena / 4, grads, 96, saved, 24};
        unsigned char before[sizeof nodes];
        memset(nodes, 0xa5, sizeof nodes);
        memcpy(before, nodes, sizeof nodes);
        IS(OVERLAP, reinmax_tape_init((reinmax_tape *)arena, &inside, 0));
        EXPECT(memcmp(before, nodes, sizeof nodes) == 0);
    }
    IS(NOT_INITIALISED, reinmax_tape_zero_grad(&zeroed));
    fresh_tape(0);
    IS(NULL, reinmax_tape_param(&tape, 2, 3, NULL, &var));
    IS(TOO_LARGE, reinmax_tape_param(&tape, 65536, 65536, LOGITS, &var));
    IS(NULL, reinmax_tape_param(&tape, 2, 3, LOGITS, NULL));
    {
        reinmax_error last;
        IS(OK, reinmax_tape_error(&tape, &last));
        EXPECT(last.status == REINMAX_STATUS_NULL);
    }
    IS(MISALIGNED, reinmax_tape_param(&tape, 1, 3, (const float *)((const char *)LOGITS + 1), &var));
    IS(OVERLAP, reinmax_tape_param(&tape, 2, 3, values, &var));
    IS(TOO_LARGE, reinmax_tape_param(&tape, 65536, 65536, LOGITS, &var));
    IS(NULL, reinmax_softmax(NULL, 2, 3, 1.0f, out));
    IS(MISALIGNED, reinmax_softmax(LOGITS, 2, 3, 1.0f, (float *)((char *)out + 2)));
    IS(OVERLAP, reinmax_softmax(out, 1, 3, 1.0f, out + 2));
    IS(TOO_LARGE, reinmax_softmax(LOGITS, (size_t)-1, 3, 1.0f, out));
    IS(NO_CATEGORIES, reinmax_softmax(LOGITS, 2, 0, 1.0f, out));
    IS(VALUE, reinmax_softmax(LOGITS, 2, 3, -1.0f, out));
    IS(LOGITS, reinmax_softmax((const float[]){NAN, 0.0f}, 1, 2, 1.0f, out));
}

static void handles_and_marks(void) {
    uint64_t a, b;
    reinmax_mark start;
    reinmax_error error;
    reinmax_footprint footprint;
    fresh_tape(0);
    IS(OK, reinmax_tape_param(&tape, 2, 3, LOGITS, &a));
    IS(OK, reinmax_tape_mark(&tape, &start));
    IS(OK, reinmax_tape_softmax(&tape, a, &b));
    IS(PARAM_AFTER_OP, reinmax_tape_param(&tape, 2, 3, LOGITS, &b));
    IS(NOT_SCALAR, reinmax_tape_backward(&tape, b));
    IS(NOT_A_LEAF, reinmax_tape_set(&tape, b, LOGITS, 6));
    IS(LENGTH, reinmax_tape_set(&tape, a, LOGITS, 5));
    IS(OK, reinmax_tape_error(&tape, &error));
    EXPECT(error.status == REINMAX_STATUS_LENGTH && error.expected[0] == 6 && error.got[0] == 5);
    EXPECT(error.argument == REINMAX_ARGUMENT_INPUT);
    IS(VALUE, reinmax_tape_repeat_rows(&tape, a, 0, &b));
    IS(OK, reinmax_tape_error(&tape, &error));
    EXPECT(error.argument == REINMAX_ARGUMENT_REPEATS && error.got[0] == 0);
    IS(OK, reinmax_tape_reset(&tape, &start));
    IS(STALE, reinmax_tape_sum(&tape, b, &b));
    IS(STALE, reinmax_tape_sum(&tape, 0, &b));
    for (int i = 0; i < 15; i++) IS(OK, reinmax_tape_softmax(&tape, a, &b));
    IS(FULL, reinmax_tape_softmax(&tape, a, &b));
    IS(OK, reinmax_tape_error(&tape, &error));
    EXPECT(error.argument == 1 && error.expected[0] == 96 + 6);
    IS(OK, reinmax_tape_footprint(&tape, &footprint));
    EXPECT(footprint.nodes == 16 && footprint.values == 96 && footprint.grads == 96 && footprint.saved == 0);
    fresh_tape(1);
    IS(STALE, reinmax_tape_sum(&tape, a, &b)); /* the same memory, used again */
    EXPECT(reinmax_tape_size() == sizeof(reinmax_tape) && reinmax_node_size() == sizeof(reinmax_node));
    EXPECT(reinmax_mark_size() == sizeof(reinmax_mark));
    EXPECT(strcmp(reinmax_status_string(0), "success") == 0 && reinmax_status_string(77) != NULL);
}

/* One step of an estimator on the tape, forced to `index`, and the same on plain arrays: equal bits. Parameters are given as
 * (1.0f,). The noise of forced draws begins at SplitMix64 of the node's number; the sample is node 2. */
#define NOISE_OF_NODE_2 UINT64_C(0x975835de1c9756ce)
#define UNPACKED(...) __VA_ARGS__
#define SAME_GRADIENT(name, parameters)                                                                                           \
    do {                                                                                                                     \
        uint64_t logits_, probs_, sample_;                                                                                   \
        const float *grad_, *value_;                                                                                         \
        size_t uniforms_, per_draw_;                                                                                         \
        float kept_[6], flat_probs_[6], flat_grad_[6] = {0};                                                                 \
        uint32_t drawn_[2];                                                                                                  \
        const uint32_t index_[2] = {2, 0};                                                                                   \
        reinmax_draws draws_ = {NULL, index_, 2};                                                                            \
        reinmax_noise noise_ = {NULL, index_, 2, 9, 4, NOISE_OF_NODE_2};                                                                  \
        fresh_tape(2);                                                                                                       \
        IS(OK, reinmax_tape_seed(&tape, 9, 4));                                                                              \
        IS(OK, reinmax_tape_param(&tape, 2, 3, LOGITS, &logits_));                                                           \
        IS(OK, reinmax_tape_softmax(&tape, logits_, &probs_));                                                               \
        IS(OK, reinmax_tape_sample_##name(&tape, UNPACKED parameters logits_, probs_, 1, &draws_, &sample_));                               \
        IS(OK, reinmax_tape_value(&tape, sample_, &value_));                                                                 \
        EXPECT(value_[0] == 0.0f && value_[2] == 1.0f && value_[3] == 1.0f && value_[5] == 0.0f);                            \
        IS(OK, reinmax_tape_backward_with(&tape, sample_, UPSTREAM, 6));                                                     \
        IS(OK, reinmax_tape_grad(&tape, logits_, &grad_));                                                                   \
        IS(OK, reinmax_softmax(LOGITS, 2, 3, 1.0f, flat_probs_));                                                            \
        IS(OK, reinmax_sizes_##name(UNPACKED parameters 3, &uniforms_, &per_draw_));                                                        \
        EXPECT(per_draw_ * 2 <= 6);                                                                                          \
        IS(OK, reinmax_draw_##name(UNPACKED parameters LOGITS, flat_probs_, 2, 3, 1, &noise_, drawn_, kept_));                              \
        EXPECT(drawn_[0] == 2 && drawn_[1] == 0);                                                                            \
        IS(OK, reinmax_backward_##name(UNPACKED parameters LOGITS, flat_probs_, drawn_, kept_, UPSTREAM, 2, 3, 1, flat_grad_));             \
        EXPECT(memcmp(grad_, flat_grad_, sizeof flat_grad_) == 0);                                                           \
        EXPECT(flat_grad_[0] != 0.0f && flat_grad_[5] == 0.0f);                                                              \
        IS(OK, reinmax_tape_sample_column_##name(&tape, UNPACKED parameters logits_, probs_, 1, 2, &draws_, &sample_));      \
        IS(OK, reinmax_tape_value(&tape, sample_, &value_));                                                                 \
        EXPECT(value_[0] == 1.0f && value_[1] == 0.0f);                                                                      \
        IS(OK, reinmax_tape_sample_short_column_##name(&tape, UNPACKED parameters logits_, probs_, 1, 2, &draws_, &sample_)); \
        IS(OK, reinmax_tape_value(&tape, sample_, &value_));                                                                 \
        EXPECT(value_[0] == 1.0f && value_[1] == 0.0f);                                                                      \
    } while (0)

/* Estimators from losses alone, by their formulas. */
static void scores(void) {
    const float probs[2] = {0.25f, 0.75f}, uniforms[1] = {0.125f}, losses[2] = {3.0f, 1.0f};
    const uint32_t both[2] = {0, 1};
    uint32_t pair[2];
    float grad[2] = {0};
    IS(OK, reinmax_draw_antithetic(probs, uniforms, 1, 1, pair));
    EXPECT(pair[0] == 0 && pair[1] == 1);
    IS(OK, reinmax_gradient_arm(probs, pair, uniforms, losses, 2, 1, 1, grad));
    EXPECT(grad[0] == 1.5f && grad[1] == -1.5f); /* (3 - 1) (1 - 2/8) */
    IS(OK, reinmax_gradient_disarm(probs, pair, losses, 2, 1, 2, 2, grad));
    EXPECT(grad[0] == 3.0f); /* + (3 - 1) * 0.75 */
    grad[0] = grad[1] = 0.0f;
    IS(OK, reinmax_gradient_reinforce(1.0f, probs, both, losses, 2, 1, 2, 2, grad));
    EXPECT(grad[0] == 1.5f && grad[1] == -1.5f); /* (3 - 1) (e_0 - p) + (1 - 1) (e_1 - p) */
    grad[0] = grad[1] = 0.0f;
    IS(OK, reinmax_gradient_rloo(probs, both, losses, 2, 1, 2, 2, grad));
    EXPECT(grad[0] == 2.0f && grad[1] == -2.0f); /* (3 - 1) (e_0 - p) + (1 - 3) (e_1 - p) */
    IS(VALUE, reinmax_gradient_rloo(probs, both, losses, 1, 1, 2, 1, grad));
    IS(VALUE, reinmax_gradient_disarm(probs, both, losses, 1, 1, 2, 1, grad));
    IS(OVERLAP, reinmax_gradient_arm(probs, pair, grad, losses, 2, 1, 1, grad));
    IS(NULL, reinmax_draw_antithetic(probs, NULL, 1, 1, pair));
}

/* One node has the bits of the three that it stands for. */
static void mean_of_powers(void) {
    uint64_t x, whole, part;
    const float *fused, *chained;
    fresh_tape(3);
    IS(OK, reinmax_tape_param(&tape, 1, 5, LOGITS, &x));
    IS(OK, reinmax_tape_mean_abs_pow(&tape, x, -0.45f, 1.5f, &whole));
    IS(OK, reinmax_tape_affine(&tape, x, 1.0f, -0.45f, &part));
    IS(OK, reinmax_tape_abs_pow(&tape, part, 1.5f, &part));
    IS(OK, reinmax_tape_mean(&tape, part, &part));
    IS(OK, reinmax_tape_value(&tape, whole, &fused));
    IS(OK, reinmax_tape_value(&tape, part, &chained));
    EXPECT(fused[0] > 0.0f && fused[0] == chained[0]);
    IS(VALUE, reinmax_tape_mean_abs_pow(&tape, x, 0.0f, -1.0f, &whole));
}

static void noise(void) {
    float probs[6], hot[6], probs_again[6], hot_again[6];
    float uniforms[2];
    uint32_t index[2], again[2], forced[2] = {3, 0};
    reinmax_noise stream = {NULL, NULL, 0, 42, 1, 10}, same = {uniforms, NULL, 2, 0, 0, 0};
    IS(OK, reinmax_softmax(LOGITS, 2, 3, 1.0f, probs));
    IS(OK, reinmax_uniforms(42, 1, 10, uniforms, 2));
    IS(OK, reinmax_draw(probs, 2, 3, 1, &stream, index));
    IS(OK, reinmax_draw(probs, 2, 3, 1, &same, again));
    EXPECT(memcmp(index, again, sizeof index) == 0);
    same.len = 1;
    IS(LENGTH, reinmax_draw(probs, 2, 3, 1, &same, again));
    same.forced = forced;
    IS(BOTH_NOISES, reinmax_draw(probs, 2, 3, 1, &same, again));
    same.uniforms = NULL;
    same.forced = NULL;
    IS(NULL, reinmax_draw(probs, 2, 3, 1, &same, again)); /* a length with nothing behind it */
    same.forced = forced;
    same.len = 2;
    IS(VALUE, reinmax_draw(probs, 2, 3, 1, &same, again)); /* 3 is no category */
    IS(NULL, reinmax_draw(probs, 2, 3, 1, NULL, again));
    uniforms[0] = 1.0f;
    same.uniforms = uniforms;
    same.forced = NULL;
    IS(VALUE, reinmax_draw(probs, 2, 3, 1, &same, again));
    IS(OK, reinmax_one_hot(index, 2, 3, hot));
    EXPECT(hot[index[0]] == 1.0f && hot[0] + hot[1] + hot[2] == 1.0f);
    IS(OK, reinmax_sample(LOGITS, 2, 3, 1.0f, &stream, probs_again, again, hot_again));
    EXPECT(memcmp(probs, probs_again, sizeof probs) == 0 && memcmp(index, again, sizeof index) == 0);
    EXPECT(memcmp(hot, hot_again, sizeof hot) == 0);
    IS(VALUE, reinmax_sample(LOGITS, 2, 3, 0.0f, &stream, probs, index, hot));
    IS(OVERLAP, reinmax_sample(LOGITS, 2, 3, 1.0f, &stream, probs, index, probs));
    IS(OVERLAP, reinmax_sample(LOGITS, 2, 3, 1.0f, &stream, probs, (uint32_t *)(void *)(probs + 2), hot));
    IS(NULL, reinmax_sample(LOGITS, 2, 3, 1.0f, &stream, probs, NULL, hot));
}

static void optimisers(void) {
    float x[2] = {1.0f, -1.0f}, state[4] = {0}, norm;
    const float g[2] = {3.0f, 4.0f};
    float clipped[2] = {3.0f, 4.0f};
    reinmax_sgd sgd;
    IS(OK, reinmax_sgd_default(0.5f, &sgd));
    EXPECT(reinmax_sgd_state_len(2) == 2 && reinmax_adam_state_len(2) == 4 && reinmax_radam_state_len(2) == 4);
    IS(OK, reinmax_sgd_step(&sgd, 1, x, g, 2, state));
    EXPECT(x[0] == -0.5f && x[1] == -3.0f);
    x[0] = 1.0f, x[1] = -1.0f;
    IS(OK, reinmax_sgd_step(&sgd, 1, x, g, 2, NULL));
    EXPECT(x[0] == -0.5f && x[1] == -3.0f);
    sgd.momentum = 0.9f;
    IS(LENGTH, reinmax_sgd_step(&sgd, 1, x, g, 2, NULL));
    IS(VALUE, reinmax_sgd_step(&sgd, 0, x, g, 2, state));
    IS(OVERLAP, reinmax_sgd_step(&sgd, 1, x, x, 2, state));
    IS(OK, reinmax_clip_norm(clipped, 2, 1.0f, &norm));
    /* Refused before anything is clipped. */
    float unclipped[2] = {3, 4};
    IS(OVERLAP, reinmax_clip_norm(unclipped, 2, 1.0f, unclipped));
    IS(MISALIGNED, reinmax_clip_norm(unclipped, 2, 1.0f, (float *)((char *)&norm + 1)));
    EXPECT(unclipped[0] == 3 && unclipped[1] == 4);
    EXPECT(norm == 5.0f && fabsf(clipped[0] - 0.6f) < 1e-6f);
    IS(OK, reinmax_clip_by_value(clipped, 2, 0.5f));
    EXPECT(clipped[1] == 0.5f);
}

int main(void) {
    pointers();
    handles_and_marks();
    SAME_GRADIENT(reinmax, (1.0f, ));
    SAME_GRADIENT(reinmax, (1.3f, ));
    SAME_GRADIENT(reinmax_tau1, ());
    SAME_GRADIENT(straight_through, (1.5f, ));
    SAME_GRADIENT(gumbel_softmax, (0.7f, ));
    SAME_GRADIENT(decoupled_gumbel, (0.5f, 1.2f, ));
    SAME_GRADIENT(decoupled_st, (0.5f, 1.2f, ));
    SAME_GRADIENT(gapped_st, (0.8f, 1.0f, ));
    SAME_GRADIENT(gapped_st, (0.8f, -1.0f, ));
    SAME_GRADIENT(gumbel_rao, (0.8f, 5, ));
    SAME_GRADIENT(reinmax_rao, (0.8f, 5, ));
    SAME_GRADIENT(darn, ());
    SAME_GRADIENT(mve, ());
    scores();
    mean_of_powers();
    noise();
    optimisers();
    return broken;
}
