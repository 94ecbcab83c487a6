/*
 * mark.c - from confirms to the tables: at once when all that was sent of a
 * stream is confirmed, a few times a second while it goes on.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "guard.h"
#include "mark.h"
#include "program/sometimes.h"

#define MARK_MS                                                                                    \
	50 /* marks of a stream that goes on, or whose campaign is locked, are this far apart */

static bool mark_stream(Worker *worker, Stream *stream)
{
	return outbox_mark(stream->campaign_id, stream->class, stream->rewinds, stream->confirmed);
}

static void mark(Worker *worker, Stream *stream)
{
	stream->mark_held = !guard_stream(worker, stream, mark_stream);
	stream->mark_at = clock_ms() + MARK_MS;
	SOMETIMES_IF(stream->mark_held && stream->retry_at <= clock_ms(), "worker.mark_held");
	if (stream->mark_held)
	{
		/* Those behind it may be due, too: many that are held would take every slice. */
		dlist_delete(&stream->ready_place);
		dlist_push_tail(&worker->streams.ready, &stream->ready_place);
		return;
	}
	stream->marked = stream->confirmed;
	streams_note(&worker->streams, stream);
}

void mark_streams(Worker *worker, int64 *wake_at)
{
	int64 now = clock_ms();
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &worker->streams.ready)
	{
		Stream *stream = dlist_container(Stream, ready_place, iter.cur);

		if (stream->confirmed <= stream->marked || now < stream->retry_at)
			continue;
		if (now < stream->mark_at && (stream->in_flight > 0 || stream->mark_held))
		{
			earlier(wake_at, stream->mark_at);
			continue;
		}
		mark(worker, stream);
		if (stream->mark_held)
			earlier(wake_at, stream->mark_at);
		CHECK_FOR_INTERRUPTS();
		if (clock_ms() >= now + WORKER_SLICE_MS)
		{
			*wake_at = now;
			return;
		}
	}
}
