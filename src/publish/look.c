/*
 * look.c - what the tables say, taken over into streams: new ones, those that
 * have moved, and those that are over.
 *
 * A look is a sweep over all campaigns that have to be published, page by page.
 * It comes as often as something is heard; one over everything, over the
 * thousands that only wait for the store, too, comes once a second at most. Few
 * campaigns are one page. If there are more, they take slices of several turns,
 * and what is new is looked for beside them.
 *
 * Must never publish or mark: it only brings the streams up to date.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "guard.h"
#include "link.h"
#include "look.h"
#include "session.h"
#include "settings.h"
#include "wake.h"

#define LOOK_MS		  10   /* looks are this far apart, or as far as one takes */
#define LOOK_WATCH_MS 1000 /* looks at everything are this far apart */
#define LOOK_COSTLY	  10   /* but no more than a part in so many of the time */
#define LOOK_HELD_MS  100  /* a campaign that somebody has locked is judged again after so long */
#define LOOK_DUE_MS	  1000 /* what is due by the clock comes again so long after an error */

static void add_stream(Worker *worker, const OutboxClass *class, int64 now)
{
	Stream *stream = stream_create(class, now);

	if (worker->streams.in_queue[stream->queue_number] == 0)
		worker->queues[stream->queue_number].moved_at = now;
	streams_add(&worker->streams, stream);
	/* Somebody waits: do not sit out the backoff of an idle hour. */
	earlier(&worker->connect_at, now + LINK_BACKOFF_MIN_MS);
}

static void update_stream(Worker *worker, Stream *stream, const OutboxClass *class, int64 now)
{
	WorkerQueue *queue = &worker->queues[stream->queue_number];

	if (class->stored_through > stream->stored_through)
	{
		queue->moved_at = now;
		queue->served = true;
	}
	if (stream_update(stream, class, now))
		streams_note(&worker->streams, stream);
}

/* It goes on, or is paused: the next look shows which. */
static void judge_canary(Worker *worker, const OutboxClass *class, int64 now)
{
	bool judged = outbox_canary(class->campaign_id);

	earlier(&worker->look_at, judged ? worker->look_after : now + LOOK_HELD_MS);
}

static void take_over(Worker *worker, const OutboxPage *page)
{
	int64 now = clock_ms();

	for (int i = 0; i < page->count; i++)
	{
		const OutboxClass *class = &page->classes[i];
		Stream *stream = streams_find(&worker->streams, class);

		if (stream == NULL)
		{
			add_stream(worker, class, now);
			stream = streams_find(&worker->streams, class);
		}
		else
			update_stream(worker, stream, class, now);
		stream->seen = worker->sweep.number;
		if (class->canary_is_over)
			judge_canary(worker, class, now);
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

/* Streams that were in no page, a page of them at most; returns how many. */
static int collect_missing(const Sweep *sweep, dlist_head *list, Stream **missing, int count)
{
	dlist_iter iter;

	dlist_foreach(iter, list)
	{
		Stream *stream = dlist_container(Stream, place, iter.cur);

		if (count == OUTBOX_PAGE)
			break;
		if (stream->seen != sweep->number)
			missing[count++] = stream;
	}
	return count;
}

/*
 * What no page showed is over (paused, cancelled, stored, deleted), or has gone from a part that
 * was still to be read into one that had been: it is asked for by its id. False at the end.
 */
static bool drop_missing(Worker *worker)
{
	const Sweep *sweep = &worker->sweep;
	Stream *missing[OUTBOX_PAGE];
	const char *ids[OUTBOX_PAGE] = {NULL};
	OutboxPage page;
	int count = collect_missing(sweep, &worker->streams.open, missing, 0);

	if (sweep->everything)
		count = collect_missing(sweep, &worker->streams.watched, missing, count);
	if (count == 0)
		return false;
	for (int i = 0; i < count; i++)
		ids[i] = missing[i]->campaign_id;
	outbox_find(ids, count, &page);
	take_over(worker, &page);
	for (int i = 0; i < count; i++)
	{
		Stream *stream = missing[i];

		if (stream->seen == sweep->number)
			continue;
		stream->active = false;
		stream->seen = sweep->number;
		if (stream->in_flight == 0)
			streams_remove(&worker->streams, stream);
	}
	return true;
}

/* The next page of the sweep; false at its end. */
static bool sweep_page(Worker *worker)
{
	Sweep *sweep = &worker->sweep;
	OutboxPage page;

	if (sweep->missing)
		return drop_missing(worker);
	outbox_page(sweep->part, sweep->after, sweep->everything, &page);
	take_over(worker, &page);
	if (sweep->part == OUTBOX_OPEN)
		sweep->is_long = page.full || sweep->after[0] != '\0';
	if (page.full)
		strlcpy(sweep->after, page.last, sizeof(sweep->after));
	else
	{
		sweep->missing = sweep->part == OUTBOX_WAITING || !sweep->everything;
		sweep->part = OUTBOX_WAITING;
		sweep->after[0] = '\0';
	}
	return true;
}

static void sweep_start(Worker *worker, int64 now)
{
	Sweep *sweep = &worker->sweep;

	sweep->number++;
	sweep->running = true;
	sweep->everything = now >= worker->watch_after;
	sweep->missing = sweep->again = false;
	sweep->part = OUTBOX_OPEN;
	sweep->after[0] = '\0';
	sweep->started_at = now;
	sweep->spent_ms = 0;
}

static void sweep_end(Worker *worker, int64 now)
{
	Sweep *sweep = &worker->sweep;

	sweep->running = false;
	sweep->next = Max(sweep->started_at + LOOK_MS, now + sweep->spent_ms);
	if (!sweep->is_long)
		worker->look_after = sweep->next;
	if (sweep->everything)
	{
		worker->watched_at = sweep->started_at;
		worker->watch_after =
			Max(sweep->started_at + LOOK_WATCH_MS, now + LOOK_COSTLY * sweep->spent_ms);
	}
	else
		earlier(&worker->look_at, worker->watch_after);
	if (sweep->again)
		earlier(&worker->look_at, sweep->next);
}

/* As many pages as its time of the turn allows, one at least. */
static void sweep_on(Worker *worker)
{
	int64 started = clock_ms();
	int64 now;
	bool more;

	do
	{
		more = sweep_page(worker);
		CHECK_FOR_INTERRUPTS();
		now = clock_ms();
	} while (more && now < started + WORKER_SLICE_MS);
	worker->sweep.spent_ms += now - started;
	if (!more)
		sweep_end(worker, now);
}

/* What has come first, beside a sweep that takes longer. */
static void look_first(Worker *worker)
{
	OutboxPage page;

	outbox_page(worker->sweep.is_long ? OUTBOX_QUEUED : OUTBOX_OPEN, "", false, &page);
	take_over(worker, &page);
}

/* One row in the way is no reason to end: whatever was published would come again. */
static bool ask_due(Worker *worker, void *argument)
{
	worker->due_at = *(int64 *) argument + outbox_due();
	return true;
}

static void look(Worker *worker, int64 now)
{
	Sweep *sweep = &worker->sweep;

	worker->wake_ups = wake_ups();
	worker->look_at = now + settings_poll_interval * INT64CONST(1000);
	worker->look_after = now + LOOK_MS;
	worker->ready = session_ready();
	if (!worker->ready)
	{
		/* Nobody sends: what was left of the last turn would keep the worker from sleeping. */
		sweep->running = worker->more_to_send = worker->held_back = false;
		return;
	}
	/* The wall clock may have been set: what is due is asked with every look at everything. */
	if ((now >= worker->watch_after || now >= worker->due_at) &&
		!guard_action(worker, "what is due by the clock", ask_due, &now))
		worker->due_at = now + LOOK_DUE_MS;
	earlier(&worker->look_at, worker->due_at);
	if (sweep->running || sweep->is_long)
		look_first(worker);
	if (sweep->running)
		sweep->again = true;
	else if (now >= sweep->next)
		sweep_start(worker, now);
	else
		earlier(&worker->look_at, sweep->next);
}

void look_at_tables(Worker *worker)
{
	int64 now = clock_ms();

	if (now >= worker->look_at)
		look(worker, now);
	if (worker->sweep.running)
		sweep_on(worker);
	wake_set_waiting_for_progress(publishing(worker));
}
