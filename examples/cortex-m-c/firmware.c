/* The first firmware in C: the polynomial task with 32 and 128 variables in static memory, without a C library. Prints by
 * semihosting, and exits with an error where one loss differs from the host's in one bit. */

#include "../c/polynomial.h"

/* The host's bits: examples/tasks/expected/polynomial-*.txt, made into numbers by the Makefile. */
static const uint32_t EXPECTED_32[POLYNOMIAL_STEPS] = {
#include "expected-32.inc"
};
static const uint32_t EXPECTED_128[POLYNOMIAL_STEPS] = {
#include "expected-128.inc"
};

enum { LATENTS = 128, FLOATS = 7 * LATENTS + 2 };

static reinmax_tape tape;
static reinmax_node nodes[POLYNOMIAL_NODES];
static float values[FLOATS], grads[FLOATS], saved[LATENTS], state[4 * LATENTS], losses[POLYNOMIAL_STEPS];

/* A semihosting call. */
static uint32_t semihost(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void print(const char *text) { semihost(4, text); }

static void print_number(uint32_t number) {
    char digits[12];
    char *at = digits + sizeof digits - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    print(at);
}

/* Trains; 0 where all losses have the host's bits. */
static int run(uint32_t latents, const uint32_t *expected) {
    reinmax_footprint need;
    reinmax_status status = polynomial_measure(latents, state, &need);
    print_number(latents);
    print(" variables: ");
    if (status == REINMAX_STATUS_OK && (need.nodes > POLYNOMIAL_NODES || need.values > FLOATS || need.grads > FLOATS ||
                                        need.saved > LATENTS)) {
        print("there is less memory than a measuring tape asks for\n");
        return 1;
    }
    /* Exactly what the measuring tape has asked for: an element less, and the training would end with an error. */
    reinmax_slabs slabs = {nodes, need.nodes, values, need.values, grads, need.grads, saved, need.saved};
    if (status == REINMAX_STATUS_OK) status = reinmax_tape_init(&tape, &slabs, latents);
    if (status == REINMAX_STATUS_OK) status = polynomial_train(&tape, latents, state, losses);
    if (status != REINMAX_STATUS_OK) {
        print(reinmax_status_string(status));
        print("\n");
        return 1;
    }
    for (uint32_t step = 0; step < POLYNOMIAL_STEPS; step++) {
        union {
            float number;
            uint32_t bits;
        } loss = {losses[step]};
        if (loss.bits != expected[step]) {
            print("the loss differs from the host's in step ");
            print_number(step + 1);
            print("\n");
            return 1;
        }
    }
    print("all losses have the bits of the host; the last is ");
    print_number((uint32_t)(losses[POLYNOMIAL_STEPS - 1] * 1e6f));
    print(" millionths\n");
    return 0;
}

int main(void) { return run(32, EXPECTED_32) || run(128, EXPECTED_128); }

/* ---- start-up ------------------------------------------------------------------------------------------------------- */

extern uint32_t bss_start[], bss_end[], stack_top[];

static void stop(uint32_t status) {
    const uint32_t argument[2] = {0x20026, status}; /* an application's exit */
    semihost(0x20, argument);
    for (;;) {
    }
}

static void fault(void) { stop(1); }

void reset(void);
void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* switches the floating-point unit on */
    __asm__ volatile("dsb\nisb");
    for (volatile uint32_t *word = bss_start; word < bss_end; word++) *word = 0;
    stop((uint32_t)main());
}

typedef union {
    uint32_t *stack;
    void (*handler)(void);
} vector;

__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    {.stack = stack_top}, {.handler = reset}, {.handler = fault}, {.handler = fault},
    {.handler = fault},   {.handler = fault}, {.handler = fault},
};
