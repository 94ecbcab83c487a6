/*
 * stall.h - when a class that does not move is suspected of a loss, and again.
 *
 * Pure. Each time that it was published again and nothing came of it, the next suspicion comes
 * twice as late, STALL_DOUBLINGS times at most: it may be a store that is away. A suspicion of
 * which nothing followed makes none later. Times are those of clock_ms().
 */
#ifndef CAMPAIGN_STALL_H
#define CAMPAIGN_STALL_H

#include <stdbool.h>
#include <stdint.h>

#define STALL_DOUBLINGS 5

typedef struct Stall
{
	int64_t suspect_at; /* not before */
	int rewinds;		/* in a row without progress */
} Stall;

/* It may be suspected after the time-out, or its doublings, from now on. */
void stall_postpone(Stall *stall, int timeout_s, int64_t now);

/* More of it is stored: whatever was suspected is over. */
void stall_end(Stall *stall, int timeout_s, int64_t now);

/*
 * It was suspected. `rewound`: and is published again; else a sender is busy with it, whose death
 * has to be noticed as soon. True if that is to be said: as long as nothing moves, it is the same
 * loss.
 */
bool stall_found(Stall *stall, bool rewound);

#endif /* CAMPAIGN_STALL_H */
