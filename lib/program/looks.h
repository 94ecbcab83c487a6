/*
 * looks.h - when a queue of jobs is looked at from its beginning.
 *
 * Who takes jobs goes on behind the last one, and looks from the beginning now and then: for
 * retries, other priorities, what somebody has left behind. As long as any snapshot is old, such a
 * look reads over all that was done since; if it takes long, the next one comes later. Times are
 * those of the monotonic clock.
 */
#ifndef CAMPAIGN_PROGRAM_LOOKS_H
#define CAMPAIGN_PROGRAM_LOOKS_H

#include <stdbool.h>
#include <stdint.h>

#define LOOKS_COSTLY_MS 25 /* a look that takes longer reads over much that is done */

typedef struct Looks
{
	int64_t due_ms;		   /* the next one, while there is something to do */
	int64_t affordable_ms; /* before that it costs too much, even if there is nothing */
} Looks;

/* A look began then and ends now; it is never longer than that until the next one. */
void looks_note(Looks *looks, int64_t started_ms, int64_t longest_wait_ms);

#endif /* CAMPAIGN_PROGRAM_LOOKS_H */
