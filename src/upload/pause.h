/*
 * pause.h - lets the caller of a reader answer interrupts, in a file that may have a gigabyte and
 * in the middle of a line, too.
 */
#ifndef CAMPAIGN_PAUSE_H
#define CAMPAIGN_PAUSE_H

#include <stddef.h>

/* How much is read between two calls: some tenths of a millisecond. */
#define PAUSE_BYTES 65536

typedef struct Pause
{
	void (*call)(void); /* NULL: none. It need not return: a reader holds nothing */
	const char *at;		/* the place of the last one */
} Pause;

/* The reader is at this place; it may go back. */
static inline void pause_at(Pause *pause, const char *at)
{
	if (at < pause->at)
		pause->at = at;
	if (at - pause->at < PAUSE_BYTES)
		return;
	pause->at = at;
	if (pause->call != NULL)
		pause->call();
}

#endif /* CAMPAIGN_PAUSE_H */
