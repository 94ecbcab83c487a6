/*
 * streams.c - the set of streams; see streams.h.
 *
 * Must never decide anything about a stream: it only knows where to find it.
 */
#include "streams.h"

#include "utils/memutils.h"

#include "program/clock.h"

#define STREAMS_EXPECTED 256

typedef struct StreamKey
{
	char campaign_id[MESSAGE_ID_MAX + 1];
	char class;
} StreamKey;

typedef struct StreamEntry
{
	StreamKey key;
	Stream *stream;
} StreamEntry;

static StreamKey key_of(const char *campaign_id, MessageClass class)
{
	StreamKey key;

	/* Compared byte by byte, behind the end of the text, too. */
	memset(&key, 0, sizeof(key));
	strlcpy(key.campaign_id, campaign_id, sizeof(key.campaign_id));
	key.class = (char) class;
	return key;
}

void streams_init(Streams *streams)
{
	HASHCTL control = {
		.keysize = sizeof(StreamKey), .entrysize = sizeof(StreamEntry), .hcxt = TopMemoryContext};

	streams->by_class = hash_create("campaign streams", STREAMS_EXPECTED, &control,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	dlist_init(&streams->open);
	dlist_init(&streams->watched);
	dlist_init(&streams->ready);
	streams->suspect_at = CLOCK_NEVER;
}

Stream *streams_find(const Streams *streams, const OutboxClass *class)
{
	StreamKey key = key_of(class->campaign_id, class->class);
	const StreamEntry *entry = hash_search(streams->by_class, &key, HASH_FIND, NULL);

	return entry != NULL ? entry->stream : NULL;
}

void streams_add(Streams *streams, Stream *stream)
{
	StreamKey key = key_of(stream->campaign_id, stream->class);
	StreamEntry *entry = hash_search(streams->by_class, &key, HASH_ENTER, NULL);

	entry->stream = stream;
	dlist_push_tail(&streams->open, &stream->place);
	streams->in_queue[stream->queue_number]++;
	streams_note(streams, stream);
}

void streams_remove(Streams *streams, Stream *stream)
{
	StreamKey key = key_of(stream->campaign_id, stream->class);

	(void) hash_search(streams->by_class, &key, HASH_REMOVE, NULL);
	dlist_delete(&stream->place);
	streams->in_queue[stream->queue_number]--;
	if (stream->is_ready)
		dlist_delete(&stream->ready_place);
	stream_free(stream);
}

void streams_note(Streams *streams, Stream *stream)
{
	bool open = stream_open(stream);

	if (open != stream->is_open)
	{
		dlist_delete(&stream->place);
		dlist_push_tail(open ? &streams->open : &streams->watched, &stream->place);
		stream->is_open = open;
	}
	if (!stream->is_ready)
	{
		dlist_push_tail(&streams->ready, &stream->ready_place);
		stream->is_ready = true;
	}
	if (stream_awaits_store(stream))
		streams->suspect_at = Min(streams->suspect_at, stream->stall.suspect_at);
}

static void note_each(Streams *streams, dlist_head *list)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, list)
	{
		streams_note(streams, dlist_container(Stream, place, iter.cur));
	}
}

void streams_note_all(Streams *streams)
{
	/* Those that are not watched any more come behind the open ones and are noted twice. */
	note_each(streams, &streams->watched);
	note_each(streams, &streams->open);
}

void streams_drop_idle(Streams *streams, int64 now)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &streams->ready)
	{
		Stream *stream = dlist_container(Stream, ready_place, iter.cur);

		if (stream_busy(stream, now))
			continue;
		dlist_delete(&stream->ready_place);
		stream->is_ready = false;
	}
}
