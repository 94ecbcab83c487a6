/*
 * envelope_json.h - what surrounds the body of an AMQP message, as JSON that any
 * database accepts.
 *
 * Pure. No PostgreSQL header.
 */
#ifndef CAMPAIGN_ENVELOPE_JSON_H
#define CAMPAIGN_ENVELOPE_JSON_H

#include "contract/message.h"
#include "contract/rabbit.h"

#define ENVELOPE_JSON_SIZE (2 * MESSAGE_FRAME_MAX)

/*
 * Writes {"exchange", "routing_key", "content_type", "type", "message_id", "headers": {…}} into
 * `out`, of ENVELOPE_JSON_SIZE bytes; properties that are missing are left out. The headers may be
 * anybody's: control characters become blanks, bytes that are not UTF-8 question marks, what JSON
 * has no form for is null, a text of more than 4 KB is cut off, and what does not fit is left out,
 * a header at a time.
 */
void envelope_json(char *out, const char *exchange, const char *routing_key,
				   const amqp_basic_properties_t *properties);

#endif /* CAMPAIGN_ENVELOPE_JSON_H */
