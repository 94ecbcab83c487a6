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

#include "consumer/decode.h"

#define ONE	 "[{\"identifier\":\"ab1\",\"phone_number\":\"+5511999990000\"}]"
#define HEAD "{\"version\":1,\"campaign_id\":\"camp1\",\"class\":\"NORMAL\","
#define BODY_WITH(text)                                                                            \
	HEAD "\"total\":9,\"first_seq\":3,\"message\":" text ",\"recipients\":" ONE "}"

static DecodedBatch batch;
static Error error;

/* A copy of exactly the body's size: reading past it is found by the sanitizer. */
static char *decode_copy(const char *body, size_t length, bool *done)
{
	char *copy = malloc(length > 0 ? length : 1);

	assert_non_null(copy);
	memcpy(copy, body, length);
	memset(&error, 0, sizeof(error));
	*done = decode_batch(copy, length, &batch, &error);
	return copy;
}

static void refuse_bytes(const char *body, size_t length, const char *reason)
{
	bool done;
	char *copy = decode_copy(body, length, &done);

	assert_false(done);
	assert_int_equal(error.code, ERROR_PROTOCOL);
	if (strstr(error.text, reason) == NULL)
		fail_msg("\"%s\" instead of \"%s\" for %s", error.text, reason, body);
	free(copy);
}

static void refuse(const char *body, const char *reason)
{
	refuse_bytes(body, strlen(body), reason);
}

static void take_text(const char *body, const char *text)
{
	bool done;
	char *copy = decode_copy(body, strlen(body), &done);

	if (!done)
		fail_msg("%s: %s", error.text, body);
	assert_int_equal(batch.text_length, strlen(text));
	assert_memory_equal(batch.text, text, strlen(text));
	free(copy);
}

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

static void test_refuses_wrong_recipients(void **state)
{
#define WITH_RECIPIENTS(list)                                                                      \
	HEAD "\"total\":1,\"first_seq\":1,\"message\":\"m\",\"recipients\":" list "}"
	(void) state;
	refuse(WITH_RECIPIENTS("[]"), "no recipients");
	refuse(WITH_RECIPIENTS("{}"), "expected '['");
	refuse(WITH_RECIPIENTS("[{}]"), "recipient 1: identifier is missing");
	refuse(WITH_RECIPIENTS("[{\"identifier\":\"ab\"}]"), "recipient 1: phone_number is missing");
	refuse(WITH_RECIPIENTS("[{\"identifier\":\"ab\",\"identifier\":\"ab\"}]"), "identifier twice");
	refuse(WITH_RECIPIENTS("[{\"identifier\":\"Ab\",\"phone_number\":\"+12345678\"}]"),
		   "identifier must be");
	refuse(WITH_RECIPIENTS("[{\"identifier\":\"ab\",\"phone_number\":\"12345678\"}]"),
		   "phone_number must be");
	refuse(WITH_RECIPIENTS("[{\"identifier\":\"ab\",\"phone_number\":\"+1234567\"}]"),
		   "phone_number must be");
	refuse(WITH_RECIPIENTS("[{\"identifier\":\"ab\",\"phone_number\":\"+1234567890123456\"}]"),
		   "phone_number must be");
	refuse(WITH_RECIPIENTS("[{\"identifier\":\"ab\",\"phone_number\":\"+12345678\"},"
						   "{\"identifier\":\"ab\",\"phone_number\":\"+12345678\"}]"),
		   "more recipients than total");
}

#define OWN(version, members)                                                                      \
	"{\"version\":" version                                                                        \
	",\"campaign_id\":\"c1\",\"class\":\"VIP\",\"total\":9,\"first_seq\":1,"                       \
	"\"message\":\"m\",\"recipients\":[{\"identifier\":\"ab\",\"phone_number\":\"+"                \
	"12345678\"" members "},{\"identifier\":\"ac\",\"phone_number\":\"+12345678\"}]}"

static void test_version_2_has_texts_and_attributes(void **state)
{
	static const char expected[] = "\x19\0\0\0\x12"
								   "a\0\x01\0\0\0\0\0\0\0\x02"
								   "b\0\x02\0\0\0x\0";
	const char *body = OWN("2", ",\"message\":\"o\\u0077n\",\"attributes\":{\"a\":1,\"b\":\"x\"}");
	bool done;
	char *copy = decode_copy(body, strlen(body), &done);

	(void) state;
	assert_true(done);
	assert_int_equal(batch.version, 2);
	assert_int_equal(batch.text_length, 1);
	assert_int_equal(batch.recipients[0].text_length, 3);
	assert_memory_equal(batch.recipients[0].text, "own", 3);
	assert_memory_equal(batch.recipients[0].attributes, expected, sizeof(expected));
	assert_null(batch.recipients[1].text);
	assert_null(batch.recipients[1].attributes);
	free(copy);
	take_text(OWN("2", ""), "m");
}

/* What version 2 reads is an unknown field in version 1, whatever is in it. */
static void test_version_1_ignores_texts_and_attributes(void **state)
{
	(void) state;
	take_text(OWN("1", ",\"message\":7,\"attributes\":{\"$a\":1e9,\"$a\":[]},\"message\":[]"), "m");
	assert_int_equal(batch.version, 1);
	assert_null(batch.recipients[0].text);
	assert_null(batch.recipients[0].attributes);
	take_text(
		"{\"campaign_id\":\"c1\",\"class\":\"VIP\",\"total\":1,\"first_seq\":1,\"message\":\"m\","
		"\"recipients\":" ONE ",\"version\":1}",
		"m");
	refuse("{\"recipients\":" ONE ",\"version\":2}", "version stands behind recipients");
}

static void test_refuses_wrong_texts_and_attributes(void **state)
{
	static const struct
	{
		const char *members;
		const char *reason;
	} wrong[] = {
#define ATTRIBUTES(json, reason) {OWN("2", ",\"attributes\":" json), reason}
		{OWN("2", ",\"message\":7"), "expected a string"},
		{OWN("2", ",\"message\":null"), "expected a string"},
		{OWN("2", ",\"message\":\"a\",\"message\":\"b\""), "recipient 1: message twice"},
		{OWN("2", ",\"attributes\":{},\"attributes\":{}"), "recipient 1: attributes twice"},
		ATTRIBUTES("null", "expected '{'"),
		ATTRIBUTES("[]", "expected '{'"),
		ATTRIBUTES("{\"\":1}", "key is empty"),
		ATTRIBUTES("{\"$a\":1}", "begins with $"),
		ATTRIBUTES("{\"a\":{\"b.c\":1}}", "has a dot"),
		ATTRIBUTES("{\"a\":\"\\u0000\"}", "NUL in a string"),
		ATTRIBUTES("{\"b\":1,\"a\":1}", "not behind the one before"),
		ATTRIBUTES("{\"a\":1,\"a\":1}", "not behind the one before"),
		ATTRIBUTES("{\"ab\":1,\"a\":1}", "not behind the one before"),
		ATTRIBUTES("{\"a\":[{\"c\":1,\"b\":1}]}", "not behind the one before"),
		ATTRIBUTES("{\"a\":1e3}", "not in canonical form"),
		ATTRIBUTES("{\"a\":1.0}", "not in canonical form"),
		ATTRIBUTES("{\"a\":-0}", "not in canonical form"),
		ATTRIBUTES("{\"a\":9223372036854775808}", "out of range"),
		ATTRIBUTES("{\"a\":01}", "leading zero"),
		ATTRIBUTES("{\"a\":nul}", "expected a value"),
		ATTRIBUTES("{\"a\":}", "expected a value"),
		ATTRIBUTES("{\"a\":1,}", "expected a string"),
		ATTRIBUTES("{\"a\":[1,]}", "expected a value"),
		ATTRIBUTES("{\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}", "nested too deep"),
	};

	(void) state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		refuse(wrong[i].members, wrong[i].reason);
	take_text(OWN("2", ",\"attributes\":{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}"), "m");
}

/* As many bytes of BSON as JSON can become, in every recipient; and one byte of JSON too many. */
static void test_attributes_have_a_maximum(void **state)
{
	const int elements = (MESSAGE_ATTRIBUTES_MAX - 8) / 2;
	char json[MESSAGE_ATTRIBUTES_MAX + 16] = "{\"aa\":[0";
	char *body = malloc(MESSAGE_BODY_MAX * 2);
	char *at = json + strlen(json);
	bool done;
	char *copy;
	int count = 0;

	(void) state;
	assert_non_null(body);
	for (int i = 1; i < elements; i++)
		at += sprintf(at, ",0");
	at += sprintf(at, "]}");
	assert_int_equal(at - json, MESSAGE_ATTRIBUTES_MAX);
	at = body + sprintf(body, "%s",
						"{\"version\":2,\"campaign_id\":\"c1\",\"class\":\"VIP\",\"total\":99,"
						"\"first_seq\":1,\"message\":\"\",\"recipients\":[");
	while (at - body + MESSAGE_ATTRIBUTES_MAX + 100 < MESSAGE_BODY_MAX)
		at += sprintf(at,
					  "%s{\"identifier\":\"ab\",\"phone_number\":\"+12345678\",\"attributes\":%s}",
					  count++ > 0 ? "," : "", json);
	at += sprintf(at, "]}");
	copy = decode_copy(body, (size_t) (at - body), &done);
	if (!done)
		fail_msg("%s", error.text);
	assert_int_equal(batch.count, count);
	assert_true(batch.attributes_used > (size_t) count * 6 * MESSAGE_ATTRIBUTES_MAX);
	free(copy);
	json[strlen(json) - 1] = ' ';
	strcat(json, "}");
	(void) sprintf(body, OWN("2", ",\"attributes\":%s"), json);
	refuse(body, "attributes too long");
	free(body);
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

#define LIST(version, recipients)                                                                  \
	"{\"version\":" version                                                                        \
	",\"campaign_id\":\"c1\",\"class\":\"VIP\",\"total\":3,\"first_seq\":1,"                       \
	"\"message\":\"m\",\"recipients\":" recipients "}"

/* In version 3 a recipient may be null; in the others that is no recipient. */
static void test_recipients_who_are_left_out(void **state)
{
	static DecodedBatch batch;
	Error error = {0};
	char body[] = LIST("3", "[null,{\"identifier\":\"ab\",\"phone_number\":\"+12345678\"}, null ]");

	(void) state;
	assert_true(decode_batch(body, strlen(body), &batch, &error));
	assert_int_equal(batch.count, 3);
	assert_null(batch.recipients[0].identifier);
	assert_non_null(batch.recipients[1].identifier);
	assert_null(batch.recipients[2].identifier);
	refuse(LIST("1", "[null]"), "expected '{'");
	refuse(LIST("2", "[null]"), "expected '{'");
	refuse(LIST("3", "[nul]"), "expected a value");
	refuse(LIST("3", "[null,null,null,null]"), "more recipients than total");
	refuse(LIST("3", "[{\"identifier\":\"ab\"}]"), "phone_number is missing");
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
		cmocka_unit_test(test_recipients_who_are_left_out),
		cmocka_unit_test(test_refuses_wrong_fields),
		cmocka_unit_test(test_seq_goes_to_2_to_the_40_minus_1),
		cmocka_unit_test(test_every_character_of_an_id_is_checked),
		cmocka_unit_test(test_refuses_wrong_recipients),
		cmocka_unit_test(test_version_2_has_texts_and_attributes),
		cmocka_unit_test(test_version_1_ignores_texts_and_attributes),
		cmocka_unit_test(test_refuses_wrong_texts_and_attributes),
		cmocka_unit_test(test_attributes_have_a_maximum),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
