/*
 * store.c - the lane's MongoDB client and its inserts; see store.h.
 *
 * Must never overwrite a document, nor call one stored that a majority did not
 * acknowledge.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "program/clock.h"
#include "program/sometimes.h"
#include "store_read.h"
#include "store_uri.h"

#define WRITE_TIMEOUT_MS	 20000
#define SELECTION_TIMEOUT_MS 3000
#define MAJORITY_MS			 1000

/* Codes of the server (error_codes.yml). */
#define CODE_BAD_VALUE			   2
#define CODE_UNAUTHORIZED		   13
#define CODE_AUTHENTICATION_FAILED 18
#define CODE_NAMESPACE_EXISTS	   48
#define CODE_INVALID_ID			   53
#define CODE_VALIDATION			   121
#define CODE_NOT_A_REPLICA_SET	   123
#define CODE_DUPLICATE_KEY		   11000

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

/* A linearizable read waits until a majority has confirmed a write of the server's own. */
static bool has_majority(Store *store, Error *error)
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
	return may_insert(store, error) && has_majority(store, error);
}

bool store_may_be_slow(const Store *store, int64_t waited_ms)
{
	return store->may_wait && !store->slow && waited_ms >= store_answer_ms(store->config);
}

bool store_wait_longer(Store *store, Error *error)
{
	return store_prove(store, error) && set_slow(store, true, error);
}

bool store_highest(Store *store, const char *campaign_id, MessageClass class, int64_t *highest,
				   Error *error)
{
	bson_error_t reason;

	if (store_read_highest(store->collection, campaign_id, class, highest, &reason))
		return true;
	return store_failed(error, "cannot read what is stored", &reason);
}

bool store_count(Store *store, const char *campaign_id, MessageClass class, int64_t first_seq,
				 int64_t last_seq, int64_t *count, Error *error)
{
	bson_error_t reason;

	if (store_read_count(store->collection, campaign_id, class, first_seq, last_seq, count,
						 &reason))
		return true;
	return store_failed(error, "cannot count what is stored", &reason);
}

bool store_has(Store *store, const uint8_t id[MESSAGE_DOCUMENT_ID_SIZE], bool *present,
			   Error *error)
{
	bson_error_t reason;

	if (store_read_has(store->collection, id, present, &reason))
		return true;
	return store_failed(error, "cannot read what is stored", &reason);
}

/* Collects what is still missing, up to a limit; returns how many. *end: the place behind them. */
static int collect(Store *store, const Chunk *chunk, int limit, int *end)
{
	int count = 0;
	int place;

	for (place = chunk->stored; place < chunk->count && count < limit; place++)
	{
		if (chunk->states[place] != CHUNK_MISSING)
			continue;
		store->pending[count] = &chunk->documents[place];
		store->places[count] = place;
		count++;
	}
	*end = place;
	return count;
}

typedef enum Refusal
{
	REFUSAL_NONE,	   /* something else went wrong */
	REFUSAL_DUPLICATE, /* a document with this _id is there */
	REFUSAL_FOR_EVER   /* another unique index, or a validation rule, forbids the document */
} Refusal;

static bool descend(const bson_iter_t *from, const char *name, bson_iter_t *to)
{
	return bson_iter_recurse(from, to) && bson_iter_find(to, name);
}

/* What the first write error of a reply says, if nothing else went wrong; and its place. */
static Refusal refusal_of(const bson_t *reply, int *index)
{
	bson_iter_t iter;
	bson_iter_t item;
	bson_iter_t field;
	bson_iter_t key;
	int64_t code;

	if (bson_iter_init_find(&iter, reply, "writeConcernErrors"))
		return REFUSAL_NONE;
	if (!bson_iter_init_find(&iter, reply, "writeErrors") || !BSON_ITER_HOLDS_ARRAY(&iter) ||
		!bson_iter_recurse(&iter, &item) || !bson_iter_next(&item) ||
		!BSON_ITER_HOLDS_DOCUMENT(&item) || !descend(&item, "index", &field))
		return REFUSAL_NONE;
	*index = (int) bson_iter_as_int64(&field);
	if (!descend(&item, "code", &field))
		return REFUSAL_NONE;
	code = bson_iter_as_int64(&field);
	if (code == CODE_VALIDATION)
		return REFUSAL_FOR_EVER;
	if (code != CODE_DUPLICATE_KEY)
		return REFUSAL_NONE;
	if (descend(&item, "keyPattern", &field) && BSON_ITER_HOLDS_DOCUMENT(&field) &&
		!descend(&field, "_id", &key))
		return REFUSAL_FOR_EVER;
	return REFUSAL_DUPLICATE;
}

/* A document of the chunk is there already: finds all that are, from there on. */
static bool skip_existing(Store *store, Chunk *chunk, Error *error)
{
	bson_error_t reason;

	if (!store_read_compare(store->collection, chunk, chunk->stored, false, &reason))
		return store_failed(error, "cannot read what is stored", &reason);
	/* A write of somebody else that no majority has yet: it will, or it goes away. */
	if (chunk->states[chunk->stored] == CHUNK_MISSING)
		return error_set(error, ERROR_UNREACHABLE,
						 "a duplicate key that no majority shows under its _id");
	return true;
}

bool store_look(Store *store, Chunk *chunk, Error *error)
{
	bson_error_t reason;

	/*
	 * An insert whose end nobody knows, ours or that of a consumer that died, may be waiting for
	 * its majority. The question takes longer than a look: once in a while will do for the latter.
	 */
	if (clock_ms() >= store->majority_until_ms)
	{
		if (!has_majority(store, error))
			return false;
		store->majority_until_ms = clock_ms() + MAJORITY_MS;
	}
	if (store_read_compare(store->collection, chunk, chunk->stored, true, &reason))
		return true;
	return store_failed(error, "cannot read what is stored", &reason);
}

bool store_look_for_suppressed(Store *store, Chunk *chunk, Error *error)
{
	bson_error_t reason;

	if (clock_ms() >= store->majority_until_ms)
	{
		if (!has_majority(store, error))
			return false;
		store->majority_until_ms = clock_ms() + MAJORITY_MS;
	}
	if (!store_read_suppressed(store->collection, chunk, &reason))
		return store_failed(error, "cannot read what is stored", &reason);
	chunk->doubt = false;
	return true;
}

bool store_insert(Store *store, Chunk *chunk, int limit, bool *retried, Error *error)
{
	int end = chunk->count;

	for (;;)
	{
		int count = collect(store, chunk, limit, &end);
		Refusal refusal = REFUSAL_NONE;
		int index = 0;
		bson_t reply;
		bson_error_t reason;
		bool done;

		if (count == 0)
			break;
		done = mongoc_collection_insert_many(store->collection, store->pending, (size_t) count,
											 store->options, &reply, &reason);
		if (!done)
			refusal = refusal_of(&reply, &index);
		bson_destroy(&reply);
		if (done)
			break;
		if (refusal == REFUSAL_NONE || index < 0 || index >= count)
		{
			*retried = true;
			store->majority_until_ms = 0;
			return store_failed(error, "cannot insert", &reason);
		}
		chunk->stored = store->places[index];
		if (refusal == REFUSAL_FOR_EVER)
		{
			SOMETIMES("consumer.document_refused");
			chunk->states[chunk->stored] = CHUNK_REFUSED;
			chunk->parked++;
		}
		else if (!skip_existing(store, chunk, error))
			return false;
	}
	chunk->stored = end;
	return true;
}
