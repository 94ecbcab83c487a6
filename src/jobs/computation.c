/*
 * computation.c - the part of a long computation that is not arithmetic.
 *
 * Never throws and never keeps memory.
 */
#include "computation.h"

#include <stdlib.h>

bool computation_step(Computation *computation, int percent)
{
	if (percent > computation->percent)
		computation->percent = percent;
	return computation->keep_going(computation->context, computation->percent);
}

bool computation_has_memory(size_t bytes)
{
	/* Volatile: a compiler may leave out a malloc() whose memory nobody uses. */
	void *volatile probe = malloc(bytes);
	bool has_memory = probe != NULL;

	free(probe);
	return has_memory;
}

const char *computation_text(ComputationResult result)
{
	switch (result)
	{
		case COMPUTATION_DONE:
			return "done";
		case COMPUTATION_STOPPED:
			return "stopped";
		case COMPUTATION_OUT_OF_RANGE:
			return "out of range";
		case COMPUTATION_NO_MEMORY:
			return "out of memory";
	}
	return "unknown result";
}
