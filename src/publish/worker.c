/*
 * worker.c - the loop: look at the tables, listen to the broker, publish, mark
 * what was confirmed, sleep.
 *
 * No transaction is open while the worker waits for the broker, as only link_connect() does,
 * watch.c when it asks about a queue, and dead.c when it subscribes. Whatever is lost with
 * this process is published again from the last mark; storing is idempotent.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "dead.h"
#include "limit.h"
#include "link.h"
#include "live.h"
#include "look.h"
#include "mark.h"
#include "send.h"
#include "session.h"
#include "settings.h"
#include "trouble.h"
#include "wake.h"
#include "watch.h"
#include "worker.h"
#include "worker_state.h"

#define WORKER_HELD_BACK_MS 20 /* look again whether the socket has room */

static void worker_reload(Worker *worker)
{
	const char *problem = NULL;
	char *url;

	if (!session_reload())
		return;
	/* How much may be published depends on settings. */
	streams_note_all(&worker->streams);
	url = settings_read_amqp_url(&problem);
	if (worker->url == NULL || url == NULL || strcmp(url, worker->url) != 0)
	{
		link_disconnect(worker, true);
		worker->connect_at = 0;
		worker->broker_turn = 0;
		worker->backoff_ms = LINK_BACKOFF_MIN_MS;
		worker->away = false;
	}
	if (url != NULL)
		explicit_bzero(url, strlen(url));
}

static void worker_sleep(Worker *worker, int64 wake_at)
{
	int events = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
	int64 now = clock_ms();
	pgsocket socket = PGINVALID_SOCKET;
	bool awaits_change = wake_waiting_for_changes();
	dlist_iter iter;
	int occurred;

	/* What a wait for a lock has taken from the latch is not lost. */
	if (wake_ups() != worker->wake_ups)
		earlier(&worker->look_at, worker->look_after);
	if (ConfigReloadPending)
		wake_at = now;
	earlier(&wake_at, worker->look_at);
	if (worker->publisher == NULL)
		earlier(&wake_at, worker->connect_at);
	else
	{
		socket = publisher_socket(worker->publisher);
		events |= WL_SOCKET_READABLE;
		/* Heartbeats run inside the library's calls only. */
		earlier(&wake_at, now + settings_amqp_heartbeat * 1000L / 3);
	}
	if (worker->more_to_send || worker->sweep.running)
		wake_at = now;
	if (worker->held_back)
		earlier(&wake_at, now + WORKER_HELD_BACK_MS);
	limit_wake(worker, &wake_at);
	dlist_foreach(iter, &worker->streams.ready)
	{
		const Stream *stream = dlist_container(Stream, ready_place, iter.cur);

		if (stream->active && stream->retry_at > now)
			earlier(&wake_at, stream->retry_at);
	}

	occurred =
		WaitLatchOrSocket(MyLatch, events, socket, clock_left_ms(wake_at), PG_WAIT_EXTENSION);
	if (occurred & WL_LATCH_SET)
	{
		ResetLatch(MyLatch);
		/*
		 * Reports come by the hundred; a dispatch after a pause is seen at once. What was only
		 * to be told is no reason to look.
		 */
		if (wake_ups() != worker->wake_ups || ConfigReloadPending || !awaits_change ||
			wake_waiting_for_changes())
			earlier(&worker->look_at, worker->look_after);
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
	worker->backoff_ms = LINK_BACKOFF_MIN_MS;
	streams_init(&worker->streams);
	for (int i = 0; i < MESSAGE_PARTITIONS; i++)
		message_partition_queue(i, worker->queues[i].name);
	strlcpy(worker->queues[MESSAGE_PARTITIONS].name, MESSAGE_QUEUE_PARALLEL,
			sizeof(worker->queues[MESSAGE_PARTITIONS].name));
	live_start(worker);
	MemoryContextSwitchTo(worker->turn);
	return worker;
}

void campaign_worker_main(Datum argument)
{
	Worker *worker = worker_start(argument);

	for (;;)
	{
		int64 wake_at = CLOCK_NEVER;

		MemoryContextSwitchTo(worker->turn);
		worker_reload(worker);
		if (clock_ms() >= worker->look_at || worker->sweep.running)
			look_at_tables(worker);
		link_connect(worker);
		link_listen(worker);
		if (worker->ready)
		{
			send_streams(worker);
			mark_streams(worker, &wake_at);
			watch_streams(worker, &wake_at);
		}
		trouble_write(worker, &wake_at);
		if (worker->ready)
			dead_serve(worker, &wake_at);
		live_tell(worker, &wake_at);
		streams_drop_idle(&worker->streams, clock_ms());
		MemoryContextReset(worker->turn);
		worker_sleep(worker, wake_at);
	}
}
