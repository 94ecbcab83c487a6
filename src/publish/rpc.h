/*
 * rpc.h - a request to the broker whose answer is waited for in slices: the
 * library's own calls are deaf to a shutdown for as long as the broker is silent.
 *
 * librabbitmq only: no PostgreSQL header, no ereport().
 */
#ifndef CAMPAIGN_PUBLISH_RPC_H
#define CAMPAIGN_PUBLISH_RPC_H

#include <stdbool.h>

#include "contract/broker.h"

typedef struct Rpc
{
	amqp_connection_state_t connection;
	bool (*interrupted)(void); /* asked between two slices; or NULL */
	/* Gets the frames of other channels meanwhile; false with *error if no more may be read. */
	bool (*other)(void *argument, const amqp_frame_t *frame, Error *error);
	void *argument;
} Rpc;

typedef struct RpcRequest
{
	const char *what; /* for the text of an error */
	amqp_channel_t channel;
	amqp_method_number_t id;
	void *method;
} RpcRequest;

/*
 * Sends a request over a channel on which nothing else is under way, and waits for its answer, for
 * as long as the connection's rpc timeout. What is in *reply is valid until buffers are released.
 * False with *error: if the broker has closed the channel, *reply is that, and the connection is as
 * good as before once it is answered; else the connection is of no more use. When it is
 * interrupted, the text says so: the caller is about to end.
 */
bool rpc_call(const Rpc *rpc, const RpcRequest *request, amqp_rpc_reply_t *reply, Error *error);

/* Answers the broker, if it has closed a channel: else that would not open again. */
bool rpc_channel_closed(const Rpc *rpc, amqp_channel_t channel, const amqp_rpc_reply_t *reply);

#endif /* CAMPAIGN_PUBLISH_RPC_H */
