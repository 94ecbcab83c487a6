/*
 * raw_mongo.c - ceiling of the whole pipeline: the documents that the consumer
 * would store, inserted by a bare libmongoc loop with the same durability.
 *
 *     raw_mongo DATABASE COLLECTION CAMPAIGN_ID TEXT COUNT BATCH      (MONGODB_URI)
 *
 * All documents are made before the clock starts, so that only MongoDB and its
 * driver are measured. The collection must exist (bench.py makes it, with the
 * options of the consumer's): an insert would make an ordinary one.
 *
 * links: lib/contract/message.c src/identity/cuid2.c src/identity/cuid2_digits.c libmongoc-1.0 -lcrypto
 */
#include <mongoc/mongoc.h>
#include <string.h>

#include "clock.h"
#include "lib/contract/message.h"
#include "sample.h"
#include "src/identity/cuid2.h"

#define WRITE_TIMEOUT_MS 60000

typedef struct Campaign
{
	const char *id;
	const char *text;
	uint8_t prefix[MESSAGE_DOCUMENT_PREFIX_SIZE];
	Cuid2Series series;
} Campaign;

static bson_t *make_document(Campaign *campaign, int64_t seq)
{
	uint8_t id[MESSAGE_DOCUMENT_ID_SIZE];
	char identifier[CUID2_LENGTH_DEFAULT + 1];
	char phone[SAMPLE_PHONE_SIZE];
	int64_t now_ms = (int64_t) time(NULL) * 1000;
	bson_t *document = bson_new();

	message_document_id(campaign->prefix, MESSAGE_CLASS_NORMAL, seq, id);
	sample_phone(seq, phone);
	if (!cuid2_series_id(&campaign->series, seq, identifier) ||
		!BSON_APPEND_BINARY(document, "_id", BSON_SUBTYPE_BINARY, id, sizeof(id)) ||
		!BSON_APPEND_UTF8(document, "identifier", identifier) ||
		!BSON_APPEND_UTF8(document, "phone_number", phone) ||
		!BSON_APPEND_UTF8(document, "message", campaign->text) ||
		!BSON_APPEND_UTF8(document, "campaign_id", campaign->id) ||
		!BSON_APPEND_UTF8(document, "class", message_class_name(MESSAGE_CLASS_NORMAL)) ||
		!BSON_APPEND_INT64(document, "seq", seq) ||
		!BSON_APPEND_DATE_TIME(document, "created_at", now_ms) ||
		!BSON_APPEND_DATE_TIME(document, "updated_at", now_ms) ||
		!BSON_APPEND_BOOL(document, "deleted", false))
		clock_fail("document", "cannot be made");
	return document;
}

static bson_t **make_documents(const char *campaign_id, const char *text, long count)
{
	Campaign campaign = {.id = campaign_id, .text = text};
	bson_t **documents = malloc((size_t) count * sizeof(*documents));

	if (documents == NULL)
		clock_fail("documents", "out of memory");
	message_document_prefix(campaign_id, campaign.prefix);
	if (!cuid2_series_init(&campaign.series, SAMPLE_TIME_MS, SAMPLE_ENTROPY, SAMPLE_FINGERPRINT))
		clock_fail("documents", "no identifiers");
	for (long i = 0; i < count; i++)
		documents[i] = make_document(&campaign, i + 1);
	return documents;
}

static mongoc_collection_t *open_collection(mongoc_client_t *client, const char *database,
											const char *name)
{
	mongoc_collection_t *collection = mongoc_client_get_collection(client, database, name);
	mongoc_write_concern_t *concern = mongoc_write_concern_new();
	bson_t *ping = BCON_NEW("ping", BCON_INT32(1));
	bson_error_t reason;

	mongoc_write_concern_set_wmajority(concern, WRITE_TIMEOUT_MS);
	mongoc_write_concern_set_journal(concern, true);
	mongoc_collection_set_write_concern(collection, concern);
	mongoc_write_concern_destroy(concern);
	/* The connection is made here, not on the clock. */
	if (!mongoc_client_command_simple(client, "admin", ping, NULL, NULL, &reason))
		clock_fail("connect", reason.message);
	bson_destroy(ping);
	return collection;
}

static void insert_all(mongoc_collection_t *collection, bson_t **documents, long count, long batch)
{
	bson_t *options = BCON_NEW("ordered", BCON_BOOL(true), "validate", BCON_BOOL(false));

	for (long from = 0; from < count; from += batch)
	{
		size_t size = (size_t) (count - from < batch ? count - from : batch);
		bson_error_t reason;

		if (!mongoc_collection_insert_many(collection, (const bson_t **) documents + from, size,
										   options, NULL, &reason))
			clock_fail("insert", reason.message);
	}
	bson_destroy(options);
}

int main(int argc, char **argv)
{
	const char *uri = getenv("MONGODB_URI");
	mongoc_uri_t *parsed;
	mongoc_client_t *client;
	mongoc_collection_t *collection;
	bson_t **documents;
	double start;
	long count;

	if (argc != 7 || uri == NULL)
		clock_fail("usage", "raw_mongo DATABASE COLLECTION CAMPAIGN_ID TEXT COUNT BATCH");
	count = clock_argument(argv[5]);
	mongoc_init();
	parsed = mongoc_uri_new(uri);
	if (parsed == NULL)
		clock_fail("MONGODB_URI", "malformed");
	/* As the consumer: a retryable write costs a session and a transaction number. */
	(void) mongoc_uri_set_option_as_bool(parsed, MONGOC_URI_RETRYWRITES, false);
	client = mongoc_client_new_from_uri(parsed);
	if (client == NULL)
		clock_fail("MONGODB_URI", "refused");
	documents = make_documents(argv[3], argv[4], count);
	collection = open_collection(client, argv[1], argv[2]);

	start = clock_seconds();
	insert_all(collection, documents, count, clock_argument(argv[6]));
	clock_print(clock_seconds() - start);

	for (long i = 0; i < count; i++)
		bson_destroy(documents[i]);
	free(documents);
	mongoc_collection_destroy(collection);
	mongoc_client_destroy(client);
	mongoc_uri_destroy(parsed);
	mongoc_cleanup();
	return 0;
}
