/*
 * test_envelope_json.c - what surrounds a dead letter, as JSON.
 *
 * links: src/publish/envelope_json.c lib/contract/utf8.c librabbitmq
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/publish/envelope_json.h"

static char out[ENVELOPE_JSON_SIZE];

static amqp_table_entry_t text(const char *name, const char *bytes, size_t length)
{
	amqp_table_entry_t entry = {.key = amqp_cstring_bytes(name)};

	entry.value.kind = AMQP_FIELD_KIND_UTF8;
	entry.value.value.bytes.bytes = (void *) (uintptr_t) bytes;
	entry.value.value.bytes.len = length;
	return entry;
}

static amqp_table_entry_t number(const char *name, int64_t value)
{
	amqp_table_entry_t entry = {.key = amqp_cstring_bytes(name)};

	entry.value.kind = AMQP_FIELD_KIND_I64;
	entry.value.value.i64 = value;
	return entry;
}

static const char *headers(amqp_table_entry_t *entries, int count)
{
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_HEADERS_FLAG,
		.headers = {.num_entries = count, .entries = entries},
	};
	static const char before[] = "{\"exchange\":\"\",\"routing_key\":\"q\",\"headers\":";

	envelope_json(out, "", "q", &properties);
	assert_memory_equal(out, before, strlen(before));
	return out + strlen(before);
}

static void test_properties(void **state)
{
	amqp_basic_properties_t properties = {
		._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG,
		.content_type = amqp_cstring_bytes("application/json"),
		.type = amqp_cstring_bytes("campaign.batch"),
		.message_id = amqp_cstring_bytes("a.VIP.1"),
		.reply_to = amqp_cstring_bytes("no flag"),
	};

	(void) state;
	envelope_json(out, "campaign.dead", "campaign.parallel", &properties);
	assert_string_equal(out,
						"{\"exchange\":\"campaign.dead\",\"routing_key\":\"campaign.parallel\","
						"\"content_type\":\"application/json\",\"type\":\"campaign.batch\","
						"\"message_id\":\"a.VIP.1\",\"headers\":{}}");
}

static void test_values(void **state)
{
	amqp_table_entry_t entries[] = {
		text("a", "\"\\\xc3\xa9", 4),
		number("b", INT64_MIN),
		{.key = amqp_cstring_bytes("c"), .value = {.kind = AMQP_FIELD_KIND_BOOLEAN}},
		{.key = amqp_cstring_bytes("d"), .value = {.kind = AMQP_FIELD_KIND_VOID}},
		{.key = amqp_cstring_bytes("e"), .value = {.kind = AMQP_FIELD_KIND_F64}},
		{.key = amqp_cstring_bytes("f"), .value = {.kind = AMQP_FIELD_KIND_U8}},
	};

	(void) state;
	entries[4].value.value.f64 = 1.0 / 0.0;
	entries[5].value.value.u8 = 200;
	assert_string_equal(headers(entries, 6),
						"{\"a\":\"\\\"\\\\\xc3\xa9\",\"b\":-9223372036854775808,"
						"\"c\":false,\"d\":null,\"e\":null,\"f\":200}}");
}

/* No database takes these: they must not stop those behind. */
static void test_anybodys_bytes(void **state)
{
	amqp_table_entry_t entries[] = {text("a\n", "x\0y\x01\xff\xed\xa0\x80", 8)};
	const char *json = headers(entries, 1);

	(void) state;
	assert_string_equal(json, "{\"a \":\"x y ????\"}}");
}

/* As RabbitMQ says why it has given up. */
static void test_death(void **state)
{
	amqp_table_entry_t why[] = {number("count", 1), text("reason", "delivery_limit", 14)};
	amqp_field_value_t deaths[] = {{.kind = AMQP_FIELD_KIND_TABLE}};
	amqp_table_entry_t entries[] = {
		{.key = amqp_cstring_bytes("x-death"), .value = {.kind = AMQP_FIELD_KIND_ARRAY}}};

	(void) state;
	deaths[0].value.table = (amqp_table_t){.num_entries = 2, .entries = why};
	entries[0].value.value.array = (amqp_array_t){.num_entries = 1, .entries = deaths};
	assert_string_equal(headers(entries, 1),
						"{\"x-death\":[{\"count\":1,\"reason\":\"delivery_limit\"}]}}");
}

static void test_too_deep(void **state)
{
	amqp_table_entry_t levels[8];

	(void) state;
	for (int i = 0; i < 8; i++)
	{
		levels[i].key = amqp_cstring_bytes("t");
		levels[i].value.kind = AMQP_FIELD_KIND_TABLE;
		levels[i].value.value.table =
			(amqp_table_t){.num_entries = i < 7, .entries = i < 7 ? &levels[i + 1] : NULL};
	}
	assert_string_equal(headers(levels, 1), "{\"t\":{\"t\":{\"t\":{\"t\":null}}}}}");
}

/* What does not fit is left out, whole; the reason, which comes last and is short, is there. */
static void test_too_much(void **state)
{
	char long_text[4095];
	amqp_table_entry_t entries[ENVELOPE_JSON_SIZE / 4096 + 20];
	int count = sizeof(entries) / sizeof(*entries);
	const char *json;

	(void) state;
	memset(long_text, '"', sizeof(long_text));
	for (int i = 0; i < count; i++)
		entries[i] = text("long", long_text, sizeof(long_text));
	entries[count - 1] = text("reason", "why", 3);
	json = headers(entries, count);
	assert_true(strlen(out) < sizeof(out));
	assert_string_equal(json + strlen(json) - strlen("\",\"reason\":\"why\"}}"),
						"\",\"reason\":\"why\"}}");
	/* Two bytes for each quote: half of them fit, and none is half there. */
	assert_int_equal((strlen(json) - strlen("{\"reason\":\"why\"}}")) %
						 (2 * sizeof(long_text) + strlen("\"long\":\"\",")),
					 0);
	assert_true(strlen(out) > sizeof(out) / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_properties),	   cmocka_unit_test(test_values),
		cmocka_unit_test(test_anybodys_bytes), cmocka_unit_test(test_death),
		cmocka_unit_test(test_too_deep),	   cmocka_unit_test(test_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
