/*
 * raw_proof.c - ceiling of a proof: the same documents read by a bare libmongoc loop, in the order
 * of their _id, and two SHA-256 for each: of its bytes, and of a node of the tree.
 *
 *     raw_proof DATABASE COLLECTION COUNT      (MONGODB_URI)
 *
 * links: libmongoc-1.0 -lcrypto
 */
#include <mongoc/mongoc.h>
#include <openssl/evp.h>

#include "clock.h"

#define BATCH_DOCUMENTS 20000
#define NODE_BYTES		65

static EVP_MD_CTX *context;

static void hash(const void *bytes, size_t length, unsigned char digest[EVP_MAX_MD_SIZE])
{
	if (EVP_DigestInit_ex2(context, NULL, NULL) != 1 ||
		EVP_DigestUpdate(context, bytes, length) != 1 ||
		EVP_DigestFinal_ex(context, digest, NULL) != 1)
		clock_fail("SHA-256", "failed");
}

static long read_all(mongoc_collection_t *collection)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t *options =
		BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}", "batchSize", BCON_INT64(BATCH_DOCUMENTS));
	mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(collection, &filter, options, NULL);
	unsigned char digests[EVP_MAX_MD_SIZE * 2] = {0};
	const bson_t *document;
	bson_error_t reason;
	long count = 0;

	for (; mongoc_cursor_next(cursor, &document); count++)
	{
		hash(bson_get_data(document), document->len, digests);
		hash(digests, NODE_BYTES, digests);
	}
	if (mongoc_cursor_error(cursor, &reason))
		clock_fail("read", reason.message);
	mongoc_cursor_destroy(cursor);
	bson_destroy(options);
	return count;
}

int main(int argc, char **argv)
{
	const char *uri = getenv("MONGODB_URI");
	mongoc_client_t *client;
	mongoc_collection_t *collection;
	mongoc_read_concern_t *majority;
	EVP_MD *digest;
	double start;

	if (argc != 4 || uri == NULL)
		clock_fail("usage", "raw_proof DATABASE COLLECTION COUNT");
	mongoc_init();
	client = mongoc_client_new(uri);
	if (client == NULL)
		clock_fail("MONGODB_URI", "refused");
	digest = EVP_MD_fetch(NULL, "SHA256", NULL);
	context = EVP_MD_CTX_new();
	if (digest == NULL || context == NULL || EVP_DigestInit_ex2(context, digest, NULL) != 1)
		clock_fail("SHA-256", "no memory");
	collection = mongoc_client_get_collection(client, argv[1], argv[2]);
	majority = mongoc_read_concern_new();
	(void) mongoc_read_concern_set_level(majority, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
	mongoc_collection_set_read_concern(collection, majority);
	mongoc_read_concern_destroy(majority);

	start = clock_seconds();
	if (read_all(collection) != clock_argument(argv[3]))
		clock_fail(argv[2], "has not so many documents");
	clock_print(clock_seconds() - start);

	EVP_MD_CTX_free(context);
	EVP_MD_free(digest);
	mongoc_collection_destroy(collection);
	mongoc_client_destroy(client);
	mongoc_cleanup();
	return 0;
}
