/* Trains the polynomial task on a host and prints the bits of each step's loss, one a line:
 *
 *     polynomial 32 | diff - examples/tasks/expected/polynomial-32.txt
 *
 * Memory comes from malloc here; its size comes from a measuring tape. */

#include "polynomial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, reinmax_status status) {
    fprintf(stderr, "%s: %s (%" PRId32 ")\n", what, reinmax_status_string(status), (int32_t)status);
    return 1;
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

int main(int argc, char **argv) {
    uint32_t latents = argc == 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    if (latents == 0 || latents > 1000000) {
        fprintf(stderr, "usage: %s VARIABLES (1 to 1000000)\n", argv[0]);
        return 2;
    }
    if (reinmax_abi_version() != REINMAX_ABI_VERSION) {
        fprintf(stderr, "this program was written for version 1 of the interface, not %" PRIu32 "\n", reinmax_abi_version());
        return 2;
    }

    float *state = allocate(4 * (size_t)latents, sizeof *state);
    reinmax_footprint need;
    reinmax_status status = polynomial_measure(latents, state, &need);
    if (status != REINMAX_STATUS_OK) return fail("measuring", status);

    reinmax_slabs slabs = {
        allocate(need.nodes, sizeof(reinmax_node)), need.nodes,
        allocate(need.values, sizeof(float)),       need.values,
        allocate(need.grads, sizeof(float)),        need.grads,
        allocate(need.saved, sizeof(float)),        need.saved,
    };
    reinmax_tape tape;
    float losses[POLYNOMIAL_STEPS];
    status = reinmax_tape_init(&tape, &slabs, 0);
    if (status != REINMAX_STATUS_OK) return fail("initialising", status);
    status = polynomial_train(&tape, latents, state, losses);
    if (status != REINMAX_STATUS_OK) return fail("training", status);

    for (int step = 0; step < POLYNOMIAL_STEPS; step++) {
        uint32_t bits;
        memcpy(&bits, &losses[step], sizeof bits);
        printf("%08" PRIx32 "\n", bits);
    }
    free(slabs.nodes);
    free(slabs.values);
    free(slabs.grads);
    free(slabs.saved);
    free(state);
    return 0;
}
