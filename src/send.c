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

#include "settings.h"
#include "stream.h"
#include "worker.h"

#define SEND_BATCH_HEAD 256	  /* bytes of a body around text and recipients */
#define SEND_RECIPIENT	80	  /* bytes of a recipient in a body, at most */
#define SEND_MISSING_MS 10000 /* before rows that should be there are looked for again */

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
	batch_bytes = publish_size(SEND_BATCH_HEAD + stream->escaped_length +
							   SEND_RECIPIENT * (size_t) Min(room, settings_batch_size));
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
	{
		/* A restore that is not finished, or damage: the other campaigns go on. */
		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("campaign \"%s\" waits: its %s recipient " INT64_FORMAT " is missing",
						stream->campaign_id, message_class_name(stream->class), stream->next)));
		stream->retry_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), SEND_MISSING_MS);
	}
	while (sent < count && worker->publisher != NULL)
		sent += send_batch(worker, stream, sent, Min(count - sent, settings_batch_size));
	return sent > 0;
}

/* The streams take turns until none of them can go on: five numbers do not wait for a million. */
void worker_publish(Worker *worker)
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
