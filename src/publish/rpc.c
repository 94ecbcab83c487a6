/*
 * rpc.c - requests to the broker, waited for in slices; see rpc.h.
 *
 * Must never wait past the connection's rpc timeout, nor lose a frame of another
 * channel.
 */
#include "rpc.h"

#include <stdint.h>
#include <sys/time.h>

#include "program/clock.h"

#define RPC_SLICE_MS 100 /* a shutdown waits no longer */

static int64_t deadline_of(amqp_connection_state_t connection)
{
	const struct timeval *limit = amqp_get_rpc_timeout(connection);

	if (limit == NULL)
		return CLOCK_NEVER;
	return clock_ms() + limit->tv_sec * INT64_C(1000) + limit->tv_usec / 1000;
}

/* The next frame, which is of any channel. */
static bool next_frame(const Rpc *rpc, const char *what, int64_t deadline, amqp_frame_t *frame,
					   Error *error)
{
	for (;;)
	{
		struct timeval slice = {.tv_usec = RPC_SLICE_MS * 1000L};
		int status = amqp_simple_wait_frame_noblock(rpc->connection, frame, &slice);

		if (status == AMQP_STATUS_OK)
			return true;
		if (status != AMQP_STATUS_TIMEOUT || clock_ms() >= deadline)
			return error_set(error, ERROR_UNREACHABLE, "%s: %s", what, amqp_error_string2(status));
		if (rpc->interrupted != NULL && rpc->interrupted())
			return error_set(error, ERROR_UNREACHABLE, "%s: interrupted", what);
	}
}

bool rpc_call(const Rpc *rpc, const RpcRequest *request, amqp_rpc_reply_t *reply, Error *error)
{
	int64_t deadline = deadline_of(rpc->connection);
	amqp_frame_t frame;
	int status = amqp_send_method(rpc->connection, request->channel, request->id, request->method);

	*reply = (amqp_rpc_reply_t){.reply_type = AMQP_RESPONSE_NONE};
	if (status != AMQP_STATUS_OK)
		return error_set(error, ERROR_UNREACHABLE, "%s: %s", request->what,
						 amqp_error_string2(status));
	do
	{
		if (!next_frame(rpc, request->what, deadline, &frame, error))
			return false;
		if (frame.channel != request->channel && !rpc->other(rpc->argument, &frame, error))
			return false;
	} while (frame.channel != request->channel);
	if (frame.frame_type != AMQP_FRAME_METHOD)
		return error_set(error, ERROR_PROTOCOL, "%s: unexpected answer of the broker",
						 request->what);
	reply->reply = frame.payload.method;
	reply->reply_type = reply->reply.id == AMQP_CHANNEL_CLOSE_METHOD
							? AMQP_RESPONSE_SERVER_EXCEPTION
							: AMQP_RESPONSE_NORMAL;
	return broker_reply_error(error, request->what, *reply);
}

bool rpc_channel_closed(const Rpc *rpc, amqp_channel_t channel, const amqp_rpc_reply_t *reply)
{
	amqp_channel_close_ok_t close_ok = {0};

	return reply->reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
		   amqp_send_method(rpc->connection, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &close_ok) ==
			   AMQP_STATUS_OK;
}
