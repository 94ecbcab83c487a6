/*
 * stream.c - how far a class of a campaign may be published ahead of what is
 * stored, and when the broker is suspected of having lost something.
 *
 * Must never look at the tables or the broker: look.c and link.c bring both.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "program/clock.h"

#include "program/sometimes.h"
#include "settings.h"
#include "stream.h"

#define STREAM_RATE_WEIGHT	 0.3 /* of the newest sample */
#define STREAM_SAMPLE_MIN_US 1000
#define STREAM_AHEAD_MAX	 500000 /* recipients, however fast the store is */

Stream *stream_create(const OutboxClass *class, int64 now)
{
	MemoryContext context =
		AllocSetContextCreate(TopMemoryContext, "campaign stream", ALLOCSET_SMALL_SIZES);
	Stream *stream = MemoryContextAllocZero(context, sizeof(Stream));

	stream->context = context;
	strlcpy(stream->campaign_id, class->campaign_id, sizeof(stream->campaign_id));
	stream->class = class->class;
	stream->queue_number =
		class->ordered ? message_partition(class->campaign_id) : MESSAGE_PARTITIONS;
	message_queue_name(class->campaign_id, class->ordered, stream->queue);
	stream->total = class->total;
	stream->expired = class->expired;
	stream->rewinds = class->rewinds;
	stream->stored_through = class->stored_through;
	stream->confirmed = stream->marked = class->published;
	stream->next = class->published + 1;
	stream->is_open = true;
	stream->moved_at_us = clock_us();
	stream_postpone_stall(stream, now);
	(void) stream_update(stream, class, now);
	return stream;
}

bool stream_prepare(Stream *stream, const OutboxTemplate *template)
{
	size_t text_length = strlen(template->message);
	size_t capacity = 6 * text_length + 3; /* \u00XX for each byte, quotes, NUL */
	char *escaped_text;

	stream_forget(stream);
	stream->prepared =
		AllocSetContextCreate(stream->context, "campaign template", ALLOCSET_SMALL_SIZES);
	/* Without it braces would be sent: before anything says that the stream is prepared. */
	if (template->placeholders)
		stream->placeholders = filling_open(stream->prepared, template->message);
	if (template->placeholders && template->version != MESSAGE_VERSION_OWN)
		return false;
	escaped_text = palloc(capacity); /* until the turn ends */
	stream->escaped_length = message_escape(template->message, text_length, escaped_text, capacity);
	if (stream->escaped_length == 0 ||
		!cuid2_series_init(&stream->series, template->identifier_time, template->identifier_entropy,
						   template->identifier_fingerprint))
		return false;
	stream->version = template->version;
	stream->outcome = MemoryContextStrdup(stream->prepared, template->outcome);
	stream->escaped_text = memcpy(MemoryContextAlloc(stream->prepared, stream->escaped_length),
								  escaped_text, stream->escaped_length);
	return true;
}

void stream_forget(Stream *stream)
{
	if (stream->prepared != NULL)
		MemoryContextDelete(stream->prepared);
	stream->prepared = NULL;
	stream->escaped_text = NULL;
	stream->placeholders = NULL;
}

void stream_free(Stream *stream)
{
	cuid2_series_wipe(&stream->series);
	MemoryContextDelete(stream->context);
}

static bool note_stored(Stream *stream, int64 stored_through, int64 now)
{
	int64 stored = stored_through - stream->stored_through;
	int64 now_us;
	int64 elapsed_us;

	stream->stored_through = stored_through;
	if (stored <= 0)
		return stored < 0;
	now_us = clock_us();
	elapsed_us = now_us - stream->moved_at_us;
	if (elapsed_us >= STREAM_SAMPLE_MIN_US)
	{
		double rate = stored * 1e6 / elapsed_us;

		stream->stored_rate =
			stream->stored_rate == 0
				? rate
				: (1 - STREAM_RATE_WEIGHT) * stream->stored_rate + STREAM_RATE_WEIGHT * rate;
	}
	stream->moved_at_us = now_us;
	ahead_stored(&stream->ahead, stored_through, now_us);
	stall_end(&stream->stall, settings_stall_timeout, now);
	return true;
}

bool stream_update(Stream *stream, const OutboxClass *class, int64 now)
{
	bool changed = !stream->active || stream->blocked != class->blocked ||
				   stream->last != class->last ||
				   stream->bucket.thousandths != class->rate_thousandths;

	/* What came while another class was published is gone. */
	if (stream->blocked && !class->blocked)
		bucket_empty(&stream->bucket, clock_us());
	stream->active = true;
	stream->blocked = class->blocked;
	stream->last = class->last;
	bucket_set_rate(&stream->bucket, class->rate_thousandths, clock_us());
	if (stream->rewinds != class->rewinds)
	{
		/* The consumer reported a gap, or a stall was found: the table says where to go on. */
		SOMETIMES_IF(class->stored_through < stream->stored_through,
					 "worker.rewound_what_was_stored");
		SOMETIMES_IF(class->published < stream->confirmed, "worker.rewound_what_was_confirmed");
		stream->rewinds = class->rewinds;
		stream->expired = class->expired;
		stream->marked = stream->confirmed = class->published;
		stream->stored_through = class->stored_through;
		stream_rewind(stream);
		stream_postpone_stall(stream, now);
		changed = true;
	}
	return note_stored(stream, class->stored_through, now) || changed;
}

void stream_rewind(Stream *stream)
{
	stream->epoch++;
	stream->next = stream->confirmed + 1;
	ahead_forget(&stream->ahead);
}

static int64 allowed_ahead(const Stream *stream)
{
	double limit = stream->bucket.thousandths / 1000.0;
	double measured = AHEAD_GROWTH * stream->stored_rate;
	int64 allowed = (int64) (stream->stored_rate * settings_publish_ahead / 1000);

	/* Two batches at least, so that a first rate can be measured. */
	allowed = Min(Max(allowed, 2 * settings_batch_size), STREAM_AHEAD_MAX);
	if (limit == 0)
		return allowed;
	allowed = Max(allowed, ahead_at_first(&stream->ahead, limit / BUCKET_HOLDS_PART));
	/* No more than the limit takes, because it comes in one go when a store is back. */
	allowed = Max(allowed, ahead_most(&stream->ahead, measured, measured / BUCKET_HOLDS_PART));
	return Min(allowed, ahead_most(&stream->ahead, limit, limit / BUCKET_HOLDS_PART));
}

int64 stream_room(const Stream *stream)
{
	int64 ahead = stream->next - 1 - stream->stored_through;
	int64 fewest = settings_batch_size;
	int64 room;

	if (stream->blocked || !stream->active)
		return 0;
	if (stream->bucket.thousandths > 0)
		fewest = Min(fewest, bucket_fewest(&stream->bucket));
	room = Max(0, Min(allowed_ahead(stream) - ahead, stream->last - stream->next + 1));
	return room < fewest && stream->next + room <= stream->last ? 0 : room;
}

bool stream_open(const Stream *stream)
{
	return stream->marked < stream->total || stream->next <= stream->total;
}

bool stream_busy(const Stream *stream, int64 now)
{
	return stream->confirmed > stream->marked || stream->retry_at > now || stream_room(stream) > 0;
}

bool stream_awaits_store(const Stream *stream)
{
	return stream->active && stream->confirmed > stream->stored_through &&
		   stream->next == stream->confirmed + 1;
}

bool stream_stalled(const Stream *stream, int64 then)
{
	return stream_awaits_store(stream) && then >= stream->stall.suspect_at;
}

void stream_postpone_stall(Stream *stream, int64 now)
{
	stall_postpone(&stream->stall, settings_stall_timeout, now);
}
