/*
 * worker.c - the loop: look at the tables, publish, listen to the broker, mark
 * what it confirmed, sleep.
 *
 * No transaction is open outside outbox.c, and nothing but worker_connect()
 * waits for the broker. A broker that is away is normal: one WARNING when it
 * goes, one LOG when it is back. Whatever is lost with this process is
 * published again from the last mark; the store knows what it has.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "outbox.h"
#include "publish.h"
#include "settings.h"
#include "stream.h"
#include "wake.h"
#include "worker.h"

#define WORKER_BACKOFF_MIN_MS 200
#define WORKER_BACKOFF_MAX_MS 5000
#define WORKER_MARK_MS		  50  /* marks of a stream that goes on are this far apart */
#define WORKER_NACK_MS		  200 /* pause of a stream that the broker refused */
#define WORKER_HELD_BACK_MS	  20  /* look again whether the socket has room */
#define WORKER_BATCH_HEAD	  256 /* bytes of a body around text and recipients */
#define WORKER_RECIPIENT	  80  /* bytes of a recipient in a body, at most */

typedef struct Worker
{
	Publisher *publisher;
	char *url;	  /* that the publisher uses; secret */
	bool away;	  /* the broker; said in the log */
	bool blocked; /* by the broker's alarm; said in the log */
	int backoff_ms;
	TimestampTz connect_at;

	List *streams;
	TimestampTz look_at;
	bool held_back; /* the publisher had no room for what could be published */
	MemoryContext turn;
	char body[MESSAGE_BODY_MAX];
	OutboxPhone phones[MESSAGE_BATCH_MAX];
} Worker;

static void earlier(TimestampTz *when, TimestampTz other)
{
	*when = Min(*when, other);
}

static bool shutdown_requested(void)
{
	return ProcDiePending;
}

/* The connection ---------------------------------------------------------------------------- */

static void worker_disconnect(Worker *worker, bool polite)
{
	ListCell *cell;

	publish_close(worker->publisher, polite);
	worker->publisher = NULL;
	worker->blocked = false;
	foreach (cell, worker->streams)
	{
		Stream *stream = lfirst(cell);

		stream->in_flight = 0;
		stream_rewind(stream);
	}
}

static void worker_lost_broker(Worker *worker, const char *problem)
{
	int jitter_ms = pg_prng_uint64_range(&pg_global_prng_state, 0, WORKER_BACKOFF_MIN_MS);

	worker_disconnect(worker, false);
	if (!worker->away)
		ereport(WARNING, (errcode(ERRCODE_CONNECTION_FAILURE),
						  errmsg("campaign worker: no connection to RabbitMQ: %s", problem),
						  errhint("Campaigns wait until it is back.")));
	worker->away = true;
	worker->connect_at =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), worker->backoff_ms + jitter_ms);
	worker->backoff_ms = Min(2 * worker->backoff_ms, WORKER_BACKOFF_MAX_MS);
}

static void worker_forget_url(Worker *worker)
{
	if (worker->url == NULL)
		return;
	explicit_bzero(worker->url, strlen(worker->url));
	pfree(worker->url);
	worker->url = NULL;
}

static void worker_connect(Worker *worker)
{
	BrokerOptions options = {
		.connection_name = "campaign worker",
		.heartbeat = settings_amqp_heartbeat,
		.timeout_ms = settings_amqp_timeout,
		.ca_file = settings_amqp_ca_file[0] != '\0' ? settings_amqp_ca_file : NULL,
	};
	const char *problem = NULL;
	BrokerUrl url;
	Error error = {0};

	if (worker->publisher != NULL || GetCurrentTimestamp() < worker->connect_at)
		return;

	worker_forget_url(worker);
	MemoryContextSwitchTo(TopMemoryContext);
	worker->url = settings_read_amqp_url(&problem);
	MemoryContextSwitchTo(worker->turn);
	if (worker->url == NULL)
	{
		worker_lost_broker(worker, problem);
		return;
	}
	if (broker_url_parse(worker->url, &url, &error))
		worker->publisher = publish_open(&url, &options, shutdown_requested, &error);
	broker_url_wipe(&url);
	CHECK_FOR_INTERRUPTS();
	if (worker->publisher == NULL)
		worker_lost_broker(worker, error.text);
	else if (worker->away)
	{
		ereport(LOG, (errmsg("campaign worker: connected to RabbitMQ")));
		worker->away = false;
	}
}

/* Looking at the tables --------------------------------------------------------------------- */

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

static void add_stream(Worker *worker, const OutboxClass *class, TimestampTz now)
{
	OutboxTemplate template = {0};
	Stream *stream = NULL;

	if (outbox_template(class->campaign_id, &template))
		stream = stream_create(class, &template, now);
	explicit_bzero(template.identifier_entropy, sizeof(template.identifier_entropy));
	if (stream == NULL)
	{
		elog(WARNING, "campaign \"%s\" cannot be published: its message is malformed",
			 class->campaign_id);
		return;
	}
	MemoryContextSwitchTo(TopMemoryContext);
	worker->streams = lappend(worker->streams, stream);
	MemoryContextSwitchTo(worker->turn);
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

static void worker_look(Worker *worker)
{
	TimestampTz now = GetCurrentTimestamp();
	bool publishing = false;
	OutboxClass *classes;
	int count;
	ListCell *cell;

	worker->look_at = TimestampTzPlusMilliseconds(now, settings_poll_interval * 1000L);
	if (!outbox_installed())
		return;
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

/* Publishing -------------------------------------------------------------------------------- */

/* Encodes and sends the recipients that were read, from `first` on; returns how many. */
static int send_batch(Worker *worker, Stream *stream, int first, int count)
{
	MessageBody body = {.buffer = worker->body, .capacity = sizeof(worker->body)};
	char identifier[CUID2_LENGTH_DEFAULT + 1];
	PublishBatch batch = {.queue = stream->queue,
						  .campaign_id = stream->campaign_id,
						  .class = stream->class,
						  .first_seq = stream->next,
						  .total = stream->total,
						  .body = &body};
	PublishTicket ticket;
	Error error = {0};
	int added = 0;

	if (!message_begin(&body, stream->campaign_id, stream->class, stream->total, stream->next,
					   stream->escaped_text, stream->escaped_length))
		elog(ERROR, "message of campaign \"%s\" does not fit a batch", stream->campaign_id);
	while (added < count)
	{
		const OutboxPhone *phone = &worker->phones[first + added];

		/* A counter of its own for each recipient, whatever its class. */
		if (!cuid2_series_id(&stream->series,
							 (stream->next + added) * MESSAGE_CLASSES + stream->class, identifier))
			elog(ERROR, "identifier could not be derived");
		if (!message_add(&body, identifier, CUID2_LENGTH_DEFAULT, phone->text, phone->length))
			break;
		added++;
	}
	message_end(&body);

	ticket = (PublishTicket){
		.stream = stream, .epoch = stream->epoch, .last_seq = stream->next + added - 1};
	if (added == 0 || !publish_send(worker->publisher, &batch, ticket, &error))
	{
		worker_lost_broker(worker, added == 0 ? "a recipient does not fit a batch" : error.text);
		return 0;
	}
	stream->in_flight++;
	stream->next += added;
	return added;
}

/* How many recipients of a stream can be sent right now. */
static int sendable(Worker *worker, const Stream *stream)
{
	int64 room = stream_room(stream);
	size_t batch_bytes;
	int64 batches;

	/* No small batches only because the store is a little behind. */
	if (room < settings_batch_size && stream->next + room <= stream->total)
		return 0;
	if (room == 0 || GetCurrentTimestamp() < stream->retry_at)
		return 0;
	batch_bytes = publish_size(WORKER_BATCH_HEAD + stream->escaped_length +
							   WORKER_RECIPIENT * (size_t) Min(room, settings_batch_size));
	batches = publish_room(worker->publisher) / batch_bytes;
	if (batches == 0)
	{
		worker->held_back = true;
		return 0;
	}
	room = Min(room, batches * settings_batch_size);
	return (int) Min(room, lengthof(worker->phones));
}

/* One turn of a stream: at most MESSAGE_BATCH_MAX recipients. True if anything was sent. */
static bool publish_stream(Worker *worker, Stream *stream)
{
	int limit = sendable(worker, stream);
	int count;
	int sent = 0;

	if (limit == 0)
		return false;
	count =
		outbox_read(stream->campaign_id, stream->class, stream->next - 1, limit, worker->phones);
	if (count == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("recipient " INT64_FORMAT " of campaign \"%s\" is missing",
							   stream->next, stream->campaign_id)));
	while (sent < count && worker->publisher != NULL)
		sent += send_batch(worker, stream, sent, Min(count - sent, settings_batch_size));
	return sent > 0;
}

/* The streams take turns until none of them can go on: five numbers do not wait for a million. */
static void worker_publish(Worker *worker)
{
	bool sent = true;
	ListCell *cell;

	worker->held_back = false;
	if (worker->publisher == NULL || publish_blocked(worker->publisher))
		return;
	while (sent)
	{
		sent = false;
		foreach (cell, worker->streams)
		{
			if (worker->publisher != NULL)
				sent |= publish_stream(worker, lfirst(cell));
		}
		MemoryContextReset(worker->turn);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Listening to the broker ------------------------------------------------------------------- */

static void note_settled(Worker *worker, const PublishTicket *ticket, bool confirmed)
{
	Stream *stream = ticket->stream;

	stream->in_flight--;
	worker->backoff_ms = WORKER_BACKOFF_MIN_MS;
	if (ticket->epoch != stream->epoch)
		return;
	if (confirmed)
	{
		stream->confirmed = ticket->last_seq;
		return;
	}
	stream_rewind(stream);
	stream->retry_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), WORKER_NACK_MS);
}

static void worker_listen(Worker *worker)
{
	PublishTicket ticket;
	bool confirmed;
	bool alive;
	Error error = {0};

	if (worker->publisher == NULL)
		return;
	alive = publish_poll(worker->publisher, &error);
	while (publish_settled(worker->publisher, &ticket, &confirmed))
		note_settled(worker, &ticket, confirmed);
	if (!alive)
	{
		worker_lost_broker(worker, error.text);
		return;
	}
	if (worker->blocked != publish_blocked(worker->publisher))
	{
		worker->blocked = publish_blocked(worker->publisher);
		if (worker->blocked)
			ereport(WARNING,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("campaign worker: RabbitMQ accepts nothing: a memory or disk alarm"),
					 errhint("Campaigns wait until the alarm is over.")));
		else
			ereport(LOG, (errmsg("campaign worker: RabbitMQ accepts messages again")));
	}
}

static void worker_mark(Worker *worker, TimestampTz *wake_at)
{
	static TimestampTz marked_at = 0;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz due = TimestampTzPlusMilliseconds(marked_at, WORKER_MARK_MS);
	ListCell *cell;

	foreach (cell, worker->streams)
	{
		Stream *stream = lfirst(cell);

		if (stream->confirmed <= stream->marked)
			continue;
		if (stream->in_flight > 0 && now < due)
		{
			earlier(wake_at, due);
			continue;
		}
		outbox_mark(stream->campaign_id, stream->class, stream->rewinds, stream->confirmed);
		stream->marked = stream->confirmed;
		marked_at = now;
	}
}

/* What the broker forgot -------------------------------------------------------------------- */

static void republish(Stream *stream)
{
	int64 restart = outbox_rewind(stream->campaign_id, stream->class);

	ereport(
		LOG,
		(errmsg("campaign \"%s\": RabbitMQ lost messages that it had confirmed; publishing again "
				"from %s recipient " INT64_FORMAT,
				stream->campaign_id, message_class_name(stream->class), restart + 1)));
	stream->stall_count++;
}

static void worker_check_stalls(Worker *worker, TimestampTz *wake_at)
{
	TimestampTz now = GetCurrentTimestamp();
	bool drained = false;
	bool looked = false;
	Error error = {0};
	ListCell *cell;

	foreach (cell, worker->streams)
	{
		Stream *stream = lfirst(cell);

		if (stream_stalled(stream, now) && !looked)
		{
			worker_look(worker);
			looked = true;
			/* The look may have dropped streams: this list is not the one it was. */
			*wake_at = now;
			break;
		}
	}
	foreach (cell, worker->streams)
	{
		Stream *stream = lfirst(cell);

		if (!stream_stalled(stream, now))
		{
			if (stream->active && stream->confirmed > stream->stored_through)
				earlier(wake_at, Max(stream->stall_at, now));
			continue;
		}
		stream_postpone_stall(stream, now);
		if (worker->publisher == NULL || publish_blocked(worker->publisher))
			continue;
		if (!publish_queue_drained(worker->publisher, stream->queue, &drained, &error))
		{
			worker_lost_broker(worker, error.text);
			return;
		}
		if (drained)
		{
			republish(stream);
			worker->look_at = now;
		}
	}
}

/* The loop ---------------------------------------------------------------------------------- */

static void worker_reload(Worker *worker)
{
	const char *problem = NULL;
	char *url;

	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	url = settings_read_amqp_url(&problem);
	if (worker->url == NULL || url == NULL || strcmp(url, worker->url) != 0)
	{
		worker_disconnect(worker, true);
		worker->connect_at = 0;
		worker->backoff_ms = WORKER_BACKOFF_MIN_MS;
		worker->away = false;
	}
	if (url != NULL)
		explicit_bzero(url, strlen(url));
}

static void worker_sleep(Worker *worker, TimestampTz wake_at)
{
	int events = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
	TimestampTz now = GetCurrentTimestamp();
	pgsocket socket = PGINVALID_SOCKET;
	int occurred;

	earlier(&wake_at, worker->look_at);
	if (worker->publisher == NULL)
		earlier(&wake_at, worker->connect_at);
	else
	{
		socket = publish_socket(worker->publisher);
		events |= WL_SOCKET_READABLE;
		/* Heartbeats run inside the library's calls only. */
		earlier(&wake_at, TimestampTzPlusMilliseconds(now, settings_amqp_heartbeat * 1000L / 3));
	}
	if (worker->held_back)
		earlier(&wake_at, TimestampTzPlusMilliseconds(now, WORKER_HELD_BACK_MS));

	occurred = WaitLatchOrSocket(MyLatch, events, socket,
								 TimestampDifferenceMilliseconds(now, wake_at), PG_WAIT_EXTENSION);
	if (occurred & WL_LATCH_SET)
	{
		ResetLatch(MyLatch);
		worker->look_at = 0;
	}
	CHECK_FOR_INTERRUPTS();
}

static Worker *worker_start(Datum argument)
{
	Worker *worker = MemoryContextAllocZero(TopMemoryContext, sizeof(Worker));

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(MyBgworkerEntry->bgw_extra, WORKER_ROLE, 0);
	outbox_prepare_session();
	wake_register(MyDatabaseId);
	worker->turn =
		AllocSetContextCreate(TopMemoryContext, "campaign worker turn", ALLOCSET_DEFAULT_SIZES);
	worker->backoff_ms = WORKER_BACKOFF_MIN_MS;
	MemoryContextSwitchTo(worker->turn);
	return worker;
}

void campaign_worker_main(Datum argument)
{
	Worker *worker = worker_start(argument);

	for (;;)
	{
		TimestampTz wake_at = DT_NOEND;

		worker_reload(worker);
		if (GetCurrentTimestamp() >= worker->look_at)
			worker_look(worker);
		worker_connect(worker);
		worker_listen(worker);
		worker_publish(worker);
		worker_mark(worker, &wake_at);
		worker_check_stalls(worker, &wake_at);
		MemoryContextReset(worker->turn);
		worker_sleep(worker, wake_at);
	}
}
