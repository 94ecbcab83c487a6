/*
 * store_client.c - the lane's MongoDB client: how it is made, what it waits for, and whether
 * inserts would be taken; see store.h.
 *
 * Must never let the URI weaken what the consumer needs of writes and reads.
 */
#include <stdlib.h>
#include <string.h>

#include "store.h"
#include "store_state.h"
#include "store_uri.h"

#define WRITE_TIMEOUT_MS	 20000
#define SELECTION_TIMEOUT_MS 3000

/* Codes of the server (error_codes.yml). */
#define CODE_BAD_VALUE			   2
#define CODE_UNAUTHORIZED		   13
#define CODE_AUTHENTICATION_FAILED 18
#define CODE_NAMESPACE_EXISTS	   48
#define CODE_INVALID_ID			   53
#define CODE_NOT_A_REPLICA_SET	   123

bool store_failed(Error *error, const char *what, const bson_error_t *reason)
{
	bool refused =
		reason->code == CODE_UNAUTHORIZED || reason->code == CODE_AUTHENTICATION_FAILED ||
		(reason->domain == MONGOC_ERROR_CLIENT && reason->code == MONGOC_ERROR_CLIENT_AUTHENTICATE);

	return error_set(error, refused ? ERROR_REFUSED : ERROR_UNREACHABLE, "%s: %s", what,
					 reason->message);
}

static void set_concerns(mongoc_collection_t *collection)
{
	mongoc_write_concern_t *write = mongoc_write_concern_new();
	mongoc_read_concern_t *read = mongoc_read_concern_new();
	mongoc_read_prefs_t *primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);

	mongoc_write_concern_set_wmajority(write, WRITE_TIMEOUT_MS);
	mongoc_write_concern_set_journal(write, true);
	(void) mongoc_read_concern_set_level(read, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
	mongoc_collection_set_write_concern(collection, write);
	mongoc_collection_set_read_concern(collection, read);
	/* What the URI prefers is for other readers: a secondary may not have it yet. */
	mongoc_collection_set_read_prefs(collection, primary);
	mongoc_read_prefs_destroy(primary);
	mongoc_write_concern_destroy(write);
	mongoc_read_concern_destroy(read);
}

/* A client of mongodb+srv:// asks the DNS for its servers when it is made: it may have to wait. */
static bool make_client(Store *store, Error *error)
{
	bson_error_t reason = {0};
	mongoc_client_t *client = mongoc_client_new_from_uri_with_error(store->uri, &reason);

	if (client == NULL)
		return error_set(error, ERROR_UNREACHABLE, "cannot find the servers: %s", reason.message);
	mongoc_collection_destroy(store->collection);
	mongoc_client_destroy(store->client);
	store->client = client;
	(void) mongoc_client_set_error_api(store->client, MONGOC_ERROR_API_VERSION_2);
	store->collection =
		mongoc_client_get_collection(store->client, store->database, store->config->collection);
	set_concerns(store->collection);
	return true;
}

/* The driver's socket takes its limit when it is made. */
static bool set_slow(Store *store, bool slow, Error *error)
{
	if (store->slow == slow)
		return true;
	(void) mongoc_uri_set_option_as_int32(store->uri, MONGOC_URI_SOCKETTIMEOUTMS,
										  slow ? STORE_SLOW_MS : store_answer_ms(store->config));
	if (!make_client(store, error))
		return false;
	store->slow = slow;
	return true;
}

Store *store_new(const Config *config, Error *error)
{
	mongoc_uri_t *uri = store_uri(config, error);
	Store *store;

	if (uri == NULL)
		return NULL;
	store = calloc(1, sizeof(*store));
	if (store == NULL)
	{
		mongoc_uri_destroy(uri);
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	store->config = config;
	store->uri = uri;
	store->may_wait = mongoc_uri_get_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, 0) ==
						  store_answer_ms(config) &&
					  store_answer_ms(config) < STORE_SLOW_MS;
	/* The documents are ours: checking their UTF-8 again costs a tenth of the time. */
	store->options = BCON_NEW("ordered", BCON_BOOL(true), "validate", BCON_BOOL(false));
	store->pending = malloc((size_t) config->chunk_documents * sizeof(*store->pending));
	store->places = malloc((size_t) config->chunk_documents * sizeof(*store->places));
	store->database = strdup(store_database(uri));
	if (store->pending != NULL && store->places != NULL && store->database != NULL)
		return store;
	store_free(store);
	error_set(error, ERROR_MEMORY, "out of memory");
	return NULL;
}

void store_free(Store *store)
{
	if (store == NULL)
		return;
	mongoc_collection_destroy(store->collection);
	mongoc_client_destroy(store->client);
	mongoc_uri_destroy(store->uri);
	bson_destroy(store->options);
	free(store->pending);
	free(store->places);
	free(store->database);
	free(store);
}

/* Clustered collections came with 5.3. */
static bool knows_clustered(Store *store, bool *clustered, Error *error)
{
	bson_t *command = BCON_NEW("buildInfo", BCON_INT32(1));
	bson_t reply;
	bson_error_t reason;
	bson_iter_t iter;
	bson_iter_t part;
	int version = 0;
	bool done =
		mongoc_client_command_simple(store->client, "admin", command, NULL, &reply, &reason);

	if (done && bson_iter_init_find(&iter, &reply, "versionArray") &&
		bson_iter_recurse(&iter, &part))
	{
		for (int i = 0; i < 2 && bson_iter_next(&part); i++)
			version = version * 100 + (int) bson_iter_as_int64(&part);
	}
	*clustered = version >= 503;
	bson_destroy(command);
	bson_destroy(&reply);
	return done || store_failed(error, "cannot ask the version", &reason);
}

bool store_prepare(Store *store, Error *error)
{
	const char *name = store->config->collection;
	bson_t command = BSON_INITIALIZER;
	bson_error_t reason;
	bool clustered;
	bool done;

	if (!(store->client != NULL ? set_slow(store, false, error) : make_client(store, error)) ||
		!knows_clustered(store, &clustered, error))
		return false;
	BSON_APPEND_UTF8(&command, "create", name);
	if (clustered)
	{
		bson_t *index = BCON_NEW("key", "{", "_id", BCON_INT32(1), "}", "unique", BCON_BOOL(true));

		BSON_APPEND_DOCUMENT(&command, "clusteredIndex", index);
		bson_destroy(index);
	}
	done = mongoc_client_command_simple(store->client, store->database, &command, NULL, NULL,
										&reason) ||
		   reason.code == CODE_NAMESPACE_EXISTS;
	bson_destroy(&command);
	return done || store_failed(error, "cannot create the collection", &reason);
}

/* No server takes an array for an _id, but before it says so it looks at the user's rights. */
static bool may_insert(Store *store, Error *error)
{
	bson_t *document = BCON_NEW("_id", "[", "]");
	bson_t *options = BCON_NEW("validate", BCON_BOOL(false));
	bson_error_t reason = {0};
	bool done = mongoc_collection_insert_one(store->collection, document, options, NULL, &reason);

	bson_destroy(options);
	bson_destroy(document);
	return done || reason.code == CODE_INVALID_ID || reason.code == CODE_BAD_VALUE ||
		   store_failed(error, "cannot insert", &reason);
}

bool store_has_majority(Store *store, Error *error)
{
	bson_t *filter = BCON_NEW("_id", BCON_NULL);
	bson_t *options = BCON_NEW("readConcern", "{", "level", "linearizable", "}", "maxTimeMS",
							   BCON_INT32(SELECTION_TIMEOUT_MS), "limit", BCON_INT64(1));
	mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(store->collection, filter, options, NULL);
	const bson_t *document;
	bson_error_t reason = {0};
	bool done;

	(void) mongoc_cursor_next(cursor, &document);
	/* A server without a replica set has no majority to ask. */
	done = !mongoc_cursor_error(cursor, &reason) || reason.code == CODE_NOT_A_REPLICA_SET ||
		   store_failed(error, "no majority", &reason);
	mongoc_cursor_destroy(cursor);
	bson_destroy(options);
	bson_destroy(filter);
	return done;
}

mongoc_collection_t *store_collection(Store *store)
{
	return store->collection;
}

bool store_prove(Store *store, Error *error)
{
	return may_insert(store, error) && store_has_majority(store, error);
}

bool store_may_be_slow(const Store *store, int64_t waited_ms)
{
	return store->may_wait && !store->slow && waited_ms >= store_answer_ms(store->config);
}

bool store_wait_longer(Store *store, Error *error)
{
	return store_prove(store, error) && set_slow(store, true, error);
}
