/*
 * stream.h - the worker's memory of one class of one campaign: what it
 * published, what was confirmed, what is stored, and how far it may go on.
 *
 * Bookkeeping only: no SPI, no AMQP. Everything can be rebuilt from the tables. Times are those of
 * the monotonic clock, in ms unless they are called otherwise.
 */
#ifndef CAMPAIGN_STREAM_H
#define CAMPAIGN_STREAM_H

#include "identity/cuid2.h"
#include "outbox.h"

typedef struct Stream
{
	char campaign_id[MESSAGE_ID_MAX + 1];
	MessageClass class;
	char queue[MESSAGE_QUEUE_NAME_MAX];
	bool active; /* in the last look at the tables */
	bool blocked;
	int64 total;
	int32 rewinds; /* of the row that the fields below belong to */
	uint32 epoch;  /* batches of an older epoch do not count any more */

	int64 next;		 /* next seq to publish */
	int64 confirmed; /* everything up to here was confirmed in this epoch */
	int64 marked;	 /* what the table knows of it */
	int64 stored_through;

	int in_flight; /* batches that the publisher still holds tickets of */

	double stored_rate; /* recipients per second, smoothed; 0: not known yet */
	int64 moved_at_us;	/* when stored_through last grew, or publishing began */
	int64 stall_at;		/* when to suspect that the broker lost something */
	int stall_count;	/* rewinds in a row without progress */
	int64 retry_at;		/* not before: after a failure of this stream alone */

	MemoryContext context; /* holds the stream and its template */
	char *escaped_text;	   /* NULL before stream_prepare() */
	size_t escaped_length;
	Cuid2Series series;
} Stream;

/* The stream of a class. Nothing can be published before stream_prepare(). */
Stream *stream_create(const OutboxClass *class, int64 now);

/* Takes what all batches share; false if it makes no sense. */
bool stream_prepare(Stream *stream, const OutboxTemplate *template);

void stream_free(Stream *stream);

/* Takes over what the table says now. */
void stream_update(Stream *stream, const OutboxClass *class, int64 now);

/* Forgets what was published after the last confirm: nack, or a lost connection. */
void stream_rewind(Stream *stream);

/* How many recipients may be published now: 0 if it has to wait for the store. */
int64 stream_room(const Stream *stream);

/* Everything was confirmed, and the store does not move. */
bool stream_stalled(const Stream *stream, int64 now);

/* Puts the next suspicion off, twice as long each time. */
void stream_postpone_stall(Stream *stream, int64 now);

#endif /* CAMPAIGN_STREAM_H */
