/*
 * store_uri.h - how MongoDB is reached: the URI of the settings with the
 * defaults that a consumer needs, and how long an answer is waited for.
 */
#ifndef CAMPAIGN_CONSUMER_STORE_URI_H
#define CAMPAIGN_CONSUMER_STORE_URI_H

#include <mongoc/mongoc.h>

#include "config.h"
#include "contract/error.h"

#define STORE_SLOW_MS 25000 /* for an answer of a server that is slow, not away */

/* The URI with the defaults; NULL and ERROR_CONFIG if it is wrong. */
mongoc_uri_t *store_uri(const Config *config, Error *error);

/* The database that a URI names, or the default. */
const char *store_database(const mongoc_uri_t *uri);

/*
 * For an answer, unless the URI says otherwise: who has no store for CAMPAIGN_HOLD gives the queue
 * back, so a silent server must be noticed by then.
 */
int store_answer_ms(const Config *config);

#endif /* CAMPAIGN_CONSUMER_STORE_URI_H */
