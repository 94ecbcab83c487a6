/*
 * look.c - what the tables say, taken over into streams: new ones, those that
 * have moved, and those that are over.
 *
 * Must never publish or mark: it only brings the streams up to date.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "link.h"
#include "look.h"
#include "session.h"
#include "settings.h"
#include "wake.h"

#define LOOK_FINISH_MS 1000 /* apart: searches for campaigns that nobody could finish */

static Stream *find_stream(Worker *worker, const OutboxClass *class)
{
	ListCell *cell;

	foreach (cell, worker->streams)
	{
		Stream *stream = lfirst(cell);

		if (stream->class == class->class && strcmp(stream->campaign_id, class->campaign_id) == 0)
			return stream;
	}
	return NULL;
}

static void add_stream(Worker *worker, const OutboxClass *class, int64 now)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	worker->streams = lappend(worker->streams, stream_create(class, now));
	/* Somebody waits: do not sit out the backoff of an idle hour. */
	earlier(&worker->connect_at, now + LINK_BACKOFF_MIN_MS);
	MemoryContextSwitchTo(old);
}

static void drop_inactive_streams(Worker *worker)
{
	ListCell *cell;

	foreach (cell, worker->streams)
	{
		Stream *stream = lfirst(cell);

		if (stream->active || stream->in_flight > 0)
			continue;
		worker->streams = foreach_delete_current(worker->streams, cell);
		stream_free(stream);
	}
}

void look_at_tables(Worker *worker)
{
	int64 now = clock_ms();
	bool publishing = false;
	OutboxClass *classes;
	int count;
	ListCell *cell;

	worker->wake_ups = wake_ups();
	worker->looked_at = now;
	worker->look_at = now + settings_poll_interval * 1000L;
	if (!session_installed())
		return;
	if (now >= worker->finish_at)
	{
		outbox_finish();
		worker->finish_at = now + LOOK_FINISH_MS;
	}
	classes = outbox_active(&count);
	foreach (cell, worker->streams)
		((Stream *) lfirst(cell))->active = false;
	for (int i = 0; i < count; i++)
	{
		Stream *stream = find_stream(worker, &classes[i]);

		if (stream != NULL)
			stream_update(stream, &classes[i], now);
		else
			add_stream(worker, &classes[i], now);
	}
	drop_inactive_streams(worker);
	foreach (cell, worker->streams)
	{
		Stream *stream = lfirst(cell);

		publishing |= stream->next <= stream->total;
	}
	wake_set_waiting_for_progress(publishing);
}
