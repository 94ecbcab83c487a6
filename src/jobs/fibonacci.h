/*
 * fibonacci.h - Fibonacci numbers, exact, for the job type `fibonacci`.
 *
 * Pure: no PostgreSQL header.
 */
#ifndef CAMPAIGN_FIBONACCI_H
#define CAMPAIGN_FIBONACCI_H

#include "computation.h"

#define FIBONACCI_N_MAX 100000

/*
 * Bytes that the digits of F(n) and their NUL need at most: a number has 0.209 n
 * digits, and GMP wants two bytes more than it uses.
 */
#define FIBONACCI_SIZE(n) ((size_t) (n) / 4 + 4)

/* The most that GMP allocates at a time, in bytes; 28 kB were measured for n = 100,000. */
#define FIBONACCI_MEMORY_MAX ((size_t) 1024 * 1024)

/*
 * Writes F(n) in decimal and a NUL into `text`, which the caller owns and which
 * has `size` bytes, FIBONACCI_SIZE(n) or more. F(0) = 0, F(1) = 1. n beyond 0 to
 * FIBONACCI_N_MAX and a smaller buffer are COMPUTATION_OUT_OF_RANGE; whenever the
 * result is not COMPUTATION_DONE, `text` holds nothing of use.
 */
ComputationResult fibonacci(long n, ComputationKeepGoing keep_going, void *context, char *text,
							size_t size);

#endif /* CAMPAIGN_FIBONACCI_H */
