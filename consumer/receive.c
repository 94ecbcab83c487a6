/*
 * receive.c - the lane's AMQP connection; see receive.h.
 *
 * Must never hand out a delivery twice on one connection, nor reject one back
 * to the queue: a quorum queue would reorder it.
 */
#include "receive.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "program/stop.h"
#include "receive_state.h"

/*
 * A queue that was deleted is not declared at once: RabbitMQ announces the deletion before it has
 * finished it, and a queue declared in between is still the old one and goes with it.
 */
#define GONE_WAIT_MS 1000

Receive *receive_new(const Config *config, const BrokerUrl *url, const char *queue)
{
	Receive *receive = calloc(1, sizeof(*receive));

	if (receive == NULL)
		return NULL;
	receive->config = config;
	receive->url = url;
	receive->queue = queue;
	receive->single = strcmp(queue, MESSAGE_QUEUE_PARALLEL) != 0;
	return receive;
}

void receive_drop(Receive *receive)
{
	broker_close(receive->connection, false);
	receive->connection = NULL;
}

void receive_give_up(Receive *receive)
{
	receive_drop(receive);
	receive->turn++;
}

static bool is_close_ok(const amqp_frame_t *frame)
{
	return frame->frame_type == AMQP_FRAME_METHOD &&
		   frame->payload.method.id == AMQP_CONNECTION_CLOSE_OK_METHOD;
}

/*
 * The library's own goodbye keeps every delivery that stands in front of the broker's answer: with
 * large bodies on their way, hundreds of megabytes. Here each is let go as it comes.
 */
static void say_goodbye(Receive *receive)
{
	amqp_connection_close_t farewell = {.reply_code = AMQP_REPLY_SUCCESS,
										.reply_text = amqp_cstring_bytes("goodbye")};
	int64_t deadline_ms = clock_ms() + receive->config->timeout_s * INT64_C(1000);
	struct timeval slice = {0, 100000};
	int result = amqp_send_method(receive->connection, 0, AMQP_CONNECTION_CLOSE_METHOD, &farewell);

	while (result == AMQP_STATUS_OK || result == AMQP_STATUS_TIMEOUT)
	{
		amqp_frame_t frame;

		if (clock_ms() >= deadline_ms)
			return;
		amqp_maybe_release_buffers(receive->connection);
		result = amqp_simple_wait_frame_noblock(receive->connection, &frame, &slice);
		if (result == AMQP_STATUS_OK && is_close_ok(&frame))
			return;
	}
}

void receive_close(Receive *receive)
{
	if (receive->connection != NULL)
		say_goodbye(receive);
	receive_drop(receive);
}

void receive_free(Receive *receive)
{
	if (receive == NULL)
		return;
	receive_drop(receive);
	free(receive);
}

bool receive_is_open(const Receive *receive)
{
	return receive->connection != NULL;
}

/* One line for all lanes and queues: the remedy is the same. */
static void warn_of_limit(const char *without)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	if (*without != '\0' && !atomic_flag_test_and_set(&said))
		log_line(LOG_WARNING,
				 "RabbitMQ gives up messages that it has delivered too often: delete the queue "
				 "while it is empty, or set a policy (docs/contract)",
				 {"queue", without, 0});
}

bool receive_open(Receive *receive, Error *error)
{
	char name[MESSAGE_QUEUE_NAME_MAX + 32];
	char without[MESSAGE_QUEUE_NAME_MAX];
	BrokerOptions options = {.connection_name = name,
							 .interrupted = stop_requested,
							 .heartbeat = receive->config->heartbeat_s,
							 .timeout_ms = receive->config->timeout_s * 1000};

	receive_drop(receive);
	if (receive->gone && !stop_wait(GONE_WAIT_MS))
		return error_set(error, ERROR_UNREACHABLE, "%s: stopped", receive->queue);
	receive->gone = false;
	snprintf(name, sizeof(name), "campaign-consumer %s", receive->queue);
	if (*receive->config->ca_file != '\0')
		options.ca_file = receive->config->ca_file;
	receive->expected = EXPECT_METHOD;
	options.turn = receive->turn;
	receive->connection = broker_open(receive->url, &options, error);
	if (receive->connection != NULL &&
		broker_declare(receive->connection, stop_requested, without, error))
	{
		warn_of_limit(without);
		return true;
	}
	receive_give_up(receive);
	return false;
}

static ReceiveStatus lost(Receive *receive, Error *error, const char *text)
{
	error_set(error, ERROR_UNREACHABLE, "%s: %s", receive->queue, text);
	receive_give_up(receive);
	return RECEIVE_LOST;
}

static const char *close_text(const amqp_bytes_t text, char *out, size_t size)
{
	snprintf(out, size, "the broker closed: %.*s", (int) (text.len < 300 ? text.len : 300),
			 (const char *) text.bytes);
	return out;
}

void receive_look(Receive *receive)
{
	amqp_queue_declare_t question = {.queue = amqp_cstring_bytes(receive->queue), .passive = 1};

	/* Nobody waits for the answer, and a failure shows with the next use. */
	if (receive->connection != NULL && silence_asks(&receive->silence, clock_ms()))
		(void) amqp_send_method(receive->connection, RECEIVE_CHANNEL, AMQP_QUEUE_DECLARE_METHOD,
								&question);
}

/* What the broker says to the question of receive_look(). */
static ReceiveStatus take_answer(Receive *receive, const amqp_queue_declare_ok_t *answer,
								 Error *error)
{
	bool shared = receive->single && answer->consumer_count > 1;

	if (!silence_heard(&receive->silence, answer->message_count, shared, clock_ms()))
		return RECEIVE_NOTHING;
	SOMETIMES("consumer.silent_subscription");
	return lost(receive, error, "messages are ready, and the subscription delivers none");
}

/* A method: a delivery begins, or the broker ends something. */
static ReceiveStatus take_method(Receive *receive, const amqp_method_t *method, Error *error)
{
	char text[400];

	switch (method->id)
	{
		case AMQP_BASIC_DELIVER_METHOD:
			memset(&receive->delivery, 0, sizeof(receive->delivery));
			receive->delivery.tag = ((const amqp_basic_deliver_t *) method->decoded)->delivery_tag;
			receive->expected = EXPECT_HEADER;
			silence_delivered(&receive->silence, clock_ms());
			return RECEIVE_NOTHING;
		case AMQP_QUEUE_DECLARE_OK_METHOD:
			return take_answer(receive, method->decoded, error);
		case AMQP_BASIC_CANCEL_METHOD:
			SOMETIMES("consumer.queue_gone");
			receive->gone = true;
			return lost(receive, error, "the queue was deleted or moved");
		case AMQP_CHANNEL_CLOSE_METHOD:
			return lost(receive, error,
						close_text(((const amqp_channel_close_t *) method->decoded)->reply_text,
								   text, sizeof(text)));
		case AMQP_CONNECTION_CLOSE_METHOD:
			return lost(receive, error,
						close_text(((const amqp_connection_close_t *) method->decoded)->reply_text,
								   text, sizeof(text)));
		default:
			/* connection.blocked and its like concern publishers; the answer to a limit says
			 * nothing. */
			return RECEIVE_NOTHING;
	}
}

static ReceiveStatus whole(Receive *receive)
{
	receive->delivery.body = receive->body;
	receive->expected = EXPECT_RELEASE;
	return RECEIVE_DELIVERY;
}

static ReceiveStatus take_frame(Receive *receive, const amqp_frame_t *frame, Error *error)
{
	Delivery *delivery = &receive->delivery;

	if (frame->frame_type == AMQP_FRAME_METHOD)
	{
		if (receive->expected != EXPECT_METHOD &&
			frame->payload.method.id == AMQP_BASIC_DELIVER_METHOD)
			return lost(receive, error, "a delivery inside a delivery");
		return take_method(receive, &frame->payload.method, error);
	}
	if (frame->frame_type == AMQP_FRAME_HEADER && receive->expected == EXPECT_HEADER)
	{
		delivery->properties = frame->payload.properties.decoded;
		delivery->claimed = frame->payload.properties.body_size;
		receive->arrived = 0;
		receive->expected = EXPECT_BODY;
		return delivery->claimed == 0 ? whole(receive) : RECEIVE_NOTHING;
	}
	if (frame->frame_type == AMQP_FRAME_BODY && receive->expected == EXPECT_BODY)
	{
		size_t fragment = frame->payload.body_fragment.len;
		size_t room = MESSAGE_BODY_MAX - delivery->length;
		size_t kept = fragment < room ? fragment : room;

		memcpy(receive->body + delivery->length, frame->payload.body_fragment.bytes, kept);
		delivery->length += kept;
		receive->arrived += fragment;
		return receive->arrived >= delivery->claimed ? whole(receive) : RECEIVE_NOTHING;
	}
	return lost(receive, error, "an unexpected frame");
}

/* Takes the frames that are there until a delivery is whole. */
static ReceiveStatus take_available(Receive *receive, Error *error)
{
	struct timeval at_once = {0, 0};
	ReceiveStatus status;

	do
	{
		amqp_frame_t frame;
		int result = amqp_simple_wait_frame_noblock(receive->connection, &frame, &at_once);

		if (result == AMQP_STATUS_TIMEOUT)
			return RECEIVE_NOTHING;
		if (result != AMQP_STATUS_OK)
			return lost(receive, error, amqp_error_string2(result));
		status = take_frame(receive, &frame, error);
		/* Between two deliveries nothing of the last frame is needed any more. */
		if (receive->connection != NULL && receive->expected == EXPECT_METHOD)
			amqp_maybe_release_buffers(receive->connection);
	} while (status == RECEIVE_NOTHING);
	return status;
}

ReceiveStatus receive_next(Receive *receive, int wait_ms, Delivery *delivery, Error *error)
{
	ReceiveStatus status = take_available(receive, error);

	if (status == RECEIVE_NOTHING && wait_ms > 0)
	{
		struct pollfd wait[2] = {{.fd = amqp_get_sockfd(receive->connection), .events = POLLIN},
								 {.fd = stop_descriptor(), .events = POLLIN}};

		(void) poll(wait, 2, wait_ms); /* whatever it says, the next read decides */
		status = take_available(receive, error);
	}
	if (status == RECEIVE_DELIVERY)
		*delivery = receive->delivery;
	return status;
}

void receive_done(Receive *receive)
{
	if (receive->connection == NULL)
		return;
	receive->expected = EXPECT_METHOD;
	amqp_maybe_release_buffers(receive->connection);
}

bool receive_ack(Receive *receive, uint64_t tag, Error *error)
{
	int result = amqp_basic_ack(receive->connection, RECEIVE_CHANNEL, tag, true);

	if (result == AMQP_STATUS_OK)
		return true;
	(void) lost(receive, error, amqp_error_string2(result));
	return false;
}

void receive_heartbeat(Receive *receive)
{
	amqp_frame_t heartbeat = {.frame_type = AMQP_FRAME_HEARTBEAT, .channel = 0};

	if (receive->connection != NULL && amqp_get_heartbeat(receive->connection) > 0)
		(void) amqp_send_frame(receive->connection, &heartbeat);
}
