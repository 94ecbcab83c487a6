/*
 * walk.c - reads a campaign's documents for a proof; see walk.h.
 *
 * Must never ask a question that may take long: a proof is made beside the lanes.
 */
#include "walk.h"

#include <mongoc/mongoc.h>
#include <stdlib.h>
#include <string.h>

#include "program/stop.h"
#include "store.h"
#include "store_uri.h"

/* The server ends a batch at 16 MB, whatever this says. */
#define BATCH_DOCUMENTS 20000

/* Of the ids of all campaigns, so much is looked through at once: no question may take long. */
#define SLICES 256

/* Codes of the server (error_codes.yml). */
#define CODE_UNAUTHORIZED		   13
#define CODE_AUTHENTICATION_FAILED 18

struct Walk
{
	const Config *config;
	mongoc_uri_t *uri;
	mongoc_client_t *client;
	mongoc_collection_t *collection;
	mongoc_cursor_t *cursor;
	char campaign_id[MESSAGE_ID_MAX + 1];
};

Walk *walk_new(const Config *config, Error *error)
{
	mongoc_uri_t *uri = store_uri(config, error);
	Walk *walk = uri == NULL ? NULL : calloc(1, sizeof(*walk));

	if (walk == NULL)
	{
		if (uri != NULL)
			error_set(error, ERROR_MEMORY, "out of memory");
		mongoc_uri_destroy(uri);
		return NULL;
	}
	walk->config = config;
	walk->uri = uri;
	/* A proof holds no queue: it has the time that a slow server needs. */
	if (mongoc_uri_get_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, 0) ==
		store_answer_ms(config))
		(void) mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, STORE_SLOW_MS);
	return walk;
}

void walk_stop(Walk *walk)
{
	mongoc_cursor_destroy(walk->cursor);
	walk->cursor = NULL;
}

void walk_free(Walk *walk)
{
	if (walk == NULL)
		return;
	walk_stop(walk);
	mongoc_collection_destroy(walk->collection);
	mongoc_client_destroy(walk->client);
	mongoc_uri_destroy(walk->uri);
	free(walk);
}

static bool failed(Error *error, const bson_error_t *reason)
{
	bool refused =
		reason->code == CODE_UNAUTHORIZED || reason->code == CODE_AUTHENTICATION_FAILED ||
		(reason->domain == MONGOC_ERROR_CLIENT && reason->code == MONGOC_ERROR_CLIENT_AUTHENTICATE);

	return error_set(error, refused ? ERROR_REFUSED : ERROR_UNREACHABLE,
					 "cannot read what is stored: %s", reason->message);
}

/* As store.c's: what a majority has, from the primary. */
static bool open_collection(Walk *walk, Error *error)
{
	mongoc_read_concern_t *concern;
	mongoc_read_prefs_t *primary;
	bson_error_t reason = {0};

	if (walk->collection != NULL)
		return true;
	walk->client = mongoc_client_new_from_uri_with_error(walk->uri, &reason);
	if (walk->client == NULL)
		return error_set(error, ERROR_UNREACHABLE, "cannot find the servers: %s", reason.message);
	(void) mongoc_client_set_error_api(walk->client, MONGOC_ERROR_API_VERSION_2);
	walk->collection = mongoc_client_get_collection(walk->client, store_database(walk->uri),
													walk->config->collection);
	concern = mongoc_read_concern_new();
	primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
	(void) mongoc_read_concern_set_level(concern, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
	mongoc_collection_set_read_concern(walk->collection, concern);
	mongoc_collection_set_read_prefs(walk->collection, primary);
	mongoc_read_prefs_destroy(primary);
	mongoc_read_concern_destroy(concern);
	return true;
}

static void append_id(bson_t *bounds, const char *operator,
					  const uint8_t id[MESSAGE_DOCUMENT_ID_SIZE])
{
	bson_append_binary(bounds, operator, - 1, BSON_SUBTYPE_BINARY, id, MESSAGE_DOCUMENT_ID_SIZE);
}

static void put_bounds(bson_t *filter, const char *low_operator,
					   const uint8_t low[MESSAGE_DOCUMENT_ID_SIZE], const char *high_operator,
					   const uint8_t high[MESSAGE_DOCUMENT_ID_SIZE])
{
	bson_t bounds;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &bounds);
	append_id(&bounds, low_operator, low);
	append_id(&bounds, high_operator, high);
	bson_append_document_end(filter, &bounds);
}

/* The lowest and the highest _id that a campaign can have. */
static void id_limits(const char *campaign_id, uint8_t low[MESSAGE_DOCUMENT_ID_SIZE],
					  uint8_t high[MESSAGE_DOCUMENT_ID_SIZE])
{
	memset(low, 0x00, MESSAGE_DOCUMENT_ID_SIZE);
	memset(high, 0xFF, MESSAGE_DOCUMENT_ID_SIZE);
	message_document_prefix(campaign_id, low);
	message_document_prefix(campaign_id, high);
}

bool walk_start(Walk *walk, const char *campaign_id, const WalkPlace *after, Error *error)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *options;
	uint8_t low[MESSAGE_DOCUMENT_ID_SIZE];
	uint8_t high[MESSAGE_DOCUMENT_ID_SIZE];

	walk_stop(walk);
	if (!open_collection(walk, error))
		return false;
	memcpy(walk->campaign_id, campaign_id, strlen(campaign_id) + 1);
	id_limits(campaign_id, low, high);
	if (after != NULL)
		message_document_id(low, (MessageClass) after->class, after->seq, low);
	put_bounds(&filter, after != NULL ? "$gt" : "$gte", low, "$lte", high);
	options =
		BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}", "batchSize", BCON_INT64(BATCH_DOCUMENTS));
	walk->cursor = mongoc_collection_find_with_opts(walk->collection, &filter, options, NULL);
	bson_destroy(options);
	bson_destroy(&filter);
	return true;
}

WalkStatus walk_next(Walk *walk, WalkDocument *document, Error *error)
{
	const bson_t *bson;
	bson_error_t reason;

	if (mongoc_cursor_next(walk->cursor, &bson))
	{
		walk_document_read(bson, walk->campaign_id, document);
		return WALK_DOCUMENT;
	}
	if (!mongoc_cursor_error(walk->cursor, &reason))
		return WALK_END;
	(void) failed(error, &reason);
	return WALK_FAILED;
}

bool walk_count(Walk *walk, const char *campaign_id, int64_t *count, Error *error)
{
	bson_t filter = BSON_INITIALIZER;
	uint8_t low[MESSAGE_DOCUMENT_ID_SIZE];
	uint8_t high[MESSAGE_DOCUMENT_ID_SIZE];
	bson_error_t reason;

	id_limits(campaign_id, low, high);
	put_bounds(&filter, "$gte", low, "$lte", high);
	*count =
		mongoc_collection_count_documents(walk->collection, &filter, NULL, NULL, NULL, &reason);
	bson_destroy(&filter);
	return *count >= 0 || failed(error, &reason);
}

/* The first document of the campaign that these filter and options find; takes both. */
static WalkStatus find_stray(Walk *walk, const char *campaign_id, bson_t *filter, bson_t *options,
							 WalkDocument *document, Error *error)
{
	WalkStatus status;

	walk_stop(walk);
	BSON_APPEND_UTF8(filter, "campaign_id", campaign_id);
	BSON_APPEND_INT64(options, "limit", 1);
	memcpy(walk->campaign_id, campaign_id, strlen(campaign_id) + 1);
	walk->cursor = mongoc_collection_find_with_opts(walk->collection, filter, options, NULL);
	bson_destroy(options);
	bson_destroy(filter);
	status = walk_next(walk, document, error);
	if (status == WALK_DOCUMENT)
		document->wrong = "_id";
	return status;
}

/*
 * Ids that are no 16 bytes: they sort below all zeros or above all ones. A condition would compare
 * values of one type only; limits of the index, which a clustered collection has, too, compare all.
 */
static WalkStatus look_at_other_forms(Walk *walk, const char *campaign_id, WalkDocument *document,
									  Error *error)
{
	WalkStatus status = WALK_END;

	for (int side = 0; status == WALK_END && side < 2; side++)
	{
		uint8_t limit[MESSAGE_DOCUMENT_ID_SIZE];
		bson_t *options = BCON_NEW("hint", "{", "_id", BCON_INT32(1), "}");
		bson_t bound;

		memset(limit, side == 0 ? 0x00 : 0xFF, sizeof(limit));
		bson_append_document_begin(options, side == 0 ? "max" : "min", -1, &bound);
		append_id(&bound, "_id", limit);
		bson_append_document_end(options, &bound);
		status = find_stray(walk, campaign_id, bson_new(), options, document, error);
	}
	return status;
}

static WalkStatus look_between(Walk *walk, const char *campaign_id, const char *low_operator,
							   const uint8_t low[MESSAGE_DOCUMENT_ID_SIZE],
							   const char *high_operator,
							   const uint8_t high[MESSAGE_DOCUMENT_ID_SIZE], WalkDocument *document,
							   Error *error)
{
	bson_t *filter = bson_new();

	put_bounds(filter, low_operator, low, high_operator, high);
	return find_stray(walk, campaign_id, filter, bson_new(), document, error);
}

/* The ids of all campaigns but this one. */
static WalkStatus look_at_other_campaigns(Walk *walk, const char *campaign_id,
										  WalkDocument *document, Error *error)
{
	uint8_t own_low[MESSAGE_DOCUMENT_ID_SIZE];
	uint8_t own_high[MESSAGE_DOCUMENT_ID_SIZE];
	WalkStatus status = WALK_END;

	id_limits(campaign_id, own_low, own_high);
	for (int slice = 0; status == WALK_END && slice < SLICES; slice++)
	{
		uint8_t low[MESSAGE_DOCUMENT_ID_SIZE] = {(uint8_t) slice};
		uint8_t high[MESSAGE_DOCUMENT_ID_SIZE];
		bool own = own_low[0] == slice;

		if (stop_requested())
		{
			(void) error_set(error, ERROR_UNREACHABLE, "stopped");
			return WALK_FAILED;
		}
		memset(high, 0xFF, sizeof(high));
		high[0] = (uint8_t) slice;
		status = look_between(walk, campaign_id, "$gte", low, own ? "$lt" : "$lte",
							  own ? own_low : high, document, error);
		if (own && status == WALK_END)
			status =
				look_between(walk, campaign_id, "$gt", own_high, "$lte", high, document, error);
	}
	return status;
}

WalkStatus walk_stray(Walk *walk, const char *campaign_id, bool everywhere, WalkDocument *document,
					  Error *error)
{
	WalkStatus status = look_at_other_forms(walk, campaign_id, document, error);

	if (status == WALK_END && everywhere)
		status = look_at_other_campaigns(walk, campaign_id, document, error);
	return status;
}
