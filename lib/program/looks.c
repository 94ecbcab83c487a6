/*
 * looks.c - see looks.h.
 *
 * Must never let a look wait longer than its user allows: retries wait for it.
 */
#include "looks.h"

#include "clock.h"

#define APART_MS	250 /* while there is something to do */
#define COSTLY_REST 20	/* times as long as a costly one takes is the time until the next one */

void looks_note(Looks *looks, int64_t started_ms, int64_t longest_rest_ms)
{
	int64_t now_ms = clock_ms();
	int64_t rest_ms = 0;

	if (now_ms - started_ms >= LOOKS_COSTLY_MS)
		rest_ms = COSTLY_REST * (now_ms - started_ms);
	if (rest_ms > longest_rest_ms)
		rest_ms = longest_rest_ms;
	looks->rested_ms = now_ms + rest_ms;
	looks->due_ms = now_ms + (rest_ms > APART_MS ? rest_ms : APART_MS);
}
