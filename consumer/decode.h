/*
 * decode.h - from the body of an AMQP message to a checked batch of recipients.
 *
 * Second step of the flow (receive → decode → store → report → ack). A body
 * comes from the network and is believed in nothing: what passes here fits all
 * limits of lib/contract/message.h.
 */
#ifndef CAMPAIGN_CONSUMER_DECODE_H
#define CAMPAIGN_CONSUMER_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "contract/error.h"
#include "contract/message.h"

typedef struct DecodedRecipient
{
	const char *identifier; /* points into the body, not NUL-terminated; NULL: left out */
	const char *phone_number;
	uint8_t identifier_length;
	uint8_t phone_length;
	uint32_t text_length;
	const char *text;		   /* its own, as above; NULL: the batch's */
	const uint8_t *attributes; /* a BSON document in the batch; NULL: none */
} DecodedRecipient;

typedef struct DecodedBatch
{
	int version;
	char campaign_id[MESSAGE_ID_MAX + 1];
	MessageClass class;
	int64_t total;
	int64_t first_seq; /* the others follow: first_seq + count - 1 <= total */
	const char *text;  /* points into the body, not NUL-terminated */
	size_t text_length;
	int count; /* 1 .. MESSAGE_BATCH_MAX */
	DecodedRecipient recipients[MESSAGE_BATCH_MAX];
	size_t attributes_used;
	uint8_t attributes[ATTRIBUTES_GROWTH * MESSAGE_BODY_MAX];
} DecodedBatch;

/*
 * Decodes a body. `body` is changed (escapes are undone in place) and must
 * outlive `batch`. Unknown fields are ignored, so that a newer publisher can
 * add some; so are a recipient's text and attributes in version 1. False with ERROR_PROTOCOL and
 * the reason, which holds positions and field names but nothing of the content.
 */
bool decode_batch(char *body, size_t length, DecodedBatch *batch, Error *error);

#endif /* CAMPAIGN_CONSUMER_DECODE_H */
