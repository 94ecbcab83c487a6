/*
 * attributes.c - attributes from JSON to BSON; see attributes.h.
 *
 * Must never allocate nor recurse deeper than MESSAGE_ATTRIBUTES_DEPTH.
 */
#include "attributes.h"

#include <stdio.h>
#include <string.h>

#include "contract/attributes.h"
#include "document.h"

/* Types of BSON elements. */
#define TYPE_DOUBLE	  0x01
#define TYPE_TEXT	  0x02
#define TYPE_DOCUMENT 0x03
#define TYPE_ARRAY	  0x04
#define TYPE_BOOL	  0x08
#define TYPE_NULL	  0x0A
#define TYPE_INT64	  0x12

typedef struct Writer
{
	Json *json;
	uint8_t *at;
	uint8_t *end;
} Writer;

static bool put_members(Writer *writer, bool is_object, int depth);

static bool put_bytes(Writer *writer, const void *bytes, size_t length)
{
	if ((size_t) (writer->end - writer->at) < length)
		return json_fail(writer->json, MESSAGE_FIELD_ATTRIBUTES " too long");
	memcpy(writer->at, bytes, length);
	writer->at += length;
	return true;
}

static bool put_int32(Writer *writer, uint32_t number)
{
	uint8_t bytes[sizeof(number)];

	(void) document_int32_bytes(bytes, number);
	return put_bytes(writer, bytes, sizeof(bytes));
}

static bool put_int64(Writer *writer, int64_t number)
{
	uint8_t bytes[sizeof(number)];

	(void) document_int64_bytes(bytes, number);
	return put_bytes(writer, bytes, sizeof(bytes));
}

static bool put_name(Writer *writer, uint8_t type, const JsonString *name)
{
	return put_bytes(writer, &type, 1) && put_bytes(writer, name->bytes, name->length) &&
		   put_bytes(writer, "", 1);
}

static bool put_text(Writer *writer, const JsonString *name)
{
	JsonString value;

	return json_string(writer->json, &value) && put_name(writer, TYPE_TEXT, name) &&
		   put_int32(writer, (uint32_t) value.length + 1) &&
		   put_bytes(writer, value.bytes, value.length) && put_bytes(writer, "", 1);
}

static bool put_number(Writer *writer, const JsonString *name)
{
	JsonString text;
	int64_t whole;
	double decimal;

	if (!json_number(writer->json, &text))
		return false;
	switch (attributes_number(text.bytes, text.length, &whole, &decimal))
	{
		case ATTRIBUTES_WHOLE:
			return put_name(writer, TYPE_INT64, name) && put_int64(writer, whole);
		case ATTRIBUTES_DECIMAL:
			memcpy(&whole, &decimal, sizeof(whole));
			return put_name(writer, TYPE_DOUBLE, name) && put_int64(writer, whole);
		default:
			return json_fail(writer->json, "number out of range or not in canonical form");
	}
}

static bool put_word(Writer *writer, const JsonString *name)
{
	char word = json_word(writer->json);
	uint8_t value = word == 't';

	if (word == '\0')
		return false;
	if (word == 'n')
		return put_name(writer, TYPE_NULL, name);
	return put_name(writer, TYPE_BOOL, name) && put_bytes(writer, &value, 1);
}

/* `depth`: how many objects and arrays the value is in. */
static bool put_value(Writer *writer, const JsonString *name, int depth)
{
	char first = json_peek(writer->json);

	switch (first)
	{
		case '"':
			return put_text(writer, name);
		case '{':
		case '[':
			return put_name(writer, first == '{' ? TYPE_DOCUMENT : TYPE_ARRAY, name) &&
				   put_members(writer, first == '{', depth + 1);
		default:
			if (first == '-' || (first >= '0' && first <= '9'))
				return put_number(writer, name);
			return put_word(writer, name);
	}
}

/* Two keys that are the same would be one for one reader and the other for another. */
static bool is_behind(const JsonString *key, const JsonString *before)
{
	size_t shorter = key->length < before->length ? key->length : before->length;
	int order = memcmp(key->bytes, before->bytes, shorter);

	return order > 0 || (order == 0 && key->length > before->length);
}

static bool take_key(Json *json, const JsonString *before, JsonString *key)
{
	const char *problem;

	if (!json_string(json, key) || !json_expect(json, ':'))
		return false;
	problem = attributes_key_problem(key->bytes, key->length);
	if (problem != NULL)
		return json_fail(json, problem);
	if (before->bytes != NULL && !is_behind(key, before))
		return json_fail(json, "a key that is not behind the one before it");
	return true;
}

/* The places of an array are the keys of its elements. */
static JsonString array_key(int place, char text[12])
{
	return (JsonString){.bytes = text, .length = (size_t) snprintf(text, 12, "%d", place)};
}

static bool put_elements(Writer *writer, bool is_object, int depth)
{
	JsonString key = {.bytes = NULL};
	char close = is_object ? '}' : ']';
	char place_text[12];
	int place = 0;

	if (json_accept(writer->json, close))
		return true;
	do
	{
		JsonString before = key;

		if (!is_object)
			key = array_key(place, place_text);
		else if (!take_key(writer->json, &before, &key))
			return false;
		if (!put_value(writer, &key, depth))
			return false;
		place++;
	} while (json_accept(writer->json, ','));
	return json_expect(writer->json, close);
}

/* An object or an array, which is next. `depth`: how many it is in, itself included. */
static bool put_members(Writer *writer, bool is_object, int depth)
{
	uint8_t *start = writer->at;

	if (depth > MESSAGE_ATTRIBUTES_DEPTH)
		return json_fail(writer->json, MESSAGE_FIELD_ATTRIBUTES " nested too deep");
	if (!json_expect(writer->json, is_object ? '{' : '[') || !put_int32(writer, 0) ||
		!put_elements(writer, is_object, depth) || !put_bytes(writer, "", 1))
		return false;
	document_length(start, (size_t) (writer->at - start));
	return true;
}

bool attributes_decode(Json *json, uint8_t *out, size_t capacity, size_t *length)
{
	Writer writer = {.json = json, .at = out, .end = out + capacity};
	const char *start;

	(void) json_peek(json);
	start = json->at;
	if (!put_members(&writer, true, 1))
		return false;
	if (json->at - start > MESSAGE_ATTRIBUTES_MAX)
		return json_fail(json, MESSAGE_FIELD_ATTRIBUTES " too long");
	*length = (size_t) (writer.at - out);
	return true;
}
