/*
 * letters.c - the channel of the dead letters; see letters.h.
 *
 * One letter is on its way at a time, so that one that waits for PostgreSQL takes
 * no memory but its own. Whatever else happens on the channel ends the channel
 * only: publishing goes on. Must never acknowledge what was not handed out.
 */
#include "letters.h"

#include <stdio.h>
#include <string.h>

#include "program/sometimes.h"

static void copy(char *out, size_t size, amqp_bytes_t bytes)
{
	size_t length = bytes.len < size - 1 ? bytes.len : size - 1;

	memcpy(out, bytes.bytes, length);
	out[length] = '\0';
}

/* The broker has closed the channel, and waits for the answer. */
static LettersStatus channel_refused(const Letters *letters, const amqp_rpc_reply_t *reply,
									 Error *error)
{
	const amqp_channel_close_t *close = reply->reply.decoded;

	if (!rpc_channel_closed(letters->rpc, LETTERS_CHANNEL, reply))
		return LETTERS_LOST;
	if (close->reply_code != AMQP_NOT_FOUND)
		return LETTERS_REFUSED;
	return broker_declare(letters->connection, letters->rpc->interrupted, NULL, error)
			   ? LETTERS_GONE
			   : LETTERS_LOST;
}

LettersStatus letters_subscribe(Letters *letters, Error *error)
{
	static const char CONSUME[] = "cannot consume " MESSAGE_DEAD;
	amqp_channel_open_t open = {0};
	amqp_basic_qos_t qos = {.prefetch_count = 1};
	amqp_basic_consume_t consume = {.queue = amqp_cstring_bytes(MESSAGE_DEAD)};
	const RpcRequest requests[] = {
		{"cannot open a channel of RabbitMQ", LETTERS_CHANNEL, AMQP_CHANNEL_OPEN_METHOD, &open},
		{CONSUME, LETTERS_CHANNEL, AMQP_BASIC_QOS_METHOD, &qos},
		{CONSUME, LETTERS_CHANNEL, AMQP_BASIC_CONSUME_METHOD, &consume},
	};
	amqp_rpc_reply_t reply;

	letters->expected = LETTERS_METHOD;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
	{
		if (!rpc_call(letters->rpc, &requests[i], &reply, error))
			return channel_refused(letters, &reply, error);
	}
	letters->subscribed = true;
	return LETTERS_SUBSCRIBED;
}

static bool send_method(const Letters *letters, amqp_method_number_t id, void *method, Error *error)
{
	int status = amqp_send_method(letters->connection, LETTERS_CHANNEL, id, method);

	if (status == AMQP_STATUS_OK)
		return true;
	return error_set(error, ERROR_UNREACHABLE, "dead letters: %s", amqp_error_string2(status));
}

/* The library's own call waits for the answer, deaf to a shutdown: under an alarm for its timeout,
 * after which the connection is lost with all that is not confirmed. */
bool letters_unsubscribe(Letters *letters, Error *error)
{
	amqp_channel_close_t close = {.reply_code = AMQP_REPLY_SUCCESS};

	if (!letters->subscribed)
		return true;
	letters->subscribed = false;
	letters->closing = true;
	return send_method(letters, AMQP_CHANNEL_CLOSE_METHOD, &close, error);
}

/* The channel is over, and a new one is to be opened. */
static bool channel_over(Letters *letters, Error *error)
{
	amqp_channel_close_ok_t close_ok = {0};

	letters->subscribed = false;
	return send_method(letters, AMQP_CHANNEL_CLOSE_OK_METHOD, &close_ok, error);
}

/* What was under way goes back to the queue. The broker may close the channel at the same time:
 * then it answers all the same. */
static bool take_answer(Letters *letters, const amqp_frame_t *frame, Error *error)
{
	if (frame->frame_type != AMQP_FRAME_METHOD)
		return true;
	if (frame->payload.method.id == AMQP_CHANNEL_CLOSE_OK_METHOD)
		letters->closing = false;
	return frame->payload.method.id != AMQP_CHANNEL_CLOSE_METHOD || channel_over(letters, error);
}

static bool take_method(Letters *letters, const amqp_method_t *method, Error *error)
{
	if (method->id == AMQP_BASIC_DELIVER_METHOD && letters->expected == LETTERS_METHOD)
	{
		const amqp_basic_deliver_t *deliver = method->decoded;

		letters->letter.tag = deliver->delivery_tag;
		letters->letter.redelivered = deliver->redelivered;
		copy(letters->exchange, sizeof(letters->exchange), deliver->exchange);
		copy(letters->routing_key, sizeof(letters->routing_key), deliver->routing_key);
		letters->expected = LETTERS_HEADER;
		return true;
	}
	/* The queue was deleted. */
	if (method->id == AMQP_BASIC_CANCEL_METHOD)
	{
		SOMETIMES("worker.letters_gone");
		return letters_unsubscribe(letters, error);
	}
	return method->id != AMQP_CHANNEL_CLOSE_METHOD || channel_over(letters, error);
}

/* The decoded properties are gone with the next frame. */
static void take_header(Letters *letters, const amqp_frame_t *frame)
{
	Letter *letter = &letters->letter;

	letter->claimed = frame->payload.properties.body_size;
	letter->length = 0;
	letters->arrived = 0;
	envelope_json(letter->envelope, letters->exchange, letters->routing_key,
				  frame->payload.properties.decoded);
	letters->expected = letter->claimed == 0 ? LETTERS_NOTHING : LETTERS_BODY;
}

static void take_body(Letters *letters, amqp_bytes_t fragment)
{
	Letter *letter = &letters->letter;
	size_t room = sizeof(letter->body) - letter->length;
	size_t kept = fragment.len < room ? fragment.len : room;

	memcpy(letter->body + letter->length, fragment.bytes, kept);
	letter->length += kept;
	letters->arrived += fragment.len;
	if (letters->arrived >= letter->claimed)
		letters->expected = LETTERS_NOTHING;
}

bool letters_frame(Letters *letters, const amqp_frame_t *frame, Error *error)
{
	if (letters->closing)
		return take_answer(letters, frame, error);
	if (!letters->subscribed)
		return true;
	if (frame->frame_type == AMQP_FRAME_METHOD)
		return take_method(letters, &frame->payload.method, error);
	if (frame->frame_type == AMQP_FRAME_HEADER && letters->expected == LETTERS_HEADER)
		take_header(letters, frame);
	else if (frame->frame_type == AMQP_FRAME_BODY && letters->expected == LETTERS_BODY)
		take_body(letters, frame->payload.body_fragment);
	else
		return letters_unsubscribe(letters, error);
	return true;
}

const Letter *letters_whole(const Letters *letters)
{
	return letters->subscribed && letters->expected == LETTERS_NOTHING ? &letters->letter : NULL;
}

bool letters_ack(Letters *letters, Error *error)
{
	amqp_basic_ack_t ack = {.delivery_tag = letters->letter.tag};

	letters->expected = LETTERS_METHOD;
	return send_method(letters, AMQP_BASIC_ACK_METHOD, &ack, error);
}
