/*
 * fibonacci.c - F(n) by GMP, which doubles its way up: F(100,000) takes less than
 * a millisecond, most of it for writing the digits.
 *
 * Never asks for more than FIBONACCI_MEMORY_MAX: GMP aborts when it gets no memory.
 */
#include "fibonacci.h"

#include <gmp.h>

ComputationResult fibonacci(long n, ComputationKeepGoing keep_going, void *context, char *text,
							size_t size)
{
	Computation computation = {.keep_going = keep_going, .context = context};
	bool going;
	mpz_t number;

	if (n < 0 || n > FIBONACCI_N_MAX || size < FIBONACCI_SIZE(n))
		return COMPUTATION_OUT_OF_RANGE;
	if (!computation_has_memory(FIBONACCI_MEMORY_MAX))
		return COMPUTATION_NO_MEMORY;
	if (!computation_step(&computation, 0))
		return COMPUTATION_STOPPED;

	mpz_init(number);
	mpz_fib_ui(number, (unsigned long) n);
	going = computation_step(&computation, 33);
	if (going)
		(void) mpz_get_str(text, 10, number);
	mpz_clear(number);
	return going && computation_step(&computation, 100) ? COMPUTATION_DONE : COMPUTATION_STOPPED;
}
