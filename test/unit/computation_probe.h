/*
 * computation_probe.h - what the tests of the long computations look with: a callback
 * that says no when it is told to, a malloc() that fails, and a count of GMP's memory.
 *
 * For programs that are linked with --wrap=malloc.
 */
#ifndef CAMPAIGN_TEST_COMPUTATION_PROBE_H
#define CAMPAIGN_TEST_COMPUTATION_PROBE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <gmp.h>

#include "src/jobs/computation.h"

/* A callback that says no at its question number `stop_at` (0: never). */
typedef struct Questions
{
	int asked;
	int stop_at;
	int percent;
} Questions;

static bool malloc_fails;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	return malloc_fails ? NULL : __real_malloc(size);
}

static bool keep_going(void *context, int percent)
{
	Questions *questions = context;

	assert_in_range(percent, questions->percent, 100);
	questions->percent = percent;
	questions->asked++;
	return questions->asked != questions->stop_at;
}

/* What GMP has, at the moment and at the most. */
static size_t allocated;
static size_t allocated_most;

static void *count_allocate(size_t size)
{
	allocated += size;
	if (allocated > allocated_most)
		allocated_most = allocated;
	return malloc(size);
}

/* For a moment both may exist. */
static void *count_reallocate(void *block, size_t old_size, size_t new_size)
{
	allocated += new_size;
	if (allocated > allocated_most)
		allocated_most = allocated;
	allocated -= old_size;
	return realloc(block, new_size);
}

static void count_free(void *block, size_t size)
{
	allocated -= size;
	free(block);
}

/* fibonacci() or pi_decimals(). */
typedef ComputationResult (*Compute)(long n, ComputationKeepGoing keep_going, void *context,
									 char *text, size_t size);

/* At whichever question the answer is no, the sanitizer finds nothing left behind. It asks so often
 * at least. */
static void assert_stops_when_told_to(Compute compute, long n, char *text, size_t size, int least)
{
	Questions all = {0};

	assert_int_equal(compute(n, keep_going, &all, text, size), COMPUTATION_DONE);
	assert_true(all.asked >= least);
	for (int stop_at = 1; stop_at <= all.asked; stop_at++)
	{
		Questions questions = {.stop_at = stop_at};

		assert_int_equal(compute(n, keep_going, &questions, text, size), COMPUTATION_STOPPED);
		assert_int_equal(questions.asked, stop_at);
	}
}

static void assert_needs_memory(Compute compute, char *text, size_t size)
{
	Questions questions = {0};
	ComputationResult result;

	malloc_fails = true;
	result = compute(1, keep_going, &questions, text, size);
	malloc_fails = false;
	assert_int_equal(result, COMPUTATION_NO_MEMORY);
	assert_int_equal(questions.asked, 0);
}

static void assert_memory_is_bounded(Compute compute, long n, char *text, size_t size, size_t most)
{
	Questions questions = {0};

	mp_set_memory_functions(count_allocate, count_reallocate, count_free);
	assert_int_equal(compute(n, keep_going, &questions, text, size), COMPUTATION_DONE);
	mp_set_memory_functions(NULL, NULL, NULL);
	assert_int_equal(allocated, 0);
	assert_in_range(allocated_most, 1, most);
}

#endif /* CAMPAIGN_TEST_COMPUTATION_PROBE_H */
