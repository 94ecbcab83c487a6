/*
 * test_decode_recipients.c - the recipients in bodies of messages, their texts and attributes: what
 * is taken, what is refused and why (R0.16, R0.20, R3.1).
 *
 * links: consumer/decode.c consumer/attributes.c consumer/json.c consumer/json_string.c lib/contract/attributes.c lib/contract/message.c lib/contract/error.c lib/contract/utf8.c libcrypto
 */
#include "decode_probe.h"

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
	take_text(
		"{\"campaign_id\":\"c1\",\"class\":\"VIP\",\"total\":1,\"first_seq\":1,\"message\":\"m\","
		"\"recipients\":[{\"identifier\":\"ab\",\"phone_number\":\"+12345678\",\"message\":\"own\","
		"\"attributes\":{\"a\":1}}],\"version\":1}",
		"m");
	assert_null(batch.recipients[0].text);
	assert_null(batch.recipients[0].attributes);
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
		cmocka_unit_test(test_refuses_wrong_recipients),
		cmocka_unit_test(test_version_2_has_texts_and_attributes),
		cmocka_unit_test(test_version_1_ignores_texts_and_attributes),
		cmocka_unit_test(test_refuses_wrong_texts_and_attributes),
		cmocka_unit_test(test_attributes_have_a_maximum),
		cmocka_unit_test(test_recipients_who_are_left_out),
	};

	return cmocka_run_group_tests_name("recipients in bodies (R0.16, R0.20, R3.1)", tests, NULL,
									   NULL);
}
