#ifndef POLYNOMIAL_H
#define POLYNOMIAL_H

#include <reinmax.h>

enum { POLYNOMIAL_STEPS = 100, POLYNOMIAL_BATCH = 8, POLYNOMIAL_NODES = 7 };

/* What a tape needs for so many variables. state: 2 * latents floats to read, of any value. */
reinmax_status polynomial_measure(uint32_t latents, float *state, reinmax_footprint *footprint);

/* Trains on an empty tape. state: 4 * latents floats of the optimiser's; losses: POLYNOMIAL_STEPS floats. */
reinmax_status polynomial_train(reinmax_tape *tape, uint32_t latents, float *state, float *losses);

#endif
