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
#include "limit.h"
#include "link.h"
#include "program/sometimes.h"
#include "send.h"
#include "session.h"
#include "settings.h"
#include "suppressed.h"

#define SEND_BATCH_HEAD 256 /* bytes of a body around text and recipients */
#define SEND_RECIPIENT	80	/* bytes of a recipient in a body, at most */

/* Puts recipients into a body until it is full; returns how many. */
static int add_recipients(Worker *worker, Stream *stream, int first, int count, MessageBody *body)
{
	char identifier[CUID2_LENGTH_DEFAULT + 1];
	bool fits = true;
	int added = 0;

	while (added < count)
	{
		const OutboxRecipient *recipient = &worker->recipients[first + added];

		if (recipient->suppressed)
		{
			if (!message_add_suppressed(body))
				break;
			added++;
			continue;
		}
		/* A counter of its own for each recipient, whatever its class. */
		if (!cuid2_series_id(&stream->series,
							 (stream->next + added) * MESSAGE_CLASSES + stream->class, identifier))
			elog(ERROR, "identifier could not be derived");
		if (stream->version == MESSAGE_VERSION)
			fits = message_add(body, identifier, CUID2_LENGTH_DEFAULT, recipient->text,
							   recipient->length);
		else
			fits = message_add_own(body, identifier, CUID2_LENGTH_DEFAULT, recipient->text,
								   recipient->length, &worker->owns[first + added]);
		if (!fits)
			break;
		added++;
	}
	return added;
}

/*
 * What recipients bring has any length: what it will be was a guess, and the socket must have
 * room for what it is. Remembers it for the next guess.
 */
static bool has_room(Worker *worker, Stream *stream, const MessageBody *body)
{
	if (stream->version == MESSAGE_VERSION || body->count == 0)
		return true;
	stream->recipient_bytes = body->length / body->count + 1;
	if (publisher_room(worker->publisher, body->length) > 0)
		return true;
	worker->held_back = true;
	return false;
}

/* Version of the body for these recipients: that of the campaign, unless one of them is left out.
 */
static int body_version(const Worker *worker, const Stream *stream, int first, int count)
{
	for (int i = first; i < first + count; i++)
	{
		if (worker->recipients[i].suppressed)
			return MESSAGE_VERSION_SUPPRESSED;
	}
	return stream->version;
}

/* Returns how many recipients were sent: 0 if none can be now. */
static int send_batch(Worker *worker, Stream *stream, int first, int count)
{
	MessageBody body = {.buffer = worker->body,
						.capacity = sizeof(worker->body),
						.version = body_version(worker, stream, first, count)};
	PublisherBatch batch = {.queue = stream->queue,
							.campaign_id = stream->campaign_id,
							.class = stream->class,
							.first_seq = stream->next,
							.total = stream->total,
							.body = &body};
	ConfirmsTicket ticket;
	Error error = {0};
	int added;

	if (!message_begin(&body, stream->campaign_id, stream->class, stream->total, stream->next,
					   stream->escaped_text, stream->escaped_length))
		elog(ERROR, "message of campaign \"%s\" does not fit a batch", stream->campaign_id);
	added = add_recipients(worker, stream, first, count, &body);
	message_end(&body);
	if (!has_room(worker, stream, &body))
		return 0;

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
	size_t head = SEND_BATCH_HEAD + stream->escaped_length;
	size_t each = Max(SEND_RECIPIENT, stream->recipient_bytes);
	int64 in_body = Max(1, Min(settings_batch_size, (int64) ((MESSAGE_BODY_MAX - head) / each)));
	int64 room = stream_room(stream);
	int64 batches;

	batches = (int64) publisher_room(worker->publisher, head + each * Min(room, in_body));
	if (batches == 0)
	{
		SOMETIMES("worker.held_back");
		worker->held_back = true;
		return 0;
	}
	room = Min(room, batches * in_body);
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

/* Behind the deadline nobody is sent to, so that nobody has to be read. */
static int leave_all_out(Worker *worker, int limit)
{
	SOMETIMES("worker.expired");
	for (int i = 0; i < limit; i++)
	{
		worker->recipients[i].suppressed = true;
		worker->owns[i] = (MessageOwn){.text = NULL};
	}
	return limit;
}

/* The next recipients, and who of them has opted out by now: in one transaction. */
static int read_recipients(Worker *worker, const Stream *stream, int limit)
{
	MemoryContext memory = CurrentMemoryContext;
	int count;

	if (stream->expired)
		return leave_all_out(worker, limit);
	session_begin();
	if (stream->version == MESSAGE_VERSION)
		count = outbox_read(stream->campaign_id, stream->class, stream->next - 1, limit,
							worker->recipients);
	else
		count = outbox_read_own(stream->campaign_id, stream->class, stream->next - 1, limit,
								stream->outcome, stream->placeholders, memory, worker->recipients,
								worker->owns);
	suppressed_look(stream->campaign_id, stream->class, stream->next, worker->recipients, count);
	session_finish();
	return count;
}

/* Many streams may have their turn before the memory of it is given back. */
static void forget_owns(Worker *worker, const Stream *stream, int count)
{
	if (stream->version == MESSAGE_VERSION)
		return;
	for (int i = 0; i < count; i++)
	{
		if (worker->owns[i].text != NULL)
			pfree((void *) (uintptr_t) worker->owns[i].text);
		if (worker->owns[i].attributes != NULL)
			pfree((void *) (uintptr_t) worker->owns[i].attributes);
	}
}

/* One turn of a stream: at most MESSAGE_BATCH_MAX recipients. True if anything was sent. */
static bool publish_stream(Worker *worker, Stream *stream)
{
	int64 allowed;
	int limit;
	int count;
	int sent = 0;

	stream->limited = false;
	if (stream_room(stream) == 0 || clock_ms() < stream->retry_at)
		return false;
	allowed = limit_allows(worker, stream);
	if (allowed == 0)
		return false;
	if (stream->escaped_text == NULL)
		prepare(stream);
	limit = (int) Min(allowed, sendable(worker, stream));
	if (limit == 0)
		return false;
	count = read_recipients(worker, stream, limit);
	/* A restore that is not finished, or damage. */
	if (count == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("%s recipient " INT64_FORMAT " is missing",
							   message_class_name(stream->class), stream->next)));
	/* More batches than were counted on, when a body is full before it has all its recipients. */
	while (sent < count && worker->publisher != NULL && !worker->held_back &&
		   !publisher_full(worker->publisher))
		sent += send_batch(worker, stream, sent, Min(count - sent, settings_batch_size));
	forget_owns(worker, stream, count);
	limit_take(worker, stream, sent);
	return sent > 0;
}

/*
 * The next stream; it comes to the end of the row, unless it could not send for lack of room, or
 * because all have had what they may have together.
 */
static bool publish_next(Worker *worker)
{
	dlist_head *ready = &worker->streams.ready;
	Stream *stream = dlist_head_element(Stream, ready_place, ready);
	bool sent = guard_stream(worker, stream, publish_stream);

	if (!worker->held_back && !worker->limited)
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
	limit_begin(worker);
	if (worker->publisher == NULL || publisher_blocked(worker->publisher))
		return;
	while (sent && !worker->more_to_send)
	{
		int count = count_ready(worker);

		sent = false;
		for (int i = 0;
			 i < count && worker->publisher != NULL && !worker->held_back && !worker->limited; i++)
		{
			sent |= publish_next(worker);
			CHECK_FOR_INTERRUPTS();
			if (clock_ms() >= until)
			{
				worker->more_to_send = true;
				break;
			}
		}
		if (worker->held_back || worker->limited || worker->publisher == NULL)
			break;
		MemoryContextReset(worker->turn);
	}
}
