/*
 * stream.h - the worker's memory of one class of one campaign: what it
 * published, what was confirmed, what is stored, and how far it may go on.
 *
 * Bookkeeping only: no SPI, no AMQP. Everything can be rebuilt from the tables. Times are those of
 * the monotonic clock, in ms unless they are called otherwise.
 */
#ifndef CAMPAIGN_STREAM_H
#define CAMPAIGN_STREAM_H

#include "postgres.h"

#include "lib/ilist.h"

#include "ahead.h"
#include "bucket.h"
#include "identity/cuid2.h"
#include "outbox.h"
#include "stall.h"

typedef struct Stream
{
	char campaign_id[MESSAGE_ID_MAX + 1];
	MessageClass class;
	int queue_number; /* of its queue: 0 to MESSAGE_PARTITIONS */
	char queue[MESSAGE_QUEUE_NAME_MAX];
	uint32 seen; /* the last sweep in which the tables showed it: look.c */
	bool active; /* in the last look at the tables */
	bool blocked;
	bool expired; /* everybody is left out; it changes with `rewinds` only */
	int64 total;
	int64 last;	   /* to be published for now: the total, or the end of its part of a canary */
	int32 rewinds; /* of the row that the fields below belong to */
	uint32 epoch;  /* batches of an older epoch do not count any more */

	int64 next;		 /* next seq to publish */
	int64 confirmed; /* everything up to here was confirmed in this epoch */
	int64 marked;	 /* what the table knows of it */
	int64 stored_through;

	int64 mark_at;	/* not before, while it goes on or somebody holds its campaign */
	bool mark_held; /* somebody did at the last mark */

	int in_flight; /* batches that the publisher still holds tickets of */

	Bucket bucket; /* of its campaign: one class of it is published at a time */
	Ahead ahead;   /* used with a limit only */

	double stored_rate; /* recipients per second, smoothed; 0: not known yet */
	int64 moved_at_us;	/* when stored_through last grew, or publishing began */
	Stall stall;		/* when to suspect that the broker lost something */
	int64 retry_at;		/* not before: after a failure of this stream alone */

	dlist_node place;		/* in the list of streams that are open, or watched: streams.c */
	dlist_node ready_place; /* and in that of those that are ready */
	bool limited;			/* its bucket was empty when something could have been published */
	bool is_open;
	bool is_ready;

	MemoryContext context;	/* holds the stream */
	MemoryContext prepared; /* and its template; NULL before stream_prepare() */
	char *escaped_text;		/* likewise */
	size_t escaped_length;
	int version;				/* of its messages */
	char *outcome;				/* what their attributes are changed to */
	Placeholders *placeholders; /* filled for each recipient; NULL: everybody gets escaped_text */
	size_t recipient_bytes;		/* that a recipient took in the last body of MESSAGE_VERSION_OWN */
	Cuid2Series series;
} Stream;

/* The stream of a class. Nothing can be published before stream_prepare(). */
Stream *stream_create(const OutboxClass *class, int64 now);

/* Takes what all batches share; false if it makes no sense. */
bool stream_prepare(Stream *stream, const OutboxTemplate *template);

/* Somebody may put right what made it fail: it is to be prepared anew. */
void stream_forget(Stream *stream);

void stream_free(Stream *stream);

/* Takes over what the table says now; true if it says something new. */
bool stream_update(Stream *stream, const OutboxClass *class, int64 now);

/* Forgets what was published after the last confirm: nack, or a lost connection. */
void stream_rewind(Stream *stream);

/* Something of it is not published, confirmed or marked yet. */
bool stream_open(const Stream *stream);

/* It has something to publish or to mark, or will have when a time has come. */
bool stream_busy(const Stream *stream, int64 now);

/*
 * How many recipients may be published now: 0 if it has to wait for the store. No small batches
 * only because the store is a little behind.
 */
int64 stream_room(const Stream *stream);

/* Everything that was sent is confirmed, and not all of it stored: it may be suspected then.
 */
bool stream_awaits_store(const Stream *stream);

/* Such a stream that had not moved at `then`, when the time to suspect it had come. */
bool stream_stalled(const Stream *stream, int64 then);

/* Puts the next suspicion off, twice as long each time. */
void stream_postpone_stall(Stream *stream, int64 now);

#endif /* CAMPAIGN_STREAM_H */
