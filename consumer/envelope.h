/*
 * envelope.h - the AMQP headers around a body: compared with what the body
 * says, and copied with additions when it goes to the dead letters.
 */
#ifndef CAMPAIGN_CONSUMER_ENVELOPE_H
#define CAMPAIGN_CONSUMER_ENVELOPE_H

#include <stdbool.h>

#include "contract/error.h"
#include "contract/rabbit.h"
#include "decode.h"

/* Headers beyond this many are not copied to a dead letter. */
#define ENVELOPE_HEADERS_MAX 64

/*
 * The headers that are there (none has to be) must agree with the body: they
 * are what other consumers route and count by. False with ERROR_PROTOCOL.
 */
bool envelope_check(const amqp_basic_properties_t *properties, const DecodedBatch *batch,
					Error *error);

/*
 * Properties for a dead letter: the original's (NULL: none) with the headers
 * `reason` and `queue` added. Points into all its arguments and into `entries`.
 */
void envelope_dead(const amqp_basic_properties_t *original, const char *reason, const char *queue,
				   amqp_table_entry_t entries[ENVELOPE_HEADERS_MAX],
				   amqp_basic_properties_t *properties);

/* Header entries for envelope_dead() and for messages that the consumer makes itself. */
amqp_table_entry_t envelope_text(const char *name, const char *text);
amqp_table_entry_t envelope_number(const char *name, int64_t number);

#endif /* CAMPAIGN_CONSUMER_ENVELOPE_H */
