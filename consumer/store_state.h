/*
 * store_state.h - what a Store is, for the files that work on it: store.c, store_client.c.
 */
#ifndef CAMPAIGN_CONSUMER_STORE_STATE_H
#define CAMPAIGN_CONSUMER_STORE_STATE_H

#include <mongoc/mongoc.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "contract/error.h"

struct Store
{
	const Config *config;
	mongoc_uri_t *uri;
	bool may_wait; /* the URI says nothing of how long an answer is waited for */
	bool slow;	   /* an answer is waited for as long as a slow server needs */
	mongoc_client_t *client;
	mongoc_collection_t *collection;
	char *database;
	const bson_t **pending;	   /* documents of the attempt */
	int *places;			   /* and their places in the chunk */
	bson_t *options;		   /* of insert_many */
	int64_t majority_until_ms; /* until then a majority is taken to have what was inserted before */
};

/* A linearizable read waits until a majority has confirmed a write of the server's own. */
bool store_has_majority(struct Store *store, Error *error);

#endif /* CAMPAIGN_CONSUMER_STORE_STATE_H */
