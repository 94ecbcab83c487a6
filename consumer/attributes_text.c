/*
 * attributes_text.c - attributes from BSON to JSON; see attributes_text.h.
 *
 * The order of the keys is taken over as it is: it was the canonical one, and another one means
 * that somebody has written there.
 */
#include "attributes_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "contract/attributes.h"
#include "contract/message.h"

typedef struct Text
{
	char *at;
	char *end;
} Text;

static bool put_members(Text *text, const bson_iter_t *container, int depth);

static bool put(Text *text, const char *bytes, size_t length)
{
	if ((size_t) (text->end - text->at) < length)
		return false;
	memcpy(text->at, bytes, length);
	text->at += length;
	return true;
}

static bool put_string(Text *text, const char *bytes, size_t length)
{
	size_t used = message_escape(bytes, length, text->at, (size_t) (text->end - text->at));

	text->at += used;
	return used > 0;
}

static bool put_decimal(Text *text, double decimal)
{
	char number[ATTRIBUTES_NUMBER_SIZE];
	size_t length = attributes_decimal_text(decimal, number);

	return length > 0 && put(text, number, length);
}

static bool put_value(Text *text, const bson_iter_t *value, int depth)
{
	char number[ATTRIBUTES_NUMBER_SIZE];
	uint32_t length;
	const char *bytes;

	switch (bson_iter_type(value))
	{
		case BSON_TYPE_UTF8:
			bytes = bson_iter_utf8(value, &length);
			return put_string(text, bytes, length);
		case BSON_TYPE_INT64:
			length =
				(uint32_t) snprintf(number, sizeof(number), "%" PRId64, bson_iter_int64(value));
			return put(text, number, length);
		case BSON_TYPE_DOUBLE:
			return put_decimal(text, bson_iter_double(value));
		case BSON_TYPE_BOOL:
			return bson_iter_bool(value) ? put(text, "true", 4) : put(text, "false", 5);
		case BSON_TYPE_NULL:
			return put(text, "null", 4);
		case BSON_TYPE_DOCUMENT:
		case BSON_TYPE_ARRAY:
			return put_members(text, value, depth + 1);
		default:
			return false;
	}
}

static bool put_members(Text *text, const bson_iter_t *container, int depth)
{
	bool is_object = bson_iter_type(container) == BSON_TYPE_DOCUMENT;
	bool is_first = true;
	bson_iter_t member;

	if (depth > MESSAGE_ATTRIBUTES_DEPTH || !bson_iter_recurse(container, &member) ||
		!put(text, is_object ? "{" : "[", 1))
		return false;
	while (bson_iter_next(&member))
	{
		const char *key = bson_iter_key(&member);

		if (!is_first && !put(text, ",", 1))
			return false;
		if (is_object && (!put_string(text, key, strlen(key)) || !put(text, ":", 1)))
			return false;
		if (!put_value(text, &member, depth))
			return false;
		is_first = false;
	}
	return put(text, is_object ? "}" : "]", 1);
}

size_t attributes_text(const bson_iter_t *attributes, char *out, size_t capacity)
{
	Text text = {.at = out, .end = out + capacity};

	if (!BSON_ITER_HOLDS_DOCUMENT(attributes) || !put_members(&text, attributes, 1))
		return 0;
	return (size_t) (text.at - out);
}
