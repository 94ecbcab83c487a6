/*
 * receive_subscribe.c - the lane's subscription, and how many bodies it may have in hand; see
 * receive.h.
 */
#include <stdio.h>

#include "program/clock.h"
#include "program/log.h"
#include "receive.h"
#include "receive_state.h"

/* Of a queue with one consumer at a time nobody else could send what waits here. */
#define SENDER_BODIES 16

#define RESUBSCRIBES 3 /* the last version of RabbitMQ that does */

/* At first: how long a sender takes for a body is not known. */
static int first_bodies(const Receive *receive)
{
	const Config *config = receive->config;
	int most = config->gateways.in_flight;

	if (!gateway_at(config->gateway)->sends)
		return config->prefetch;
	if (receive->single && most < SENDER_BODIES)
		most = SENDER_BODIES;
	return most < config->prefetch ? most : config->prefetch;
}

/*
 * If somebody has made a new queue before the channel hears that the old one was deleted, RabbitMQ
 * 3 subscribes it to the new one by itself, and forgets where its deliveries go: the queue counts a
 * consumer and hands messages out, and none arrives. It cannot do that on a channel that has a
 * limit for all its consumers, because a quorum queue takes none there; so it says that the queue
 * is gone. Who is subscribed before the limit is set stays, and is not limited by it.
 *
 * The answer comes behind all that the new subscription delivers at once, and is not waited for. A
 * failure shows with the next use.
 */
static void forbid_resubscribing(const Receive *receive, int bodies)
{
	amqp_basic_qos_t limit = {.prefetch_count = (uint16_t) bodies, .global = 1};

	if (broker_version(receive->connection) <= RESUBSCRIBES)
		(void) amqp_send_method(receive->connection, RECEIVE_CHANNEL, AMQP_BASIC_QOS_METHOD,
								&limit);
}

static bool consume(Receive *receive, int bodies, Error *error)
{
	amqp_connection_state_t connection = receive->connection;
	const amqp_basic_consume_ok_t *answer;
	char what[MESSAGE_QUEUE_NAME_MAX + 32];

	snprintf(what, sizeof(what), "cannot consume %s", receive->queue);
	if (amqp_basic_qos(connection, RECEIVE_CHANNEL, 0, (uint16_t) bodies, false) == NULL)
		return broker_reply_error(error, what, amqp_get_rpc_reply(connection));
	answer = amqp_basic_consume(connection, RECEIVE_CHANNEL, amqp_cstring_bytes(receive->queue),
								amqp_empty_bytes, false, false, false, amqp_empty_table);
	if (answer == NULL)
		return broker_reply_error(error, what, amqp_get_rpc_reply(connection));
	snprintf(receive->tag, sizeof(receive->tag), "%.*s", (int) answer->consumer_tag.len,
			 (const char *) answer->consumer_tag.bytes);
	forbid_resubscribing(receive, bodies);
	receive->bodies = bodies;
	return true;
}

bool receive_subscribe(Receive *receive, Error *error)
{
	silence_subscribed(&receive->silence, clock_ms());
	if (consume(receive, first_bodies(receive), error))
		return true;
	receive_give_up(receive);
	return false;
}

bool receive_fit(Receive *receive, int bodies, Error *error)
{
	amqp_connection_state_t connection = receive->connection;

	if (bodies < first_bodies(receive))
		bodies = first_bodies(receive);
	if (bodies > receive->config->prefetch)
		bodies = receive->config->prefetch;
	/* Another one would take the queue meanwhile. */
	if (connection == NULL || receive->single ||
		(bodies <= receive->bodies && bodies * 2 > receive->bodies))
		return true;
	/* What has been delivered before stays ours. A limit counts from the next subscription on. */
	if (amqp_basic_cancel(connection, RECEIVE_CHANNEL, amqp_cstring_bytes(receive->tag)) == NULL)
		broker_reply_error(error, "cannot cancel a subscription", amqp_get_rpc_reply(connection));
	else if (consume(receive, bodies, error))
	{
		log_line(LOG_DEBUG, "takes other bodies at a time", {"queue", receive->queue, 0},
				 {"bodies", NULL, bodies});
		return true;
	}
	receive_give_up(receive);
	return false;
}
