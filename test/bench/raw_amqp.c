/*
 * raw_amqp.c - ceilings of the broker's part: a bare librabbitmq publisher with
 * confirms of bodies like the worker's, alone or with a bare consumer that acks.
 *
 *     raw_amqp publish|flow BODIES RECIPIENTS TEXT      (AMQP_URL)
 *
 * publish: until the last confirm. flow: publisher and consumer at the same
 * time, on connections of their own, until all is confirmed, received and acked.
 * The queue has the arguments of the product's and is deleted at the end.
 *
 * links: lib/contract/message.c lib/contract/broker.c lib/contract/broker_url.c lib/contract/resolve.c
 * links: lib/contract/tls.c
 * links: lib/contract/error.c lib/contract/utf8.c src/identity/cuid2.c src/identity/cuid2_digits.c
 * links: -lrabbitmq -lssl -lcrypto -lpthread
 */
#include <pthread.h>
#include <string.h>

#include "clock.h"
#include "lib/contract/broker.h"
#include "lib/contract/message.h"
#include "sample.h"
#include "src/identity/cuid2.h"

#define CHANNEL			1
#define EXCHANGE		"bench"
#define QUEUE			"bench.raw"
#define CAMPAIGN_ID		"bench0raw0amqp0ceiling00"
#define TOTAL			1000000
#define WINDOW_BYTES	(2 * 1024 * 1024) /* unconfirmed, at most */
#define WINDOW_MESSAGES 2000
#define PREFETCH		2000
#define ACK_EVERY		500
#define HEADERS			5

static char body_bytes[MESSAGE_BODY_MAX];
static MessageBody body = {.buffer = body_bytes, .capacity = sizeof(body_bytes)};

static amqp_connection_state_t open_connection(const char *name)
{
	BrokerOptions options = {.connection_name = name, .heartbeat = 60, .timeout_ms = 10000};
	amqp_connection_state_t connection;
	BrokerUrl url;
	Error error = {0};

	if (!broker_url_parse(getenv("AMQP_URL"), &url, &error))
		clock_fail("AMQP_URL", error.text);
	connection = broker_open(&url, &options, &error);
	broker_url_wipe(&url);
	if (connection == NULL)
		clock_fail(name, error.text);
	return connection;
}

static void check_reply(amqp_connection_state_t connection, const char *what)
{
	Error error = {0};

	if (!broker_reply_error(&error, what, amqp_get_rpc_reply(connection)))
		clock_fail(what, error.text);
}

/* The same arguments as lib/contract/broker.c gives a partition queue. */
static void declare_queue(amqp_connection_state_t connection)
{
	amqp_table_entry_t entries[3] = {
		{.key = amqp_cstring_bytes("x-queue-type"),
		 .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("quorum")}},
		{.key = amqp_cstring_bytes("x-single-active-consumer"),
		 .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}},
		{.key = amqp_cstring_bytes("x-dead-letter-exchange"),
		 .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(MESSAGE_DEAD)}}};
	amqp_table_t arguments = {.num_entries = 3, .entries = entries};
	amqp_bytes_t queue = amqp_cstring_bytes(QUEUE);

	amqp_queue_delete(connection, CHANNEL, queue, 0, 0);
	check_reply(connection, "queue.delete");
	amqp_exchange_declare(connection, CHANNEL, amqp_cstring_bytes(EXCHANGE),
						  amqp_cstring_bytes("direct"), 0, 1, 0, 0, amqp_empty_table);
	check_reply(connection, "exchange.declare");
	amqp_queue_declare(connection, CHANNEL, queue, 0, 1, 0, 0, arguments);
	check_reply(connection, "queue.declare");
	amqp_queue_bind(connection, CHANNEL, queue, amqp_cstring_bytes(EXCHANGE), queue,
					amqp_empty_table);
	check_reply(connection, "queue.bind");
}

static void make_body(long recipients, const char *text)
{
	char escaped[6 * MESSAGE_TEXT_MAX_BYTES];
	size_t length = message_escape(text, strlen(text), escaped, sizeof(escaped));
	Cuid2Series series;

	if (!message_begin(&body, CAMPAIGN_ID, MESSAGE_CLASS_NORMAL, TOTAL, 1, escaped, length) ||
		!cuid2_series_init(&series, SAMPLE_TIME_MS, SAMPLE_ENTROPY, SAMPLE_FINGERPRINT))
		clock_fail("body", "the text does not fit");
	for (long seq = 1; seq <= recipients; seq++)
	{
		char identifier[CUID2_LENGTH_DEFAULT + 1];
		char phone[SAMPLE_PHONE_SIZE];
		size_t phone_length = sample_phone(seq, phone);

		if (!cuid2_series_id(&series, seq, identifier) ||
			!message_add(&body, identifier, CUID2_LENGTH_DEFAULT, phone, phone_length))
			clock_fail("body", "the recipients do not fit");
	}
	message_end(&body);
}

static void set_text(amqp_table_entry_t *entry, const char *name, const char *value)
{
	entry->key = amqp_cstring_bytes(name);
	entry->value.kind = AMQP_FIELD_KIND_UTF8;
	entry->value.value.bytes = amqp_cstring_bytes(value);
}

static void set_number(amqp_table_entry_t *entry, const char *name, int64_t value)
{
	entry->key = amqp_cstring_bytes(name);
	entry->value.kind = AMQP_FIELD_KIND_I64;
	entry->value.value.i64 = value;
}

/* Properties and headers as the worker sets them. */
static void publish(amqp_connection_state_t connection, long number)
{
	char message_id[64];
	amqp_table_entry_t headers[HEADERS];
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
				  AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_HEADERS_FLAG,
		.content_type = amqp_cstring_bytes(MESSAGE_CONTENT_TYPE),
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
		.type = amqp_cstring_bytes(MESSAGE_TYPE),
		.headers = {.num_entries = HEADERS, .entries = headers}};
	int status;

	snprintf(message_id, sizeof(message_id), "%s.NORMAL.%ld", CAMPAIGN_ID, number);
	properties.message_id = amqp_cstring_bytes(message_id);
	set_text(&headers[0], MESSAGE_HEADER_CAMPAIGN_ID, CAMPAIGN_ID);
	set_text(&headers[1], MESSAGE_HEADER_CLASS, "NORMAL");
	set_number(&headers[2], MESSAGE_HEADER_FIRST_SEQ, number);
	set_number(&headers[3], MESSAGE_HEADER_COUNT, body.count);
	set_number(&headers[4], MESSAGE_HEADER_TOTAL, TOTAL);
	status = amqp_basic_publish(connection, CHANNEL, amqp_cstring_bytes(EXCHANGE),
								amqp_cstring_bytes(QUEUE), 1, 0, &properties,
								(amqp_bytes_t){.len = body.length, .bytes = body.buffer});
	if (status != AMQP_STATUS_OK)
		clock_fail("publish", amqp_error_string2(status));
}

/*
 * How many publishes a frame confirms. Only acks are expected: confirms come in
 * order when nothing goes wrong on one queue, and anything else ends the run.
 */
static long confirmed_by(const amqp_frame_t *frame, long confirmed)
{
	const amqp_basic_ack_t *ack = frame->payload.method.decoded;

	if (frame->frame_type != AMQP_FRAME_METHOD)
		return 0;
	if (frame->payload.method.id != AMQP_BASIC_ACK_METHOD)
		clock_fail("publish", amqp_method_name(frame->payload.method.id));
	return ack->multiple ? (long) ack->delivery_tag - confirmed : 1;
}

/* Takes what has come; waits for something to come if `wait`. */
static long take_confirms(amqp_connection_state_t connection, long confirmed, bool wait)
{
	struct timeval patience = {wait ? 60 : 0, 0};
	amqp_frame_t frame;
	int status;

	amqp_maybe_release_buffers(connection);
	while ((status = amqp_simple_wait_frame_noblock(connection, &frame, &patience)) ==
		   AMQP_STATUS_OK)
	{
		confirmed += confirmed_by(&frame, confirmed);
		patience.tv_sec = 0;
	}
	if (status != AMQP_STATUS_TIMEOUT || patience.tv_sec > 0)
		clock_fail("confirm", amqp_error_string2(status));
	return confirmed;
}

static void publish_all(amqp_connection_state_t connection, long bodies)
{
	long window = WINDOW_BYTES / (long) body.length;
	long confirmed = 0;

	if (window > WINDOW_MESSAGES)
		window = WINDOW_MESSAGES;
	for (long sent = 0; sent < bodies; sent++)
	{
		while (sent - confirmed >= window)
			confirmed = take_confirms(connection, confirmed, true);
		publish(connection, sent + 1);
	}
	while (confirmed < bodies)
		confirmed = take_confirms(connection, confirmed, true);
}

typedef struct Consumer
{
	amqp_connection_state_t connection;
	long bodies;
} Consumer;

static void *consume_all(void *argument)
{
	Consumer *consumer = argument;
	amqp_connection_state_t connection = consumer->connection;

	for (long received = 1; received <= consumer->bodies; received++)
	{
		struct timeval patience = {60, 0};
		amqp_envelope_t envelope;
		amqp_rpc_reply_t reply;
		Error error = {0};

		amqp_maybe_release_buffers(connection);
		reply = amqp_consume_message(connection, &envelope, &patience, 0);
		if (!broker_reply_error(&error, "consume", reply))
			clock_fail("consume", error.text);
		if (received % ACK_EVERY == 0 || received == consumer->bodies)
			amqp_basic_ack(connection, CHANNEL, envelope.delivery_tag, 1);
		amqp_destroy_envelope(&envelope);
	}
	/* An answer to this proves that the broker has the acks before it. */
	amqp_basic_qos(connection, CHANNEL, 0, 1, 0);
	check_reply(connection, "basic.qos");
	return NULL;
}

static amqp_connection_state_t open_consumer(void)
{
	amqp_connection_state_t connection = open_connection("bench consumer");

	amqp_basic_qos(connection, CHANNEL, 0, PREFETCH, 0);
	check_reply(connection, "basic.qos");
	amqp_basic_consume(connection, CHANNEL, amqp_cstring_bytes(QUEUE), amqp_empty_bytes, 0, 0, 0,
					   amqp_empty_table);
	check_reply(connection, "basic.consume");
	return connection;
}

int main(int argc, char **argv)
{
	amqp_connection_state_t publisher;
	Consumer consumer = {0};
	pthread_t thread;
	double start;
	long bodies;
	bool flow;

	if (argc != 5 || getenv("AMQP_URL") == NULL)
		clock_fail("usage", "raw_amqp publish|flow BODIES RECIPIENTS TEXT");
	flow = strcmp(argv[1], "flow") == 0;
	bodies = clock_argument(argv[2]);
	make_body(clock_argument(argv[3]), argv[4]);
	publisher = open_connection("bench publisher");
	declare_queue(publisher);
	amqp_confirm_select(publisher, CHANNEL);
	check_reply(publisher, "confirm.select");
	if (flow)
		consumer = (Consumer){.connection = open_consumer(), .bodies = bodies};

	start = clock_seconds();
	if (flow && pthread_create(&thread, NULL, consume_all, &consumer) != 0)
		clock_fail("consumer", "no thread");
	publish_all(publisher, bodies);
	if (flow)
		pthread_join(thread, NULL);
	clock_print(clock_seconds() - start);

	broker_close(consumer.connection, true);
	amqp_queue_delete(publisher, CHANNEL, amqp_cstring_bytes(QUEUE), 0, 0);
	check_reply(publisher, "queue.delete");
	broker_close(publisher, true);
	return 0;
}
