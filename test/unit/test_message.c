/*
 * test_message.c - the contract's encoding: names, ids, bodies (R0.20).
 *
 * links: lib/contract/message.c libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/contract/message.h"

#define CAMPAIGN "a1b2c3d4e5f6g7h8i9j0k1l2"

static void test_class_names(void **state)
{
	MessageClass class = MESSAGE_CLASS_VIP;

	(void) state;
	assert_string_equal(message_class_name(MESSAGE_CLASS_VIP), "VIP");
	assert_string_equal(message_class_name(MESSAGE_CLASS_NORMAL), "NORMAL");
	assert_true(message_class_parse("NORMAL", 6, &class));
	assert_int_equal(class, MESSAGE_CLASS_NORMAL);
	assert_true(message_class_parse("VIPx", 3, &class));
	assert_int_equal(class, MESSAGE_CLASS_VIP);
	assert_false(message_class_parse("vip", 3, &class));
	assert_false(message_class_parse("", 0, &class));
	assert_false(message_class_parse("NORMAL ", 7, &class));
}

/*
 * Computed with Python: d = hashlib.sha256(id.encode()).digest(),
 * int.from_bytes(d[:4], "big") % 4, d[:10].hex(). These may never change: running
 * campaigns would move to another queue and store everything again.
 */
static void test_partition_and_prefix_known_answers(void **state)
{
	static const struct
	{
		const char *id;
		int partition;
		uint8_t prefix[MESSAGE_DOCUMENT_PREFIX_SIZE];
	} answers[] = {
		{"a1b2c3d4e5f6g7h8i9j0k1l2",
		 1,
		 {0x61, 0x90, 0xac, 0x31, 0xf3, 0x7d, 0x6f, 0x07, 0x8a, 0xd3}},
		{"tz4a98xxat96iws9zmbrgj3a",
		 2,
		 {0xc7, 0x2a, 0x31, 0x52, 0x3b, 0x9e, 0x32, 0x68, 0x2d, 0x28}},
		{"clz", 2, {0xa8, 0xa6, 0x8e, 0xf2, 0xa0, 0xf0, 0x2f, 0x6f, 0x9f, 0xd3}},
		{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		 1,
		 {0xc6, 0x2e, 0x46, 0x15, 0xbd, 0x39, 0xe2, 0x22, 0x57, 0x2f}},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		uint8_t prefix[MESSAGE_DOCUMENT_PREFIX_SIZE];

		assert_int_equal(message_partition(answers[i].id), answers[i].partition);
		message_document_prefix(answers[i].id, prefix);
		assert_memory_equal(prefix, answers[i].prefix, sizeof(prefix));
	}
}

static void test_queue_names(void **state)
{
	char queue[MESSAGE_QUEUE_NAME_MAX];
	char expected[MESSAGE_QUEUE_NAME_MAX];

	(void) state;
	message_partition_queue(3, queue);
	assert_string_equal(queue, "campaign.messages.3");
	message_queue_name(CAMPAIGN, false, queue);
	assert_string_equal(queue, "campaign.parallel");
	message_queue_name(CAMPAIGN, true, queue);
	message_partition_queue(message_partition(CAMPAIGN), expected);
	assert_string_equal(queue, expected);
}

static void test_document_ids_sort_by_class_and_seq(void **state)
{
	static const struct
	{
		MessageClass class;
		int64_t seq;
	} order[] = {
		{MESSAGE_CLASS_VIP, 1},		   {MESSAGE_CLASS_VIP, 255},
		{MESSAGE_CLASS_VIP, 256},	   {MESSAGE_CLASS_VIP, MESSAGE_SEQ_MAX},
		{MESSAGE_CLASS_NORMAL, 1},	   {MESSAGE_CLASS_NORMAL, 65535},
		{MESSAGE_CLASS_NORMAL, 65536}, {MESSAGE_CLASS_NORMAL, MESSAGE_SEQ_MAX},
	};
	uint8_t prefix[MESSAGE_DOCUMENT_PREFIX_SIZE];
	uint8_t before[MESSAGE_DOCUMENT_ID_SIZE];
	uint8_t id[MESSAGE_DOCUMENT_ID_SIZE];

	(void) state;
	message_document_prefix(CAMPAIGN, prefix);
	memcpy(before, prefix, sizeof(prefix));
	memset(before + sizeof(prefix), 0, sizeof(before) - sizeof(prefix));
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
	{
		message_document_id(prefix, order[i].class, order[i].seq, id);
		assert_true(memcmp(before, id, sizeof(id)) < 0);
		memcpy(before, id, sizeof(id));
	}
	/* The last seq, and all of its bits. */
	assert_true(MESSAGE_SEQ_MAX == INT64_C(1099511627775));
	message_document_id(prefix, MESSAGE_CLASS_NORMAL, INT64_C(1099511627775), id);
	assert_memory_equal(id + sizeof(prefix), "\x01\xFF\xFF\xFF\xFF\xFF", 6);
	message_document_id(prefix, MESSAGE_CLASS_NORMAL, INT64_C(0x0102030405), id);
	assert_memory_equal(id, prefix, sizeof(prefix));
	assert_memory_equal(id + sizeof(prefix), "\x01\x01\x02\x03\x04\x05", 6);
}

static void expect_escape(const char *text, size_t length, const char *json)
{
	char out[128];

	assert_int_equal(message_escape(text, length, out, sizeof(out)), strlen(json));
	assert_memory_equal(out, json, strlen(json));
	/* Exactly enough is enough, and one byte less is refused. */
	assert_int_equal(message_escape(text, length, out, strlen(json)), strlen(json));
	assert_int_equal(message_escape(text, length, out, strlen(json) - 1), 0);
}

static void test_escape(void **state)
{
	(void) state;
	expect_escape("", 0, "\"\"");
	expect_escape("plain", 5, "\"plain\"");
	expect_escape("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
	expect_escape("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
	expect_escape("\0\x01\x1F\x7F", 4, "\"\\u0000\\u0001\\u001f\x7F\"");
	expect_escape("Ol\xC3\xA1 \xF0\x9F\x91\x8B", 9, "\"Ol\xC3\xA1 \xF0\x9F\x91\x8B\"");
	assert_int_equal(message_escape("", 0, NULL, 0), 0);
}

static void test_body(void **state)
{
	static const char expected[] =
		"{\"version\":1,\"campaign_id\":\"" CAMPAIGN "\",\"class\":\"NORMAL\",\"total\":5,"
		"\"first_seq\":1,\"message\":\"hi\",\"recipients\":["
		"{\"identifier\":\"abc\",\"phone_number\":\"+5511987654321\"},"
		"{\"identifier\":\"de\",\"phone_number\":\"+12345678\"}]}";
	char buffer[1024];
	MessageBody body = {.buffer = buffer, .capacity = sizeof(buffer), .version = MESSAGE_VERSION};

	(void) state;
	assert_true(message_begin(&body, CAMPAIGN, MESSAGE_CLASS_NORMAL, 5, 1, "\"hi\"", 4));
	assert_true(message_add(&body, "abc", 3, "+5511987654321", 14));
	assert_true(message_add(&body, "de", 2, "+12345678", 9));
	message_end(&body);
	assert_int_equal(body.count, 2);
	assert_int_equal(body.length, sizeof(expected) - 1);
	assert_memory_equal(buffer, expected, body.length);
}

static void test_body_of_version_2(void **state)
{
	static const char expected[] =
		"{\"version\":2,\"campaign_id\":\"" CAMPAIGN "\",\"class\":\"VIP\",\"total\":5,"
		"\"first_seq\":1,\"message\":\"hi\",\"recipients\":["
		"{\"identifier\":\"abc\",\"phone_number\":\"+5511987654321\"},"
		"{\"identifier\":\"abd\",\"phone_number\":\"+12345678\",\"message\":\"you\"},"
		"{\"identifier\":\"abe\",\"phone_number\":\"+12345678\",\"attributes\":{}},"
		"{\"identifier\":\"abf\",\"phone_number\":\"+12345678\",\"message\":\"\",\"attributes\":{"
		"\"a\":1}}]}";
	const MessageOwn owns[] = {{.text = NULL},
							   {.text = "\"you\"", .text_length = 5},
							   {.attributes = "{}", .attributes_length = 2},
							   {"\"\"", 2, "{\"a\":1}", 7}};
	char buffer[1024];
	MessageBody body = {
		.buffer = buffer, .capacity = sizeof(expected) - 1, .version = MESSAGE_VERSION_OWN};

	(void) state;
	assert_true(message_begin(&body, CAMPAIGN, MESSAGE_CLASS_VIP, 5, 1, "\"hi\"", 4));
	assert_true(message_add_own(&body, "abc", 3, "+5511987654321", 14, &owns[0]));
	assert_true(message_add_own(&body, "abd", 3, "+12345678", 9, &owns[1]));
	assert_true(message_add_own(&body, "abe", 3, "+12345678", 9, &owns[2]));
	/* One byte too little: nothing is added. */
	body.capacity--;
	assert_false(message_add_own(&body, "abf", 3, "+12345678", 9, &owns[3]));
	body.capacity++;
	assert_int_equal(body.count, 3);
	assert_true(message_add_own(&body, "abf", 3, "+12345678", 9, &owns[3]));
	message_end(&body);
	assert_int_equal(body.count, 4);
	assert_int_equal(body.length, sizeof(expected) - 1);
	assert_memory_equal(buffer, expected, body.length);
}

/* For every capacity: what was added and the tail fit, and a refusal changes nothing. */
static void test_body_never_overflows(void **state)
{
	(void) state;
	for (size_t capacity = 0; capacity < 600; capacity++)
	{
		char *buffer = malloc(capacity > 0 ? capacity : 1);
		MessageBody body = {.buffer = buffer, .capacity = capacity, .version = MESSAGE_VERSION};

		assert_non_null(buffer);
		if (message_begin(&body, CAMPAIGN, MESSAGE_CLASS_VIP, 5, 1, "\"hi\"", 4))
		{
			size_t length = body.length;
			int count = 0;

			while (message_add(&body, "abcdefghijklmnopqrstuvwx", 24, "+5511987654321", 14))
			{
				length = body.length;
				count++;
			}
			assert_int_equal(body.length, length);
			assert_int_equal(body.count, count);
			message_end(&body);
			assert_in_range(body.length, 1, capacity);
			assert_memory_equal(buffer + body.length - 2, "]}", 2);
		}
		else
			assert_true(capacity < 150);
		free(buffer);
	}
}

/* The longest text, all of it escaped, still leaves room for a batch of one. */
static void test_limits_fit_one_frame(void **state)
{
	char *text = calloc(1, MESSAGE_TEXT_MAX_CHARS);
	char *escaped = malloc(MESSAGE_BODY_MAX);
	char *buffer = malloc(MESSAGE_BODY_MAX);
	MessageBody body = {.buffer = buffer, .capacity = MESSAGE_BODY_MAX, .version = MESSAGE_VERSION};
	size_t length;

	(void) state;
	assert_true(text != NULL && escaped != NULL && buffer != NULL);
	memset(text, 1, MESSAGE_TEXT_MAX_CHARS);
	length = message_escape(text, MESSAGE_TEXT_MAX_CHARS, escaped, MESSAGE_BODY_MAX);
	assert_int_equal(length, 6 * MESSAGE_TEXT_MAX_CHARS + 2);
	assert_true(message_begin(&body, "abcdefghijklmnopqrstuvwxyz012345", MESSAGE_CLASS_NORMAL,
							  MESSAGE_SEQ_MAX, MESSAGE_SEQ_MAX, escaped, length));
	assert_true(message_add(&body, "abcdefghijklmnopqrstuvwxyz012345", MESSAGE_ID_MAX,
							"+123456789012345", MESSAGE_PHONE_MAX));
	/* And one that brings such a text and the longest attributes. */
	assert_true(message_begin(&body, "abcdefghijklmnopqrstuvwxyz012345", MESSAGE_CLASS_NORMAL,
							  MESSAGE_SEQ_MAX, MESSAGE_SEQ_MAX, escaped, length));
	assert_true(message_add_own(&body, "abcdefghijklmnopqrstuvwxyz012345", MESSAGE_ID_MAX,
								"+123456789012345", MESSAGE_PHONE_MAX,
								&(MessageOwn){escaped, length, text, MESSAGE_ATTRIBUTES_MAX}));
	free(text);
	free(escaped);
	free(buffer);
}

static void test_batch_has_a_maximum(void **state)
{
	char *buffer = malloc(MESSAGE_BODY_MAX);
	MessageBody body = {.buffer = buffer, .capacity = MESSAGE_BODY_MAX, .version = MESSAGE_VERSION};

	(void) state;
	assert_non_null(buffer);
	assert_true(message_begin(&body, CAMPAIGN, MESSAGE_CLASS_NORMAL, 5, 1, "\"\"", 2));
	for (int i = 0; i < MESSAGE_BATCH_MAX; i++)
		assert_true(message_add(&body, "a0", 2, "+12345678", 9));
	assert_false(message_add(&body, "a0", 2, "+12345678", 9));
	assert_int_equal(body.count, MESSAGE_BATCH_MAX);
	free(buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_class_names),
		cmocka_unit_test(test_partition_and_prefix_known_answers),
		cmocka_unit_test(test_queue_names),
		cmocka_unit_test(test_document_ids_sort_by_class_and_seq),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_body_of_version_2),
		cmocka_unit_test(test_body_never_overflows),
		cmocka_unit_test(test_limits_fit_one_frame),
		cmocka_unit_test(test_batch_has_a_maximum),
	};

	return cmocka_run_group_tests_name("message (R0.20)", tests, NULL, NULL);
}
