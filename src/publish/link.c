/*
 * link.c - the worker's connection to RabbitMQ: opening it, losing it, and
 * hearing what the broker has settled.
 *
 * That the broker cannot be reached is normal: one WARNING when it is lost, one LOG
 * when it is back. Besides link_connect(), the worker waits for it only in watch.c and dead.c.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "storage/procsignal.h"
#include "utils/memutils.h"

#include "link.h"
#include "program/sometimes.h"
#include "settings.h"

#define LINK_BACKOFF_MAX_MS 2000
#define LINK_NACK_MS		200	 /* pause of a stream that the broker refused */
#define LINK_REFUSED_MS		5000 /* after that a queue that refuses everything is asked again */

/* Others may wait for this process meanwhile, DROP DATABASE of another one for example. */
static bool interrupted(void)
{
	if (ProcSignalBarrierPending)
		ProcessProcSignalBarrier();
	return ProcDiePending;
}

static void rewind_each(dlist_head *list)
{
	dlist_iter iter;

	dlist_foreach(iter, list)
	{
		Stream *stream = dlist_container(Stream, place, iter.cur);

		SOMETIMES_IF(stream->in_flight > 0, "worker.unconfirmed_lost");
		stream->in_flight = 0;
		stream_rewind(stream);
	}
}

void link_disconnect(Worker *worker, bool polite)
{
	publisher_close(worker->publisher, polite);
	worker->publisher = NULL;
	worker->blocked = false;
	/* Of the dead letters nothing is under way any more either. */
	worker->dead.subscribed = worker->dead.settled = false;
	worker->dead.replaying = worker->dead.look_at = worker->dead.subscribe_at = 0;
	for (int i = 0; i < lengthof(worker->queues); i++)
		worker->queues[i].asked_at = worker->queues[i].refused_since = 0;
	rewind_each(&worker->streams.open);
	rewind_each(&worker->streams.watched);
	streams_note_all(&worker->streams);
}

/* Notes which queue the broker has with other arguments, or does not let us touch. */
static void note_undeclared(Worker *worker, const Error *problem)
{
	const char *name = problem->text + strlen(BROKER_CANNOT_DECLARE);
	char queue[MESSAGE_QUEUE_NAME_MAX] = "";

	if (problem->code == ERROR_REFUSED &&
		strncmp(problem->text, BROKER_CANNOT_DECLARE, strlen(BROKER_CANNOT_DECLARE)) == 0)
		strlcpy(queue, name, Min(sizeof(queue), strcspn(name, ":") + 1));
	if (strcmp(queue, worker->undeclared) == 0)
		return;
	strlcpy(worker->undeclared, queue, sizeof(worker->undeclared));
	/* The same sentence about another queue. */
	worker->troubles_known = false;
}

static void warn_of(const Error *problem)
{
	if (problem->code == ERROR_REFUSED)
		ereport(
			WARNING,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("campaign worker: RabbitMQ refuses: %s", problem->text),
			 errhint("Campaigns wait until it accepts the worker's login, rights and queues.")));
	else
		ereport(WARNING, (errcode(ERRCODE_CONNECTION_FAILURE),
						  errmsg("campaign worker: no connection to RabbitMQ: %s", problem->text),
						  errhint("Campaigns wait until it is back.")));
}

void link_lost(Worker *worker, const Error *problem)
{
	int jitter_ms = pg_prng_uint64_range(&pg_global_prng_state, 0, LINK_BACKOFF_MIN_MS);

	link_disconnect(worker, false);
	if (!worker->away || worker->away_code != problem->code)
		warn_of(problem);
	SOMETIMES_IF(worker->away && worker->away_code != problem->code, "worker.away_otherwise");
	worker->away = true;
	worker->away_code = problem->code;
	worker->broker_turn++;
	note_undeclared(worker, problem);
	worker->connect_at = clock_ms() + worker->backoff_ms + jitter_ms;
	worker->backoff_ms = Min(2 * worker->backoff_ms, LINK_BACKOFF_MAX_MS);
}

void link_next_host(Worker *worker)
{
	link_disconnect(worker, true);
	worker->broker_turn++;
	worker->connect_at = clock_ms();
}

static void forget_url(Worker *worker)
{
	if (worker->url == NULL)
		return;
	explicit_bzero(worker->url, strlen(worker->url));
	pfree(worker->url);
	worker->url = NULL;
}

void link_connect(Worker *worker)
{
	BrokerOptions options = {
		.connection_name = "campaign worker",
		.heartbeat = settings_amqp_heartbeat,
		.timeout_ms = settings_amqp_timeout,
		.interrupted = interrupted,
		.ca_file = settings_amqp_ca_file[0] != '\0' ? settings_amqp_ca_file : NULL,
		.turn = worker->broker_turn,
	};
	const char *problem = NULL;
	char *configured;
	BrokerUrl url;
	Error error = {0};

	if (worker->publisher != NULL || clock_ms() < worker->connect_at)
		return;

	forget_url(worker);
	configured = settings_read_amqp_url(&problem);
	if (configured == NULL)
	{
		error_set(&error, ERROR_CONFIG, "%s", problem);
		link_lost(worker, &error);
		return;
	}
	worker->url = MemoryContextStrdup(TopMemoryContext, configured);
	explicit_bzero(configured, strlen(configured));
	if (broker_url_parse(worker->url, &url, &error))
	{
		worker->broker_hosts = url.host_count;
		worker->publisher = publisher_open(&url, &options, &error);
	}
	broker_url_wipe(&url);
	CHECK_FOR_INTERRUPTS();
	if (worker->publisher == NULL)
		link_lost(worker, &error);
	else if (worker->away)
	{
		ereport(LOG, (errmsg("campaign worker: connected to RabbitMQ")));
		SOMETIMES("worker.back");
		worker->away = false;
	}
}

static void note_refusal(WorkerQueue *queue, int64 now)
{
	queue->nacked_at = now;
	if (queue->refused_since == 0)
		queue->refused_since = now;
	if (queue->refused)
		return;
	queue->refused = true;
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("campaign worker: RabbitMQ refuses messages for queue %s (basic.nack)",
					queue->name),
			 errhint("Look for a policy that limits its length: rabbitmqctl list_policies. "
					 "Its campaigns wait.")));
}

static void note_nack(WorkerQueue *queue, Stream *stream, int64 now)
{
	SOMETIMES("worker.nack");
	stream_rewind(stream);
	stream->retry_at = now + LINK_NACK_MS;
	note_refusal(queue, now);
}

static void note_letter_settled(Worker *worker, bool confirmed, int64 now)
{
	WorkerQueue *queue = worker->dead.queue;

	worker->dead.settled = true;
	worker->dead.confirmed = confirmed;
	if (queue != NULL && confirmed)
		queue->refused_since = 0;
	else if (queue != NULL)
		note_refusal(queue, now);
}

static void note_settled(Worker *worker, const ConfirmsTicket *ticket, bool confirmed, int64 now)
{
	Stream *stream = ticket->stream;
	WorkerQueue *queue;

	worker->backoff_ms = LINK_BACKOFF_MIN_MS;
	worker->heard_at = now;
	worker->silent = false;
	if (stream == NULL)
	{
		note_letter_settled(worker, confirmed, now);
		return;
	}
	queue = &worker->queues[stream->queue_number];
	Assert(stream->in_flight > 0);
	stream->in_flight--;
	if (confirmed)
		queue->refused_since = 0;
	SOMETIMES_IF(ticket->epoch != stream->epoch, "worker.settled_before_rewind");
	if (ticket->epoch == stream->epoch && confirmed)
	{
		stream->confirmed = ticket->last_seq;
		/* It cannot have been stored before. */
		stream_postpone_stall(stream, now);
	}
	else if (ticket->epoch == stream->epoch)
		note_nack(queue, stream, now);
	streams_note(&worker->streams, stream);
}

static void note_alarm(Worker *worker)
{
	if (worker->blocked == publisher_blocked(worker->publisher))
		return;
	worker->blocked = publisher_blocked(worker->publisher);
	SOMETIMES_IF(worker->blocked, "worker.blocked");
	SOMETIMES_IF(!worker->blocked, "worker.unblocked");
	if (worker->blocked)
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("campaign worker: RabbitMQ accepts nothing: a memory or disk alarm"),
				 errhint("Campaigns wait until the alarm is over.")));
	else
		ereport(LOG, (errmsg("campaign worker: RabbitMQ accepts messages again")));
}

/*
 * A quorum queue that has told a channel once that it is full may never tell it that it is not any
 * more: a channel on which a queue refuses everything is given up, and a new one asks for itself.
 */
static void check_refusals(Worker *worker, int64 now)
{
	bool stuck = false;

	for (int i = 0; i < lengthof(worker->queues); i++)
	{
		WorkerQueue *queue = &worker->queues[i];

		stuck |= queue->refused_since != 0 && now >= queue->refused_since + LINK_REFUSED_MS;
		if (!queue->refused || queue->refused_since != 0 ||
			now < queue->nacked_at + LINK_REFUSED_MS)
			continue;
		queue->refused = false;
		SOMETIMES("worker.refused_no_more");
		ereport(LOG, (errmsg("campaign worker: RabbitMQ refuses no more messages")));
	}
	if (!stuck)
		return;
	SOMETIMES("worker.channel_anew");
	link_disconnect(worker, true);
	worker->connect_at = now;
}

void link_listen(Worker *worker)
{
	ConfirmsTicket ticket;
	bool confirmed;
	bool alive;
	int64 now;
	Error error = {0};

	if (worker->publisher == NULL)
		return;
	alive = publisher_poll(worker->publisher, &error);
	now = clock_ms();
	if (publisher_unsettled(worker->publisher) == 0)
		worker->heard_at = now;
	while (publisher_settled(worker->publisher, &ticket, &confirmed))
		note_settled(worker, &ticket, confirmed, now);
	if (!alive)
	{
		link_lost(worker, &error);
		return;
	}
	note_alarm(worker);
	check_refusals(worker, now);
}
