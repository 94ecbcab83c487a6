/*
 * limit.c - who may publish how much; see limit.h.
 *
 * Must never make up for what was missed: buckets begin empty, with every start of the worker and
 * every campaign that is resumed, and hold little.
 */
#include "postgres.h"

#include "limit.h"
#include "settings.h"

#define LIMIT_COUNT_MS	100	 /* how often it is counted who shares campaign.rate */
#define LIMIT_MEMORY_MS 1000 /* after there was none */

/* How many streams share what may wait for the store. */
static int count_sharing(dlist_head *list)
{
	dlist_iter iter;
	int count = 0;

	dlist_foreach(iter, list)
	{
		const Stream *stream = dlist_container(Stream, place, iter.cur);

		count += stream->active && !stream->blocked && !stream->expired;
	}
	return count;
}

void limit_begin(Worker *worker)
{
	int64 now = clock_ms();

	worker->limited = false;
	bucket_set_rate(&worker->bucket, INT64CONST(1000) * settings_rate, clock_us());
	if (settings_rate == 0 || now < worker->count_sharing_at)
		return;
	worker->sharing =
		count_sharing(&worker->streams.open) + count_sharing(&worker->streams.watched);
	worker->count_sharing_at = now + LIMIT_COUNT_MS;
}

/*
 * What campaign.rate leaves room for: of each stream what is on its way, and a share of the spare.
 */
static int64 common_room(const Worker *worker, const Stream *stream)
{
	double rate = Min(settings_rate, AHEAD_GROWTH * stream->stored_rate);
	double spare = (double) settings_rate / BUCKET_HOLDS_PART / Max(worker->sharing, 1);
	int64 most = ahead_most(&stream->ahead, rate, spare);
	int64 ahead = stream->next - 1 - stream->stored_through;
	int64 room = Max(0, Min(most - ahead, stream->last - stream->next + 1));
	/* No small batches as soon as there is room for one more. */
	int64 fewest = Min(bucket_fewest(&worker->bucket), (most + 1) / 2);

	return room < fewest && stream->next + room <= stream->last ? 0 : room;
}

int64 limit_allows(Worker *worker, Stream *stream)
{
	int64 now_us;
	int64 own;
	int64 all;

	/* Nobody gets anything of what has expired. */
	if (stream->expired || (stream->bucket.thousandths == 0 && worker->bucket.thousandths == 0))
		return INT64_MAX;
	now_us = clock_us();
	own = bucket_tokens(&stream->bucket, now_us);
	stream->limited = own == 0;
	if (own == 0 || worker->bucket.thousandths == 0)
		return own;
	all = common_room(worker, stream);
	if (all == 0)
		return 0;
	all = Min(all, bucket_tokens(&worker->bucket, now_us));
	worker->limited = all == 0;
	if (worker->limited)
		worker->limited_at = clock_ms();
	return Min(own, all);
}

void limit_take(Worker *worker, Stream *stream, int count)
{
	if (stream->expired || (stream->bucket.thousandths == 0 && worker->bucket.thousandths == 0))
		return;
	bucket_take(&stream->bucket, count);
	bucket_take(&worker->bucket, count);
	/* If the connection was lost meanwhile, what was sent is sent again. */
	if (count > 0 && worker->publisher != NULL)
		ahead_published(&stream->ahead, stream->next - 1, clock_us());
}

void limit_replay_again(Worker *worker, int64 *look_at)
{
	int64 now_us = clock_us();
	int64 next_us = replay_pace_next(&worker->dead.pace, now_us);

	if (next_us != INT64_MAX)
		earlier(look_at, clock_ms() + (next_us - now_us) / 1000 + 1);
}

bool limit_allows_replay(Worker *worker, int64 *look_at)
{
	int64 debt_ms;

	if (!replay_pace_reserve(&worker->dead.pace))
	{
		*look_at = clock_ms() + LIMIT_MEMORY_MS;
		return false;
	}
	/* A body of many takes tokens that are still to come: they are waited for before the next. */
	debt_ms = bucket_debt_ms(&worker->bucket, clock_us());
	*look_at = clock_ms() + debt_ms;
	return debt_ms == 0;
}

void limit_replayed(Worker *worker, const DeadRow *row)
{
	OutboxClass class = {0};

	strlcpy(class.campaign_id, row->campaign_id, sizeof(class.campaign_id));
	bucket_take(&worker->bucket, row->recipients);
	replay_pace_note(&worker->dead.pace, row->campaign_id, row->recipients, row->rate_thousandths,
					 clock_us());
	/* A campaign that runs waits for as long. */
	for (int i = 0; i < MESSAGE_CLASSES; i++)
	{
		Stream *stream;

		class.class = (MessageClass) i;
		stream = streams_find(&worker->streams, &class);
		if (stream != NULL)
			bucket_take(&stream->bucket, row->recipients);
	}
}

void limit_wake(Worker *worker, int64 *wake_at)
{
	int64 now = clock_ms();
	dlist_iter iter;

	if (!worker->ready || worker->publisher == NULL || publisher_blocked(worker->publisher))
		return;
	if (worker->limited)
		earlier(wake_at, now + bucket_wait_ms(&worker->bucket));
	dlist_foreach(iter, &worker->streams.ready)
	{
		const Stream *stream = dlist_container(Stream, ready_place, iter.cur);

		if (stream->active && stream->limited)
			earlier(wake_at, now + bucket_wait_ms(&stream->bucket));
	}
}
