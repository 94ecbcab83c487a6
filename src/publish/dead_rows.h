/*
 * dead_rows.h - the table of dead letters, as the worker uses it: each call is a
 * transaction of its own. Errors are PostgreSQL's.
 */
#ifndef CAMPAIGN_DEAD_ROWS_H
#define CAMPAIGN_DEAD_ROWS_H

#include "postgres.h"

#include "publisher.h"
#include "replay_pace.h"

/* For how many more letters there is room; 0 or less: for none. */
int dead_rows_room(void);

/*
 * Takes a letter over; it is on disk when this returns. Returns for how many more there is room, -1
 * if there was none for this one. `room`: what is known of it; 0: it is counted.
 */
int dead_rows_take(const Letter *letter, int room);

typedef struct DeadRow
{
	int64 id;
	PublisherLetter letter;
	const char *campaign_id; /* empty: of none */
	int64 recipients;
	int64 rate_thousandths; /* the limit of its campaign, of a recipient a second; 0: none */
} DeadRow;

/*
 * The letter behind `after` that is to be published next, in the current memory context, of no
 * campaign that waits; false: there is none.
 */
bool dead_rows_next(DeadRow *row, int64 after, const ReplayPace *pace);

/* The broker has confirmed it. */
void dead_rows_done(int64 id);

#endif /* CAMPAIGN_DEAD_ROWS_H */
