/*
 * worker.c - the loop: look at the tables, listen to the broker, publish, mark
 * what was confirmed, sleep.
 *
 * No transaction is open outside outbox.c, and nothing but worker_connect()
 * waits for the broker. Whatever is lost with this process is published again
 * from the last mark; the store knows what it has.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "session.h"
#include "settings.h"
#include "stream.h"
#include "wake.h"
#include "worker.h"

#define WORKER_LOOK_MS		10	 /* looks at the tables are this far apart */
#define WORKER_FINISH_MS	1000 /* so are searches for campaigns that nobody could finish */
#define WORKER_MARK_MS		50	 /* marks of a stream that goes on are this far apart */
#define WORKER_HELD_BACK_MS 20	 /* look again whether the socket has room */

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
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	worker->streams = lappend(worker->streams, stream_create(class, now));
	/* Somebody waits: do not sit out the backoff of an idle hour. */
	earlier(&worker->connect_at, TimestampTzPlusMilliseconds(now, WORKER_BACKOFF_MIN_MS));
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

void worker_look(Worker *worker)
{
	TimestampTz now = GetCurrentTimestamp();
	bool publishing = false;
	OutboxClass *classes;
	int count;
	ListCell *cell;

	worker->looked_at = now;
	worker->look_at = TimestampTzPlusMilliseconds(now, settings_poll_interval * 1000L);
	if (!session_installed())
		return;
	if (now >= worker->finish_at)
	{
		outbox_finish();
		worker->finish_at = TimestampTzPlusMilliseconds(now, WORKER_FINISH_MS);
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

static bool mark_stream(Worker *worker, Stream *stream)
{
	return outbox_mark(stream->campaign_id, stream->class, stream->rewinds, stream->confirmed);
}

static void worker_mark(Worker *worker, TimestampTz *wake_at)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz due = TimestampTzPlusMilliseconds(worker->marked_at, WORKER_MARK_MS);
	TimestampTz again = TimestampTzPlusMilliseconds(now, WORKER_MARK_MS);
	ListCell *cell;

	foreach (cell, worker->streams)
	{
		Stream *stream = lfirst(cell);

		if (stream->confirmed <= stream->marked || now < stream->retry_at)
			continue;
		if (stream->in_flight > 0 && now < due)
		{
			earlier(wake_at, due);
			continue;
		}
		if (worker_guard(worker, stream, mark_stream))
			stream->marked = stream->confirmed;
		else
			earlier(wake_at, again);
		worker->marked_at = now;
	}
}

static void worker_reload(Worker *worker)
{
	const char *problem = NULL;
	char *url;

	if (!session_reload())
		return;
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
	ListCell *cell;
	int occurred;

	earlier(&wake_at, worker->look_at);
	if (worker->publisher == NULL)
		earlier(&wake_at, worker->connect_at);
	else
	{
		socket = publisher_socket(worker->publisher);
		events |= WL_SOCKET_READABLE;
		/* Heartbeats run inside the library's calls only. */
		earlier(&wake_at, TimestampTzPlusMilliseconds(now, settings_amqp_heartbeat * 1000L / 3));
	}
	if (worker->held_back)
		earlier(&wake_at, TimestampTzPlusMilliseconds(now, WORKER_HELD_BACK_MS));
	foreach (cell, worker->streams)
	{
		Stream *stream = lfirst(cell);

		if (stream->active && stream->retry_at > now)
			earlier(&wake_at, stream->retry_at);
	}

	occurred = WaitLatchOrSocket(MyLatch, events, socket,
								 TimestampDifferenceMilliseconds(now, wake_at), PG_WAIT_EXTENSION);
	if (occurred & WL_LATCH_SET)
	{
		ResetLatch(MyLatch);
		/* Reports come by the hundred; a dispatch after a pause is seen at once. */
		earlier(&worker->look_at, TimestampTzPlusMilliseconds(worker->looked_at, WORKER_LOOK_MS));
	}
	CHECK_FOR_INTERRUPTS();
}

static Worker *worker_start(Datum argument)
{
	Worker *worker = MemoryContextAllocZero(TopMemoryContext, sizeof(Worker));

	session_start();
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

		MemoryContextSwitchTo(worker->turn);
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
