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

#include "miscadmin.h"

#include "guard.h"
#include "link.h"
#include "look.h"
#include "program/sometimes.h"
#include "settings.h"
#include "watch.h"

#define WATCH_SILENCE_FACTOR 3	  /* times campaign.stall_timeout */
#define WATCH_QUIET_MS		 4000 /* so long a queue may stand still without a question */

/*
 * So long one of several nodes may confirm nothing: more than the others need to elect a leader
 * instead of one that has died.
 */
#define WATCH_NODE_MS 10000

static bool republish(Worker *worker, Stream *stream)
{
	int64 restart = outbox_rewind(stream->campaign_id, stream->class);
	bool is_new = stall_found(&stream->stall, restart >= 0);

	SOMETIMES_IF(restart >= 0, "worker.stall");
	SOMETIMES_IF(restart >= 0 && !is_new, "worker.stall_again");
	earlier(&worker->look_at, worker->look_after);
	if (is_new)
		ereport(LOG, (errmsg("campaign \"%s\": nothing is stored any more and its queue is empty; "
							 "publishing again from %s recipient " INT64_FORMAT,
							 stream->campaign_id, message_class_name(stream->class), restart + 1)));
	return true;
}

/*
 * What the broker says of a queue. False if the connection was lost.
 */
static bool ask(Worker *worker, WorkerQueue *queue)
{
	Error error = {0};

	if (!publisher_queue_drained(worker->publisher, queue->name, &queue->drained, &queue->served,
								 &error))
	{
		CHECK_FOR_INTERRUPTS();
		link_lost(worker, &error);
		return false;
	}
	queue->asked_at = clock_ms();
	return true;
}

/*
 * A stream that does not move. It did not move before the queue was asked about, either: what the
 * broker said then is true of its messages, whatever was sent since. False if the connection was
 * lost.
 */
static bool suspect(Worker *worker, Stream *stream)
{
	WorkerQueue *queue = &worker->queues[stream->queue_number];

	stream_postpone_stall(stream, clock_ms());
	if (worker->publisher == NULL || publisher_blocked(worker->publisher))
		return true;
	/* Once for each look at everything: campaigns wait by the thousand, in five queues. */
	if ((queue->asked_at < worker->watched_at || queue->asked_at == 0) && !ask(worker, queue))
		return false;
	SOMETIMES_IF(!queue->drained, "worker.stall_without_loss");
	if (queue->drained)
		(void) guard_stream(worker, stream, republish);
	return true;
}

/* Suspects those of a list that have stalled; false if it did not come to the end. */
static bool suspect_each(Worker *worker, dlist_head *list, int64 until, int64 *next)
{
	dlist_iter iter;

	dlist_foreach(iter, list)
	{
		Stream *stream = dlist_container(Stream, place, iter.cur);

		if (stream_stalled(stream, worker->watched_at))
		{
			bool connected = suspect(worker, stream);

			CHECK_FOR_INTERRUPTS();
			if (!connected || clock_ms() >= until)
				return false;
		}
		if (stream_awaits_store(stream))
			earlier(next, stream->stall.suspect_at);
	}
	return true;
}

static int64 silence_ms(const Worker *worker)
{
	int64 patience = WATCH_SILENCE_FACTOR * INT64CONST(1000) * settings_stall_timeout;

	return worker->broker_hosts > 1 ? Min(patience, WATCH_NODE_MS) : patience;
}

static void note_silence(Worker *worker, int64 patience)
{
	if (worker->silent)
		return;
	ereport(WARNING,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("campaign worker: RabbitMQ has confirmed nothing for %d s",
					(int) (patience / 1000)),
			 errhint("Look at the state of its queues: rabbitmqctl list_queues name state.")));
	SOMETIMES("worker.silent_broker");
	worker->silent = true;
}

/*
 * A broker that is there but confirms nothing: a queue without its leader, a full disk. One of
 * several nodes may also have lost the others, and never notice: the next one is asked.
 */
static void check_silence(Worker *worker, int64 now, int64 *wake_at)
{
	int64 patience = silence_ms(worker);

	if (worker->publisher == NULL || publisher_unsettled(worker->publisher) == 0 ||
		publisher_blocked(worker->publisher) || (worker->silent && worker->broker_hosts < 2))
		return;
	if (now < worker->heard_at + patience)
	{
		earlier(wake_at, worker->heard_at + patience);
		return;
	}
	note_silence(worker, patience);
	if (worker->broker_hosts < 2)
		return;
	SOMETIMES("worker.next_node");
	link_next_host(worker);
	*wake_at = now;
}

/*
 * A queue whose campaigns do not move is asked whether it has a consumer: people want to know long
 * before campaign.stall_timeout. Not while the broker is silent: the worker would wait for it.
 */
static void ask_quiet_queues(Worker *worker, int64 now, int64 *wake_at)
{
	for (int i = 0; i < lengthof(worker->queues); i++)
	{
		WorkerQueue *queue = &worker->queues[i];

		if (worker->publisher == NULL || publisher_blocked(worker->publisher) ||
			now >= worker->heard_at + WATCH_QUIET_MS)
			return;
		if (worker->streams.in_queue[i] == 0)
			continue;
		if (now >= Max(queue->moved_at, queue->asked_at) + WATCH_QUIET_MS)
		{
			if (!ask(worker, queue))
				return;
			/* Confirms may have come with the answer: the socket does not tell. */
			*wake_at = now;
		}
		earlier(wake_at, Max(queue->moved_at, queue->asked_at) + WATCH_QUIET_MS);
	}
}

void watch_streams(Worker *worker, int64 *wake_at)
{
	int64 now = clock_ms();
	int64 next = CLOCK_NEVER;

	check_silence(worker, now, wake_at);
	ask_quiet_queues(worker, now, wake_at);
	if (now < worker->streams.suspect_at)
	{
		earlier(wake_at, worker->streams.suspect_at);
		return;
	}
	/* Reports wake the worker only while it publishes: what it knows may be old. */
	if (worker->watched_at < worker->streams.suspect_at)
	{
		if (!worker->sweep.running)
			earlier(&worker->look_at, worker->watch_after);
		return;
	}
	if (!suspect_each(worker, &worker->streams.open, now + WORKER_SLICE_MS, &next) ||
		!suspect_each(worker, &worker->streams.watched, now + WORKER_SLICE_MS, &next))
	{
		*wake_at = now;
		return;
	}
	worker->streams.suspect_at = next;
	/* Confirms of others may have come with the answer: the socket does not tell. */
	*wake_at = now;
}
