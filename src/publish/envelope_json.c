/*
 * envelope_json.c - see envelope_json.h.
 *
 * Must always leave valid JSON behind: each member is written whole, or taken
 * back.
 */
#include "envelope_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "contract/utf8.h"

/* Tables in tables: x-death is an array of tables. */
#define DEPTH_MAX 4

/* A longer text is cut off. */
#define TEXT_MAX 4096

/* Closing brackets of all levels and of the whole. */
#define TAIL_MAX (2 * DEPTH_MAX + 8)

typedef struct Json
{
	char *out;
	size_t length;
	bool full; /* something did not fit: what was begun has to be taken back */
} Json;

static void put_value(Json *json, const amqp_field_value_t *value, int depth);

static void put(Json *json, const char *text, size_t length)
{
	if (json->full || json->length + length > ENVELOPE_JSON_SIZE - TAIL_MAX)
	{
		json->full = true;
		return;
	}
	memcpy(json->out + json->length, text, length);
	json->length += length;
}

static void put_plain(Json *json, const char *text)
{
	put(json, text, strlen(text));
}

/* For the brackets that close what is open there is always room. */
static void put_close(Json *json, char bracket)
{
	json->out[json->length++] = bracket;
}

static void put_text(Json *json, const char *bytes, size_t length)
{
	char clean[TEXT_MAX];

	put_plain(json, "\"");
	length = utf8_clean(clean, sizeof(clean), bytes, length);
	for (size_t i = 0; i < length; i++)
	{
		if (clean[i] == '"' || clean[i] == '\\')
			put_plain(json, "\\");
		put(json, clean + i, 1);
	}
	put_plain(json, "\"");
}

static void put_number(Json *json, int64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, number);
	put_plain(json, digits);
}

static void put_double(Json *json, double number)
{
	char digits[40];

	snprintf(digits, sizeof(digits), "%.17g", number);
	put_plain(json, isfinite(number) ? digits : "null");
}

/* A comma, unless it is the first one. */
static void put_comma(Json *json)
{
	char last = json->out[json->length - 1];

	if (last != '{' && last != '[')
		put_plain(json, ",");
}

/* What did not fit from `before` on is left out. */
static void take_back(Json *json, size_t before)
{
	if (!json->full)
		return;
	json->length = before;
	json->full = false;
}

static void put_table(Json *json, const amqp_table_t *table, int depth)
{
	put_plain(json, "{");
	for (int i = 0; i < table->num_entries && !json->full; i++)
	{
		const amqp_table_entry_t *entry = &table->entries[i];
		size_t before = json->length;

		put_comma(json);
		put_text(json, entry->key.bytes, entry->key.len);
		put_plain(json, ":");
		put_value(json, &entry->value, depth + 1);
		take_back(json, before);
	}
	put_close(json, '}');
}

static void put_array(Json *json, const amqp_array_t *array, int depth)
{
	put_plain(json, "[");
	for (int i = 0; i < array->num_entries && !json->full; i++)
	{
		size_t before = json->length;

		put_comma(json);
		put_value(json, &array->entries[i], depth + 1);
		take_back(json, before);
	}
	put_close(json, ']');
}

/* The values of the field table's types that are whole numbers; false for any other type. */
static bool put_integer(Json *json, const amqp_field_value_t *value)
{
	switch (value->kind)
	{
		case AMQP_FIELD_KIND_I8:
			put_number(json, value->value.i8);
			return true;
		case AMQP_FIELD_KIND_U8:
			put_number(json, value->value.u8);
			return true;
		case AMQP_FIELD_KIND_I16:
			put_number(json, value->value.i16);
			return true;
		case AMQP_FIELD_KIND_U16:
			put_number(json, value->value.u16);
			return true;
		case AMQP_FIELD_KIND_I32:
			put_number(json, value->value.i32);
			return true;
		case AMQP_FIELD_KIND_U32:
			put_number(json, value->value.u32);
			return true;
		case AMQP_FIELD_KIND_I64:
		case AMQP_FIELD_KIND_U64:
		case AMQP_FIELD_KIND_TIMESTAMP:
			put_number(json, value->value.i64);
			return true;
		default:
			return false;
	}
}

static void put_value(Json *json, const amqp_field_value_t *value, int depth)
{
	if (put_integer(json, value))
		return;
	switch (value->kind)
	{
		case AMQP_FIELD_KIND_UTF8:
		case AMQP_FIELD_KIND_BYTES:
			put_text(json, value->value.bytes.bytes, value->value.bytes.len);
			return;
		case AMQP_FIELD_KIND_BOOLEAN:
			put_plain(json, value->value.boolean ? "true" : "false");
			return;
		case AMQP_FIELD_KIND_F32:
			put_double(json, (double) value->value.f32);
			return;
		case AMQP_FIELD_KIND_F64:
			put_double(json, value->value.f64);
			return;
		case AMQP_FIELD_KIND_TABLE:
			if (depth < DEPTH_MAX)
			{
				put_table(json, &value->value.table, depth);
				return;
			}
			break;
		case AMQP_FIELD_KIND_ARRAY:
			if (depth < DEPTH_MAX)
			{
				put_array(json, &value->value.array, depth);
				return;
			}
			break;
		default:
			break;
	}
	put_plain(json, "null");
}

static void put_member(Json *json, const char *name, amqp_bytes_t text)
{
	put_comma(json);
	put_text(json, name, strlen(name));
	put_plain(json, ":");
	put_text(json, text.bytes, text.len);
}

void envelope_json(char *out, const char *exchange, const char *routing_key,
				   const amqp_basic_properties_t *properties)
{
	static const amqp_table_t none = {0};
	Json json = {.out = out};

	put_plain(&json, "{");
	put_member(&json, "exchange", amqp_cstring_bytes(exchange));
	put_member(&json, "routing_key", amqp_cstring_bytes(routing_key));
	if (properties->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG)
		put_member(&json, "content_type", properties->content_type);
	if (properties->_flags & AMQP_BASIC_TYPE_FLAG)
		put_member(&json, "type", properties->type);
	if (properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG)
		put_member(&json, "message_id", properties->message_id);
	put_plain(&json, ",\"headers\":");
	put_table(&json, properties->_flags & AMQP_BASIC_HEADERS_FLAG ? &properties->headers : &none,
			  0);
	memcpy(out + json.length, "}", 2);
}
