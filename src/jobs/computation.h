/*
 * computation.h - what the long computations (fibonacci.c, pi.c) share: how they
 * end, how they ask whether to go on, and how they are kept from running out of
 * memory.
 *
 * Pure: no PostgreSQL header.
 */
#ifndef CAMPAIGN_COMPUTATION_H
#define CAMPAIGN_COMPUTATION_H

#include <stdbool.h>
#include <stddef.h>

typedef enum ComputationResult
{
	COMPUTATION_DONE,
	COMPUTATION_STOPPED,	  /* keep_going() said no */
	COMPUTATION_OUT_OF_RANGE, /* the argument, or a buffer that is too small */
	COMPUTATION_NO_MEMORY
} ComputationResult;

/*
 * Asked every few milliseconds of work; `percent` goes from 0 to 100 and never
 * falls. False ends the computation as soon as it has freed what it holds.
 *
 * It must return: the numbers live in GMP's memory, outside of every memory
 * context, and a longjmp (ereport(ERROR), CHECK_FOR_INTERRUPTS()) from here would
 * leak them. Return false, and throw when the computation has returned.
 */
typedef bool (*ComputationKeepGoing)(void *context, int percent);

/* Whom to ask, and what was said last; one per call of a computation. */
typedef struct Computation
{
	ComputationKeepGoing keep_going;
	void *context;
	int percent;
} Computation;

/* Asks; a percent below the last one is taken for the last one. */
bool computation_step(Computation *computation, int percent);

/*
 * True if `bytes` can be had now. GMP aborts the process when an allocation fails,
 * and a backend that aborts takes every session down with it: a computation asks
 * for the most that it will need before it starts.
 */
bool computation_has_memory(size_t bytes);

/* What a result means, for an error message; never NULL. */
const char *computation_text(ComputationResult result);

#endif /* CAMPAIGN_COMPUTATION_H */
