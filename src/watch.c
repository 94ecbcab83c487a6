/*
 * watch.c - confirmed is not stored: notices that the broker has forgotten
 * messages that it had confirmed (a queue purged or deleted, a disk lost), and
 * has them published again from the end of what is stored.
 *
 * Suspects only a stream that has not moved for campaign.stall_timeout, and
 * only if the broker says that nothing is left for its consumer: a consumer
 * that is away, or slow, is no reason to fill the queue again and again.
 */
#include "postgres.h"

#include "stream.h"
#include "worker.h"

static void republish(Stream *stream)
{
	int64 restart = outbox_rewind(stream->campaign_id, stream->class);

	ereport(LOG, (errmsg("campaign \"%s\": the queue is empty but not everything is stored; "
						 "publishing again from %s recipient " INT64_FORMAT,
						 stream->campaign_id, message_class_name(stream->class), restart + 1)));
	stream->stall_count++;
}

static bool any_stalled(const Worker *worker, TimestampTz now)
{
	ListCell *cell;

	foreach (cell, worker->streams)
	{
		if (stream_stalled(lfirst(cell), now))
			return true;
	}
	return false;
}

/* Asks the broker about a stream that does not move; false if the connection was lost. */
static bool suspect(Worker *worker, Stream *stream, TimestampTz now)
{
	bool drained = false;
	Error error = {0};

	stream_postpone_stall(stream, now);
	if (worker->publisher == NULL || publish_blocked(worker->publisher))
		return true;
	if (!publish_queue_drained(worker->publisher, stream->queue, &drained, &error))
	{
		worker_lost_broker(worker, error.text);
		return false;
	}
	if (drained)
	{
		republish(stream);
		worker->look_at = now;
	}
	return true;
}

void worker_check_stalls(Worker *worker, TimestampTz *wake_at)
{
	TimestampTz now = GetCurrentTimestamp();
	ListCell *cell;

	/* Reports wake the worker only while it publishes: what it knows may be old. */
	if (any_stalled(worker, now))
		worker_look(worker);
	foreach (cell, worker->streams)
	{
		Stream *stream = lfirst(cell);

		if (stream_stalled(stream, now) && !suspect(worker, stream, now))
			return;
		if (stream->active && stream->confirmed > stream->stored_through)
			earlier(wake_at, stream->stall_at);
	}
}
