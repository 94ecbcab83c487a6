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

#endif /* CAMPAIGN_TEST_COMPUTATION_PROBE_H */
