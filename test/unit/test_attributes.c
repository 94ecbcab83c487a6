/*
 * test_attributes.c - attributes: what may travel, and that MongoDB gives back what came (R3.1).
 *
 * links: consumer/attributes.c consumer/attributes_text.c consumer/json.c consumer/json_string.c lib/contract/attributes.c
 * links: lib/contract/message.c lib/contract/error.c lib/contract/utf8.c libbson-1.0 libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/attributes.h"
#include "consumer/attributes_text.h"
#include "lib/contract/attributes.h"

static void test_whole_numbers(void **state)
{
	static const struct
	{
		const char *text;
		int64_t number;
	} numbers[] = {{"0", 0},
				   {"7", 7},
				   {"-1", -1},
				   {"9007199254740993", INT64_C(9007199254740993)},
				   {"9223372036854775807", INT64_MAX},
				   {"-9223372036854775808", INT64_MIN}};
	int64_t whole;
	double decimal;

	(void) state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
	{
		assert_int_equal(
			attributes_number(numbers[i].text, strlen(numbers[i].text), &whole, &decimal),
			ATTRIBUTES_WHOLE);
		assert_true(whole == numbers[i].number);
	}
}

static void test_decimals_are_what_strtod_reads(void **state)
{
	static const char *const numbers[] = {"0.1",
										  "-0.5",
										  "10.25",
										  "1234.56",
										  "99999999999999.9",
										  "0.000000000000001",
										  "1.00000000000001",
										  "123456.789012345"};
	char text[ATTRIBUTES_NUMBER_SIZE];
	int64_t whole;
	double decimal;

	(void) state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
	{
		assert_int_equal(attributes_number(numbers[i], strlen(numbers[i]), &whole, &decimal),
						 ATTRIBUTES_DECIMAL);
		assert_true(decimal == strtod(numbers[i], NULL));
		assert_int_equal(attributes_decimal_text(decimal, text), strlen(numbers[i]));
		assert_string_equal(text, numbers[i]);
	}
}

/* A million of any size, seeded. */
static void test_every_decimal_comes_back(void **state)
{
	unsigned seed = 20260101;

	(void) state;
	for (int i = 0; i < 1000000; i++)
	{
		int behind = 1 + rand_r(&seed) % ATTRIBUTES_DECIMAL_DIGITS;
		int before = rand_r(&seed) % (ATTRIBUTES_DECIMAL_DIGITS - behind + 1);
		char text[40];
		char back[ATTRIBUTES_NUMBER_SIZE];
		char *at = text;
		int64_t whole;
		double decimal;

		if (rand_r(&seed) % 2)
			*at++ = '-';
		for (int place = 0; place < before; place++)
			*at++ = (char) ('0' + (place == 0 ? 1 + rand_r(&seed) % 9 : rand_r(&seed) % 10));
		if (before == 0)
			*at++ = '0';
		*at++ = '.';
		for (int place = 1; place < behind; place++)
			*at++ = (char) ('0' + rand_r(&seed) % 10);
		*at++ = (char) ('1' + rand_r(&seed) % 9);
		*at = '\0';
		assert_int_equal(attributes_number(text, strlen(text), &whole, &decimal),
						 ATTRIBUTES_DECIMAL);
		if (decimal != strtod(text, NULL))
			fail_msg("%s becomes %.17g", text, decimal);
		if (attributes_decimal_text(decimal, back) != strlen(text) || strcmp(back, text) != 0)
			fail_msg("%s comes back as %s", text, back);
	}
}

static void test_refuses_other_numbers(void **state)
{
	static const char *const wrong[] = {"",
										"-",
										"+1",
										"-0",
										"01",
										"-01",
										"1.",
										".5",
										"1.0",
										"1.50",
										"-0.0",
										"1e3",
										"1.5e3",
										"0x1",
										"1 ",
										"1.2.3",
										"NaN",
										"00.5",
										"9223372036854775808",
										"-9223372036854775809",
										"0.1234567890123456",
										"12345678901234.56",
										"0.0000000000000001"};
	int64_t whole;
	double decimal;

	(void) state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
	{
		if (attributes_number(wrong[i], strlen(wrong[i]), &whole, &decimal) != ATTRIBUTES_NO_NUMBER)
			fail_msg("\"%s\" is taken", wrong[i]);
	}
}

static void test_refuses_doubles_that_no_message_brings(void **state)
{
	const double wrong[] = {
		0.0,   -0.0,   1.0,		  1e15,		  1e300,	 0.1 + 0.2,		   1.0 / 3,
		1e-16, 5e-324, 1.0 / 0.0, -1.0 / 0.0, 0.0 / 0.0, 123456789012345.6};
	char text[ATTRIBUTES_NUMBER_SIZE];

	(void) state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(attributes_decimal_text(wrong[i], text), 0);
}

static void test_keys(void **state)
{
	(void) state;
	assert_null(attributes_key_problem("a", 1));
	assert_null(attributes_key_problem("a$ \xC3\xA9", 5));
	assert_non_null(attributes_key_problem("", 0));
	assert_non_null(attributes_key_problem("$", 1));
	assert_non_null(attributes_key_problem("a.", 2));
	assert_non_null(attributes_key_problem("a\0b", 3));
}

/* The BSON of a document with these attributes, which libbson finds valid. */
static bson_t *document_of(const char *text)
{
	char *body = strdup(text);
	uint8_t bytes[ATTRIBUTES_BSON_MAX];
	bson_t attributes;
	bson_t *document = bson_new();
	size_t length = 0;
	Error error = {0};
	Json json;

	json_begin(&json, body, strlen(body), &error);
	if (!attributes_decode(&json, bytes, sizeof(bytes), &length) || !json_finish(&json))
		fail_msg("%s: %s", error.text, text);
	assert_true(bson_init_static(&attributes, bytes, length));
	assert_true(bson_validate(&attributes, BSON_VALIDATE_UTF8 | BSON_VALIDATE_DOLLAR_KEYS, NULL));
	assert_true(bson_append_document(document, "attributes", 10, &attributes));
	free(body);
	return document;
}

static size_t text_of(const bson_t *document, char *out, size_t capacity)
{
	bson_iter_t iter;

	assert_true(bson_iter_init_find(&iter, document, "attributes"));
	return attributes_text(&iter, out, capacity);
}

static void test_what_comes_goes_back(void **state)
{
	static const char *const examples[] = {
		"{}",
		"{\"a\":1}",
		"{\"B\":-0.5,\"a\":\"\",\"aa\":null,\"b\":[true,false,[],{},[1,[2]],{\"x\":0}],"
		"\"\xC3\xA9\":\"\xF0\x9F\x98\x80\"}",
		"{\"a\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001/\x7F\",\"k\\n\":9223372036854775807}",
	};
	char out[256];

	(void) state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++)
	{
		size_t length = strlen(examples[i]);
		bson_t *document = document_of(examples[i]);

		assert_int_equal(text_of(document, out, length), length);
		assert_memory_equal(out, examples[i], length);
		for (size_t capacity = 0; capacity < length; capacity++)
			assert_int_equal(text_of(document, out, capacity), 0);
		bson_destroy(document);
	}
}

static void test_blanks_and_escapes_do_not_matter(void **state)
{
	bson_t *document = document_of(" { \"\\u0061\" : [ 1 , \"\\/\\u00e9\" ] } ");
	char out[64];

	(void) state;
	assert_int_equal(text_of(document, out, sizeof(out)), 15);
	assert_memory_equal(out, "{\"a\":[1,\"/\xC3\xA9\"]}", 15);
	bson_destroy(document);
}

/* What somebody else wrote into MongoDB has no text, rather than a wrong one. */
static void test_other_types_have_no_text(void **state)
{
	bson_t *wrong[] = {BCON_NEW("attributes", "{", "a", BCON_INT32(1), "}"),
					   BCON_NEW("attributes", "{", "a", BCON_DOUBLE(1.0), "}"),
					   BCON_NEW("attributes", "{", "a", BCON_DATE_TIME(1), "}"),
					   BCON_NEW("attributes", "[", BCON_INT64(1), "]"),
					   BCON_NEW("attributes", BCON_UTF8("{}"))};
	char out[64];

	(void) state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
	{
		assert_int_equal(text_of(wrong[i], out, sizeof(out)), 0);
		bson_destroy(wrong[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_numbers),
		cmocka_unit_test(test_decimals_are_what_strtod_reads),
		cmocka_unit_test(test_every_decimal_comes_back),
		cmocka_unit_test(test_refuses_other_numbers),
		cmocka_unit_test(test_refuses_doubles_that_no_message_brings),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_what_comes_goes_back),
		cmocka_unit_test(test_blanks_and_escapes_do_not_matter),
		cmocka_unit_test(test_other_types_have_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
