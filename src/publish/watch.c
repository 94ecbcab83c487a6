/*
 * watch.c - confirmed is not stored: notices that the broker has forgotten
 * messages that it had confirmed (a queue purged or deleted, a disk lost), and
 * has them published again from the end of what is stored.
 *
 * Suspects only a stream that has not moved for campaign.stall_timeout, and
 * only if the broker says that nothing is left for its consumer: one that is
 * away is no reason to fill the queue again and again. A consumer that holds
 * all messages because its store is away looks the same as a loss; then the
 * waits double, and what the consumer gets twice it stores once.
 */
#include "postgres.h"

#include "guard.h"
#include "link.h"
#include "look.h"
#include "settings.h"
#include "watch.h"

#define WATCH_SILENCE_FACTOR 3 /* times campaign.stall_timeout */

static bool republish(Worker *worker, Stream *stream)
{
	int64 restart = outbox_rewind(stream->campaign_id, stream->class);

	worker->look_at = 0;
	/* Said once: as long as nothing moves, it is the same loss, or a store that is away. */
	if (restart >= 0 && stream->stall_count == 0)
		ereport(LOG, (errmsg("campaign \"%s\": nothing is stored any more and its queue is empty; "
							 "publishing again from %s recipient " INT64_FORMAT,
							 stream->campaign_id, message_class_name(stream->class), restart + 1)));
	stream->stall_count++;
	return true;
}

static bool any_stalled(const Worker *worker, int64 now)
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
static bool suspect(Worker *worker, Stream *stream, int64 now)
{
	bool drained = false;
	Error error = {0};

	stream_postpone_stall(stream, now);
	if (worker->publisher == NULL || publisher_blocked(worker->publisher))
		return true;
	if (!publisher_queue_drained(worker->publisher, stream->queue, &drained, &error))
	{
		link_lost(worker, &error);
		return false;
	}
	if (drained)
		(void) guard_stream(worker, stream, republish);
	return true;
}

/* A broker that is there but confirms nothing: a queue without its leader, a full disk. */
static void check_silence(Worker *worker, int64 now, int64 *wake_at)
{
	int64 patience_ends =
		worker->heard_at + WATCH_SILENCE_FACTOR * INT64CONST(1000) * settings_stall_timeout;

	if (worker->publisher == NULL || publisher_unsettled(worker->publisher) == 0 ||
		publisher_blocked(worker->publisher) || worker->silent)
		return;
	if (now < patience_ends)
	{
		earlier(wake_at, patience_ends);
		return;
	}
	ereport(WARNING,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("campaign worker: RabbitMQ has confirmed nothing for %d s",
					WATCH_SILENCE_FACTOR * settings_stall_timeout),
			 errhint("Look at the state of its queues: rabbitmqctl list_queues name state.")));
	worker->silent = true;
}

void watch_streams(Worker *worker, int64 *wake_at)
{
	int64 now = clock_ms();
	ListCell *cell;

	check_silence(worker, now, wake_at);
	/* Reports wake the worker only while it publishes: what it knows may be old. */
	if (any_stalled(worker, now))
		look_at_tables(worker);
	foreach (cell, worker->streams)
	{
		Stream *stream = lfirst(cell);

		if (stream_stalled(stream, now))
		{
			if (!suspect(worker, stream, now))
				return;
			/* Confirms of others may have come with the answer: the socket does not tell. */
			*wake_at = now;
		}
		if (stream->active && stream->confirmed > stream->stored_through)
			earlier(wake_at, stream->stall_at);
	}
}
