/*
 * streams.h - the worker's streams: found by campaign and class, and told apart
 * by what they wait for, so that a turn costs what there is to do and not what
 * there is.
 *
 * Open streams have something to publish or to mark; the others are watched
 * until they are stored. Those of either kind that may have something to do now
 * are ready, too.
 */
#ifndef CAMPAIGN_STREAMS_H
#define CAMPAIGN_STREAMS_H

#include "postgres.h"

#include "lib/ilist.h"
#include "utils/hsearch.h"

#include "stream.h"

typedef struct Streams
{
	HTAB *by_class;
	dlist_head open;
	dlist_head watched;
	dlist_head ready;					  /* the next one to publish first */
	int in_queue[MESSAGE_PARTITIONS + 1]; /* how many there are */
	int64 suspect_at;					  /* no stream is to be suspected of a stall before */
} Streams;

void streams_init(Streams *streams);

/* The stream of a class; NULL if there is none. */
Stream *streams_find(const Streams *streams, const OutboxClass *class);

/* Takes a new stream in. It is ready. */
void streams_add(Streams *streams, Stream *stream);

/* Takes a stream out and frees it. */
void streams_remove(Streams *streams, Stream *stream);

/* Something has happened to a stream: it may have something to do, and be open or watched now. */
void streams_note(Streams *streams, Stream *stream);

/* The same for all of them. */
void streams_note_all(Streams *streams);

/* Those that have nothing to do until something happens to them are not ready any more. */
void streams_drop_idle(Streams *streams, int64 now);

#endif /* CAMPAIGN_STREAMS_H */
