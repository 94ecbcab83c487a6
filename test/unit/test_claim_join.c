/*
 * test_claim_join.c - which results are written down by one update, and what that update says.
 *
 * links: lib/program/clock.c consumer/claim_join.c consumer/store_read.c consumer/ranges.c consumer/chunk.c lib/contract/message.c lib/contract/error.c lib/contract/utf8.c libmongoc-1.0 libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/claim_join.h"
#include "lib/contract/message.h"

#define CAPACITY 64

static bson_t *documents[CAPACITY];
static ClaimChange changes[CAPACITY];
static int count;

static void add(const char *campaign_id, MessageClass class, int64_t seq, int64_t sent_ms)
{
	uint8_t prefix[MESSAGE_DOCUMENT_PREFIX_SIZE];
	uint8_t id[MESSAGE_DOCUMENT_ID_SIZE];

	message_document_prefix(campaign_id, prefix);
	message_document_id(prefix, class, seq, id);
	documents[count] = bson_new();
	BSON_APPEND_BINARY(documents[count], "_id", BSON_SUBTYPE_BINARY, id, sizeof(id));
	changes[count] =
		(ClaimChange){.document = documents[count], .claim = "mine", .sent_ms = sent_ms};
	count++;
}

/* From seq 1 on, each a letter: `s` was sent in the millisecond of its seq, `f` was not. */
static void results(const char *letters)
{
	for (int i = 0; letters[i] != '\0'; i++)
		add("a", MESSAGE_CLASS_NORMAL, i + 1, letters[i] == 's' ? i + 1 : 0);
}

static int forget(void **state)
{
	(void) state;
	for (int i = 0; i < count; i++)
		bson_destroy(documents[i]);
	count = 0;
	return 0;
}

static char *json_of(const bson_t *document, const char *path)
{
	bson_iter_t iter;
	bson_iter_t found;
	bson_t part = BSON_INITIALIZER;
	char *json;

	assert_true(bson_iter_init(&iter, document));
	assert_true(bson_iter_find_descendant(&iter, path, &found));
	bson_append_iter(&part, "it", -1, &found);
	json = bson_as_relaxed_extended_json(&part, NULL);
	bson_destroy(&part);
	return json;
}

static void assert_part(const bson_t *document, const char *path, const char *expected)
{
	char *json = json_of(document, path);

	assert_string_equal(json, expected);
	bson_free(json);
}

/* Each has its own time, by its seq. */
static void test_all_sent(void **state)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t update = BSON_INITIALIZER;
	char *json;

	(void) state;
	results("ssssssss");
	assert_int_equal(claim_join_end(changes, 0, count), count);
	assert_int_equal(claim_join(changes, 0, count, &filter, &update), 8);
	assert_part(&filter, "claim", "{ \"it\" : \"mine\" }");
	assert_false(bson_has_field(&filter, "seq"));
	json = bson_as_relaxed_extended_json(&update, NULL);
	assert_string_equal(
		json, "{ \"0\" : { \"$set\" : { \"status\" : \"sent\", \"attempts\" : 1, \"sent_at\" : { "
			  "\"$arrayElemAt\" : [ { \"$literal\" : [ "
			  "{ \"$date\" : \"1970-01-01T00:00:00.001Z\" }, "
			  "{ \"$date\" : \"1970-01-01T00:00:00.002Z\" }, "
			  "{ \"$date\" : \"1970-01-01T00:00:00.003Z\" }, "
			  "{ \"$date\" : \"1970-01-01T00:00:00.004Z\" }, "
			  "{ \"$date\" : \"1970-01-01T00:00:00.005Z\" }, "
			  "{ \"$date\" : \"1970-01-01T00:00:00.006Z\" }, "
			  "{ \"$date\" : \"1970-01-01T00:00:00.007Z\" }, "
			  "{ \"$date\" : \"1970-01-01T00:00:00.008Z\" } ] }, { \"$subtract\" : [ \"$seq\", 1 "
			  "] } ] } } }, \"1\" : { \"$set\" : { \"updated_at\" : \"$sent_at\" } }, \"2\" : { "
			  "\"$unset\" : \"claim\" } }");
	bson_free(json);
	bson_destroy(&filter);
	bson_destroy(&update);
}

/* What lies between them is somebody else's, or has another result. */
static void test_others_between(void **state)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t update = BSON_INITIALIZER;

	(void) state;
	results("fssfssssfsff");
	add("a", MESSAGE_CLASS_NORMAL, 15, 15);
	assert_int_equal(claim_join_end(changes, 0, count), count);
	assert_int_equal(claim_join(changes, 0, count, &filter, &update), 8);
	assert_part(&filter, "seq.$nin", "{ \"it\" : [ 4, 9, 11, 12, 13, 14 ] }");
	assert_part(&update, "0.$set.sent_at.$arrayElemAt.0.$literal.2", "{ \"it\" : null }");
	assert_part(&update, "0.$set.sent_at.$arrayElemAt.0.$literal.13",
				"{ \"it\" : { \"$date\" : \"1970-01-01T00:00:00.015Z\" } }");
	assert_part(&update, "0.$set.sent_at.$arrayElemAt.1.$subtract.1", "{ \"it\" : 2 }");
	bson_destroy(&filter);
	bson_destroy(&update);
}

/* Few are not worth it, and leave nothing behind. */
static void test_few(void **state)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t update = BSON_INITIALIZER;

	(void) state;
	results("sfffssssss");
	assert_int_equal(claim_join(changes, 0, count, &filter, &update), 0);
	assert_true(bson_empty(&filter) && bson_empty(&update));
	assert_int_equal(claim_join(changes, 1, 4, &filter, &update), 0);
	bson_destroy(&filter);
	bson_destroy(&update);
}

/* Others come apart: far away, of another class or campaign, under another claim, backwards. */
static void test_apart(void **state)
{
	(void) state;
	results("sss");
	add("a", MESSAGE_CLASS_NORMAL, 19, 1);
	add("a", MESSAGE_CLASS_NORMAL, 36, 1);
	add("a", MESSAGE_CLASS_VIP, 37, 1);
	add("b", MESSAGE_CLASS_VIP, 38, 1);
	add("b", MESSAGE_CLASS_VIP, 39, 1);
	changes[count - 1].claim = "taken over";
	add("b", MESSAGE_CLASS_VIP, 39, 1);
	changes[count - 1].claim = "taken over";
	assert_int_equal(claim_join_end(changes, 0, count), 4);
	for (int i = 4; i < count; i++)
		assert_int_equal(claim_join_end(changes, i, count), i + 1);
}

static void test_none_sent(void **state)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t update = BSON_INITIALIZER;

	(void) state;
	results("fff");
	assert_int_equal(claim_join_end(changes, 0, count), 3);
	assert_int_equal(claim_join(changes, 0, 3, &filter, &update), 0);
	bson_destroy(&filter);
	bson_destroy(&update);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_all_sent, forget),
		cmocka_unit_test_teardown(test_others_between, forget),
		cmocka_unit_test_teardown(test_few, forget),
		cmocka_unit_test_teardown(test_apart, forget),
		cmocka_unit_test_teardown(test_none_sent, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
