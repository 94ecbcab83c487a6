/*
 * test_decode.c - bodies of messages: what is taken, what is refused and why
 * (R0.16, R0.20, R3.1).
 *
 * links: consumer/decode.c consumer/attributes.c consumer/json.c consumer/json_string.c lib/contract/attributes.c lib/contract/message.c lib/contract/error.c lib/contract/utf8.c libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode_probe.h"

static void test_takes_what_the_worker_writes(void **state)
{
	char buffer[MESSAGE_BODY_MAX];
	char escaped[256];
	const char *text = "Ol\xC3\xA1 \"x\" \\ \n \x01 \xF0\x9F\x98\x80";
	size_t escaped_length = message_escape(text, strlen(text), escaped, sizeof(escaped));
	MessageBody body = {.buffer = buffer, .capacity = sizeof(buffer), .version = MESSAGE_VERSION};
	bool done;
	char *copy;

	(void) state;
	assert_true(message_begin(&body, "camp1", MESSAGE_CLASS_VIP, 10, 4, escaped, escaped_length));
	assert_true(message_add(&body, "ab", 2, "+12345678", 9));
	assert_true(message_add(&body, "zz9", 3, "+123456789012345", 16));
	message_end(&body);
	copy = decode_copy(buffer, body.length, &done);
	assert_true(done);
	assert_string_equal(batch.campaign_id, "camp1");
	assert_int_equal(batch.class, MESSAGE_CLASS_VIP);
	assert_int_equal(batch.total, 10);
	assert_int_equal(batch.first_seq, 4);
	assert_int_equal(batch.count, 2);
	assert_int_equal(batch.text_length, strlen(text));
	assert_memory_equal(batch.text, text, strlen(text));
	assert_int_equal(batch.recipients[1].identifier_length, 3);
	assert_memory_equal(batch.recipients[1].identifier, "zz9", 3);
	assert_int_equal(batch.recipients[1].phone_length, 16);
	assert_memory_equal(batch.recipients[1].phone_number, "+123456789012345", 16);
	free(copy);
}

static void test_takes_any_order_space_and_unknown_fields(void **state)
{
	(void) state;
	take_text(
		" {\r\n\t\"recipients\" : [ { \"phone_number\" : \"+12345678\" , \"x\" : [1,{}] , "
		"\"identifier\" : \"ab\" } ] , \"message\" : \"m\" , \"first_seq\" : 1 , \"total\" : 1 ,"
		"\"class\" : \"VIP\" , \"new\" : {\"a\":[true,false,null,-1.5e+3,\"\\u00e9\"]} , "
		"\"campaign_id\" : \"c1\" , \"version\" : 1 } \n",
		"m");
}

static void test_undoes_escapes(void **state)
{
	(void) state;
	take_text(BODY_WITH("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\/\b\f\n\r\t");
	take_text(BODY_WITH("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\""),
			  "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
	take_text(BODY_WITH("\"\""), "");
	take_text(HEAD "\"total\":9,\"first_seq\":3,\"message\":\"m\",\"recipients\":[{\"identifier\":"
				   "\"\\u0061b1\",\"phone_number\":\"\\u002b12345678\"}]}",
			  "m");
}

static void test_refuses_wrong_strings(void **state)
{
	(void) state;
	refuse(BODY_WITH("\"\\ud83d\""), "unpaired surrogate");
	refuse(BODY_WITH("\"\\ude00\\ud83d\""), "unpaired surrogate");
	refuse(BODY_WITH("\"\\ud83d\\u0041\""), "unpaired surrogate");
	refuse(BODY_WITH("\"\\u0000\""), "NUL");
	refuse(BODY_WITH("\"\\u12g4\""), "wrong \\u escape");
	refuse(BODY_WITH("\"\\x\""), "unknown escape");
	refuse(BODY_WITH("\"a\nb\""), "control character");
	refuse(BODY_WITH("\"\x80\""), "invalid UTF-8");
	refuse(BODY_WITH("\"\xC0\xAF\""), "invalid UTF-8");
	refuse(BODY_WITH("\"\xE0\x80\x80\""), "invalid UTF-8");
	refuse(BODY_WITH("\"\xED\xA0\x80\""), "invalid UTF-8");
	refuse(BODY_WITH("\"\xF4\x90\x80\x80\""), "invalid UTF-8");
	refuse(BODY_WITH("\"\xC3\""), "invalid UTF-8");
	refuse(BODY_WITH("5"), "expected a string");
	refuse_bytes("{\"version\0\":1}", 13, "control character");
}

static void test_refuses_what_is_no_json(void **state)
{
	(void) state;
	refuse("", "expected '{'");
	refuse("[]", "expected '{'");
	refuse("{", "expected a string");
	refuse("{}", "is missing");
	refuse("{\"x\":01}", "leading zero");
	refuse("{\"x\":1.}", "expected a digit");
	refuse("{\"x\":tru}", "expected a value");
	refuse("{\"x\":1,}", "expected a string");
	refuse("{\"x\" 1}", "expected ':'");
	refuse(BODY_WITH("\"m\"") "{", "unexpected text");
	refuse("\xEF\xBB\xBF{}", "expected '{'");
}

/* Every truncation of a good body is refused, and none is read past its end. */
static void test_refuses_every_truncation(void **state)
{
	const char *body = BODY_WITH("\"\\u00e9\xC3\xA9\"");

	(void) state;
	for (size_t length = 0; length < strlen(body); length++)
		refuse_bytes(body, length, "");
}

static void test_refuses_deep_nesting(void **state)
{
	char body[1024] = "{\"x\":";

	(void) state;
	memset(body + 5, '[', 500);
	refuse(body, "nested too deep");
}

#define FIELDS(version, id, class, total, first)                                                   \
	"{\"version\":" version ",\"campaign_id\":" id                                                 \
	",\"class\":" class ",\"total\":" total ",\"first_seq\":" first                                \
						",\"message\":\"m\",\"recipients\":" ONE "}"

static void test_refuses_wrong_fields(void **state)
{
	(void) state;
	refuse(FIELDS("0", "\"c1\"", "\"VIP\"", "1", "1"), "unknown version 0");
	refuse(FIELDS("4", "\"c1\"", "\"VIP\"", "1", "1"), "unknown version 4");
	refuse(FIELDS("\"1\"", "\"c1\"", "\"VIP\"", "1", "1"), "expected a whole number");
	refuse(FIELDS("1.0", "\"c1\"", "\"VIP\"", "1", "1"), "expected a whole number");
	refuse(FIELDS("1", "\"c\"", "\"VIP\"", "1", "1"), "campaign_id");
	refuse(FIELDS("1", "\"1c\"", "\"VIP\"", "1", "1"), "campaign_id");
	refuse(FIELDS("1", "\"c-1\"", "\"VIP\"", "1", "1"), "campaign_id");
	refuse(FIELDS("1", "\"c12345678901234567890123456789012\"", "\"VIP\"", "1", "1"),
		   "campaign_id");
	refuse(FIELDS("1", "\"c1\"", "\"vip\"", "1", "1"), "unknown class");
	refuse(FIELDS("1", "\"c1\"", "\"VIP\"", "0", "1"), "total is out of range");
	refuse(FIELDS("1", "\"c1\"", "\"VIP\"", "1099511627776", "1"), "total is out of range");
	refuse(FIELDS("1", "\"c1\"", "\"VIP\"", "99999999999999999999", "1"), "number out of range");
	refuse(FIELDS("1", "\"c1\"", "\"VIP\"", "-9223372036854775808", "1"), "total is out of range");
	refuse(FIELDS("1", "\"c1\"", "\"VIP\"", "1", "0"), "first_seq is out of range");
	refuse(FIELDS("1", "\"c1\"", "\"VIP\"", "1", "2"), "first_seq is out of range");
	refuse("{\"version\":1,\"version\":1}", "field version twice");
	refuse(HEAD "\"total\":9}", "field first_seq is missing");
}

static void test_seq_goes_to_2_to_the_40_minus_1(void **state)
{
	(void) state;
	take_text(FIELDS("1", "\"c1\"", "\"VIP\"", "1099511627775", "1099511627775"), "m");
	assert_true(batch.total == INT64_C(1099511627775));
	assert_true(batch.first_seq == INT64_C(1099511627775));
	refuse(FIELDS("1", "\"c1\"", "\"VIP\"", "1099511627776", "1099511627776"),
		   "total is out of range");
}

/* Both kinds of ids; campaign_id goes into array literals of PostgreSQL as it is. */
static void test_every_character_of_an_id_is_checked(void **state)
{
	static const char bad[] = "},{' A-_";
	char body[512];

	(void) state;
	for (int length = 2; length <= MESSAGE_ID_MAX; length++)
	{
		for (int place = 0; place < length; place++)
		{
			char id[MESSAGE_ID_MAX + 1] = "";

			memset(id, 'a', (size_t) length);
			id[place] = bad[(length + place) % (int) (sizeof(bad) - 1)];
			(void) snprintf(body, sizeof(body), "{\"campaign_id\":\"%s\"}", id);
			refuse(body, "campaign_id must be");
			(void) snprintf(body, sizeof(body), "{\"recipients\":[{\"identifier\":\"%s\"}]}", id);
			refuse(body, "identifier must be");
		}
	}
}

/* A body of `recipients` recipients and a message of `characters` times two bytes. */
static char *build(int recipients, int characters, size_t *length)
{
	char *body = malloc(MESSAGE_BODY_MAX * 2);
	char *at = body;

	assert_non_null(body);
	at += sprintf(at, HEAD "\"total\":9999,\"first_seq\":1,\"message\":\"");
	for (int i = 0; i < characters; i++)
		at += sprintf(at, "\xC3\xA9");
	at += sprintf(at, "\",\"recipients\":[");
	for (int i = 0; i < recipients; i++)
		at += sprintf(at, "%s{\"identifier\":\"ab\",\"phone_number\":\"+12345678\"}",
					  i > 0 ? "," : "");
	at += sprintf(at, "]}");
	*length = (size_t) (at - body);
	return body;
}

static void test_limits(void **state)
{
	size_t length;
	char *body = build(MESSAGE_BATCH_MAX, MESSAGE_TEXT_MAX_CHARS, &length);

	(void) state;
	assert_true(decode_batch(body, length, &batch, &error));
	assert_int_equal(batch.count, MESSAGE_BATCH_MAX);
	assert_int_equal(batch.text_length, 2 * MESSAGE_TEXT_MAX_CHARS);
	free(body);

	body = build(MESSAGE_BATCH_MAX + 1, 1, &length);
	refuse_bytes(body, length, "more than 1000 recipients");
	free(body);
	body = build(1, MESSAGE_TEXT_MAX_CHARS + 1, &length);
	refuse_bytes(body, length, "more than 4096 characters");
	free(body);
	body = build(1, MESSAGE_BODY_MAX / 2, &length);
	refuse_bytes(body, length, "body of more than");
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes_what_the_worker_writes),
		cmocka_unit_test(test_takes_any_order_space_and_unknown_fields),
		cmocka_unit_test(test_undoes_escapes),
		cmocka_unit_test(test_refuses_wrong_strings),
		cmocka_unit_test(test_refuses_what_is_no_json),
		cmocka_unit_test(test_refuses_every_truncation),
		cmocka_unit_test(test_refuses_deep_nesting),
		cmocka_unit_test(test_refuses_wrong_fields),
		cmocka_unit_test(test_seq_goes_to_2_to_the_40_minus_1),
		cmocka_unit_test(test_every_character_of_an_id_is_checked),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
