/*
 * look.c - what the tables say, taken over into streams: new ones, those that
 * have moved, and those that are over.
 *
 * A look at what has to be published comes as often as something is heard; a
 * look at everything, at the thousands that only wait for the store, too, comes
 * once a second at most. Must never publish or mark: it only brings the streams
 * up to date.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "link.h"
#include "look.h"
#include "session.h"
#include "settings.h"
#include "wake.h"

#define LOOK_MS		   10	/* looks are this far apart, or as far as one takes */
#define LOOK_WATCH_MS  1000 /* looks at everything are this far apart */
#define LOOK_FINISH_MS 1000 /* so are searches for campaigns that nobody could finish */
#define LOOK_COSTLY	   10	/* but no more than a part in so many of the time */

static void add_stream(Worker *worker, const OutboxClass *class, int64 now)
{
	streams_add(&worker->streams, stream_create(class, now));
	/* Somebody waits: do not sit out the backoff of an idle hour. */
	earlier(&worker->connect_at, now + LINK_BACKOFF_MIN_MS);
}

static void unlist(dlist_head *list)
{
	dlist_iter iter;

	dlist_foreach(iter, list)
	{
		dlist_container(Stream, place, iter.cur)->listed = false;
	}
}

/* What the look does not show is over: paused, cancelled, stored, deleted. */
static void drop_missing(Streams *streams, dlist_head *list)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, list)
	{
		Stream *stream = dlist_container(Stream, place, iter.cur);

		stream->active = stream->listed;
		if (!stream->active && stream->in_flight == 0)
			streams_remove(streams, stream);
	}
}

static void take_over(Worker *worker, const OutboxClass *classes, int count, int64 now)
{
	for (int i = 0; i < count; i++)
	{
		Stream *stream = streams_find(&worker->streams, &classes[i]);

		if (stream == NULL)
		{
			add_stream(worker, &classes[i], now);
			stream = streams_find(&worker->streams, &classes[i]);
		}
		else if (stream_update(stream, &classes[i], now))
			streams_note(&worker->streams, stream);
		stream->listed = true;
	}
}

static bool publishing(Worker *worker)
{
	dlist_iter iter;

	dlist_foreach(iter, &worker->streams.open)
	{
		const Stream *stream = dlist_container(Stream, place, iter.cur);

		if (stream->next <= stream->total)
			return true;
	}
	return false;
}

/* Campaigns that are stored completely, but were locked when the last report came. */
static void finish(Worker *worker, int64 now)
{
	int64 ended;

	if (now < worker->finish_at)
		return;
	outbox_finish();
	ended = clock_ms();
	worker->finish_at = ended + Max(LOOK_FINISH_MS, LOOK_COSTLY * (ended - now));
}

static void look(Worker *worker, bool everything)
{
	int64 now = clock_ms();
	int64 ended;
	int count;
	OutboxClass *classes = outbox_active(everything, &count);

	unlist(&worker->streams.open);
	if (everything)
		unlist(&worker->streams.watched);
	take_over(worker, classes, count, now);
	drop_missing(&worker->streams, &worker->streams.open);
	if (everything)
		drop_missing(&worker->streams, &worker->streams.watched);
	wake_set_waiting_for_progress(publishing(worker));

	ended = clock_ms();
	worker->look_after = Max(now + LOOK_MS, ended + (ended - now));
	if (everything)
	{
		worker->watched_at = now;
		worker->watch_after = Max(now + LOOK_WATCH_MS, ended + LOOK_COSTLY * (ended - now));
	}
	else
		earlier(&worker->look_at, worker->watch_after);
}

void look_at_tables(Worker *worker)
{
	int64 now = clock_ms();
	bool everything = now >= worker->watch_after;

	worker->wake_ups = wake_ups();
	worker->look_at = now + settings_poll_interval * INT64CONST(1000);
	worker->look_after = now + LOOK_MS;
	worker->ready = session_ready();
	if (!worker->ready)
		return;
	/* The wall clock may have been set: what is due is asked with every look at everything. */
	if (everything || now >= worker->due_at)
		worker->due_at = now + outbox_due();
	if (everything)
		finish(worker, now);
	look(worker, everything);
	earlier(&worker->look_at, worker->due_at);
}
