/*
 * send.c - from rows to the broker: which stream may send how much, and its
 * batches.
 *
 * The streams take turns, so that five numbers do not wait for a million.
 * Nothing here waits: what does not fit the socket's buffer is sent at a later
 * turn.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "guard.h"
#include "link.h"
#include "send.h"
#include "settings.h"

#define SEND_BATCH_HEAD 256 /* bytes of a body around text and recipients */
#define SEND_RECIPIENT	80	/* bytes of a recipient in a body, at most */

static int send_batch(Worker *worker, Stream *stream, int first, int count)
{
	MessageBody body = {.buffer = worker->body, .capacity = sizeof(worker->body)};
	char identifier[CUID2_LENGTH_DEFAULT + 1];
	PublisherBatch batch = {.queue = stream->queue,
							.campaign_id = stream->campaign_id,
							.class = stream->class,
							.first_seq = stream->next,
							.total = stream->total,
							.body = &body};
	ConfirmsTicket ticket;
	Error error = {0};
	int added = 0;

	if (!message_begin(&body, stream->campaign_id, stream->class, stream->total, stream->next,
					   stream->escaped_text, stream->escaped_length))
		elog(ERROR, "message of campaign \"%s\" does not fit a batch", stream->campaign_id);
	while (added < count)
	{
		const OutboxRecipient *recipient = &worker->recipients[first + added];

		/* A counter of its own for each recipient, whatever its class. */
		if (!cuid2_series_id(&stream->series,
							 (stream->next + added) * MESSAGE_CLASSES + stream->class, identifier))
			elog(ERROR, "identifier could not be derived");
		if (!message_add(&body, identifier, CUID2_LENGTH_DEFAULT, recipient->text,
						 recipient->length))
			break;
		added++;
	}
	message_end(&body);

	ticket = (ConfirmsTicket){
		.stream = stream, .epoch = stream->epoch, .last_seq = stream->next + added - 1};
	if (added == 0 || !publisher_send(worker->publisher, &batch, ticket, &error))
	{
		if (added == 0)
			error_set(&error, ERROR_CONFIG, "a recipient does not fit a batch");
		link_lost(worker, &error);
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
	size_t length;
	int64 batches;

	length = SEND_BATCH_HEAD + stream->escaped_length +
			 SEND_RECIPIENT * (size_t) Min(room, settings_batch_size);
	batches = (int64) publisher_room(worker->publisher, length);
	if (batches == 0)
	{
		worker->held_back = true;
		return 0;
	}
	room = Min(room, batches * settings_batch_size);
	return (int) Min(room, lengthof(worker->recipients));
}

/* Loads what all batches of the campaign share. */
static void prepare(Stream *stream)
{
	OutboxTemplate template = {0};
	bool prepared = outbox_template(stream->campaign_id, stream->class, &template) &&
					stream_prepare(stream, &template);

	explicit_bzero(&template, sizeof(template));
	if (!prepared)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("its message makes no sense")));
}

/* One turn of a stream: at most MESSAGE_BATCH_MAX recipients. True if anything was sent. */
static bool publish_stream(Worker *worker, Stream *stream)
{
	int limit;
	int count;
	int sent = 0;

	if (stream_room(stream) == 0 || clock_ms() < stream->retry_at)
		return false;
	if (stream->escaped_text == NULL)
		prepare(stream);
	limit = sendable(worker, stream);
	if (limit == 0)
		return false;
	count = outbox_read(stream->campaign_id, stream->class, stream->next - 1, limit,
						worker->recipients);
	/* A restore that is not finished, or damage. */
	if (count == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("%s recipient " INT64_FORMAT " is missing",
							   message_class_name(stream->class), stream->next)));
	/* More batches than were counted on, when a body is full before it has all its recipients. */
	while (sent < count && worker->publisher != NULL && !publisher_full(worker->publisher))
		sent += send_batch(worker, stream, sent, Min(count - sent, settings_batch_size));
	return sent > 0;
}

/* The next stream; it comes to the end of the row, unless it could not send for lack of room. */
static bool publish_next(Worker *worker)
{
	dlist_head *ready = &worker->streams.ready;
	Stream *stream = dlist_head_element(Stream, ready_place, ready);
	bool sent = guard_stream(worker, stream, publish_stream);

	if (!worker->held_back)
	{
		dlist_delete(&stream->ready_place);
		dlist_push_tail(ready, &stream->ready_place);
	}
	return sent;
}

static int count_ready(Worker *worker)
{
	dlist_iter iter;
	int count = 0;

	dlist_foreach(iter, &worker->streams.ready)
	{
		count++;
	}
	return count;
}

/*
 * The streams take turns until none of them can go on, the broker cannot, or others want to be
 * served: five numbers do not wait for a million, nor the second million for the first.
 */
void send_streams(Worker *worker)
{
	int64 until = clock_ms() + WORKER_SLICE_MS;
	bool sent = true;

	worker->held_back = false;
	worker->more_to_send = false;
	if (worker->publisher == NULL || publisher_blocked(worker->publisher))
		return;
	while (sent && !worker->more_to_send)
	{
		int count = count_ready(worker);

		sent = false;
		for (int i = 0; i < count && worker->publisher != NULL && !worker->held_back; i++)
		{
			sent |= publish_next(worker);
			CHECK_FOR_INTERRUPTS();
			if (clock_ms() >= until)
			{
				worker->more_to_send = true;
				break;
			}
		}
		if (worker->held_back || worker->publisher == NULL)
			break;
		MemoryContextReset(worker->turn);
	}
}
