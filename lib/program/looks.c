/*
 * looks.c - see looks.h.
 *
 * Must never let a look wait longer than its user allows: retries wait for it.
 */
#include "looks.h"

#include "clock.h"

#define APART_MS	250 /* while there is something to do */
#define COSTLY_WAIT 20	/* times as long as a costly one takes is the time until the next one */

void looks_note(Looks *looks, int64_t started_ms, int64_t longest_wait_ms)
{
	int64_t now_ms = clock_ms();
	int64_t wait_ms = 0;

	if (now_ms - started_ms >= LOOKS_COSTLY_MS)
		wait_ms = COSTLY_WAIT * (now_ms - started_ms);
	if (wait_ms > longest_wait_ms)
		wait_ms = longest_wait_ms;
	looks->affordable_ms = now_ms + wait_ms;
	looks->due_ms = now_ms + (wait_ms > APART_MS ? wait_ms : APART_MS);
}
