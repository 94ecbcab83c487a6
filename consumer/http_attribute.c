/*
 * http_attribute.c - one attribute as text; see http_attribute.h.
 */
#include "http_attribute.h"

#include <string.h>

#include "json.h"

/* The next value, if it is one that has a text. */
static bool take_text(Json *json, JsonString *text)
{
	char first = json_peek(json);

	switch (first)
	{
		case '"':
			return json_string(json, text);
		case '{':
		case '[':
		case 'n':
			return false;
		case 't':
		case 'f':
			text->bytes = first == 't' ? "true" : "false";
			text->length = strlen(text->bytes);
			return json_word(json) == first;
		default:
			return json_number(json, text);
	}
}

bool http_attribute(const char *attributes, const char *name, size_t name_length,
					char out[MESSAGE_ATTRIBUTES_MAX + 1], size_t *length)
{
	char copy[MESSAGE_ATTRIBUTES_MAX + 1];
	Error error = {0};
	Json json;
	JsonString key;
	JsonString text;

	if (attributes == NULL || strlen(attributes) > MESSAGE_ATTRIBUTES_MAX)
		return false;
	memcpy(copy, attributes, strlen(attributes) + 1);
	json_begin(&json, copy, strlen(copy), &error);
	if (!json_expect(&json, '{') || json_accept(&json, '}'))
		return false;
	do
	{
		if (!json_string(&json, &key) || !json_expect(&json, ':'))
			return false;
		if (key.length == name_length && memcmp(key.bytes, name, name_length) == 0)
		{
			if (!take_text(&json, &text) || text.length == 0)
				return false;
			memcpy(out, text.bytes, text.length);
			*length = text.length;
			return true;
		}
	} while (json_skip(&json) && json_accept(&json, ','));
	return false;
}
