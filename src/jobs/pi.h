/*
 * pi.h - the decimals of pi, exact, for the job type `pi`.
 *
 * Pure: no PostgreSQL header.
 */
#ifndef CAMPAIGN_PI_H
#define CAMPAIGN_PI_H

#include "computation.h"

#define PI_DIGITS_MAX 100000

/* Bytes that "3.", the decimals and a NUL need, and one for GMP. */
#define PI_SIZE(digits) ((size_t) (digits) + 4)

/* The most that GMP allocates at a time, in bytes; 0.9 MB were measured for 100,000 digits. */
#define PI_MEMORY_MAX ((size_t) 4 * 1024 * 1024)

/* Decimals that are computed beyond the last one that is asked for. */
#define PI_GUARD_DIGITS 32

/*
 * Writes pi with `digits` decimals, cut and not rounded, and a NUL into `text`,
 * which the caller owns and which has `size` bytes, PI_SIZE(digits) or more: "3" for
 * none, "3.14159" for 5. Every digit is right. `digits` beyond 0 to PI_DIGITS_MAX and
 * a smaller buffer are COMPUTATION_OUT_OF_RANGE; whenever the result is not
 * COMPUTATION_DONE, `text` holds nothing of use.
 */
ComputationResult pi_decimals(long digits, ComputationKeepGoing keep_going, void *context,
							  char *text, size_t size);

/*
 * The same with `guard` decimals (1 or more) to begin with, and `*rounds` counting
 * how often pi was computed. For the test of what happens when the guard digits do
 * not decide: with 32 of them that has never been seen.
 */
ComputationResult pi_decimals_guarded(long digits, int guard, ComputationKeepGoing keep_going,
									  void *context, char *text, size_t size, int *rounds);

#endif /* CAMPAIGN_PI_H */
