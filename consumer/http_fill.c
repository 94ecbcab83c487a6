/*
 * http_fill.c - compiling and filling the texts of a request; see http_fill.h.
 *
 * Must never show a secret in an error, nor add a value without escaping it.
 */
#include "http_fill.h"

#include <stdlib.h>
#include <string.h>

#include "contract/message.h"
#include "http_attribute.h"

#define BUFFER_FIRST 256
#define PARTS_FIRST	 16

static const struct
{
	const char *name;
	HttpValue value;
} NAMES[] = {
	{"number", HTTP_VALUE_NUMBER},
	{"digits", HTTP_VALUE_DIGITS},
	{"text", HTTP_VALUE_TEXT},
	{"id", HTTP_VALUE_ID},
	{"campaign_id", HTTP_VALUE_CAMPAIGN_ID},
};

static bool no_memory(Error *error)
{
	return error_set(error, ERROR_MEMORY, "out of memory");
}

bool http_buffer_add(HttpBuffer *buffer, const char *bytes, size_t length)
{
	if (buffer->size - buffer->length < length)
	{
		size_t size = buffer->size == 0 ? BUFFER_FIRST : buffer->size;
		char *grown;

		while (size - buffer->length < length)
			size *= 2;
		/* Not realloc(): it would leave a copy of the secrets behind. */
		grown = malloc(size);
		if (grown == NULL)
			return false;
		if (buffer->length > 0)
			memcpy(grown, buffer->bytes, buffer->length);
		if (buffer->bytes != NULL)
			explicit_bzero(buffer->bytes, buffer->size);
		free(buffer->bytes);
		buffer->bytes = grown;
		buffer->size = size;
	}
	if (length > 0)
		memcpy(buffer->bytes + buffer->length, bytes, length);
	buffer->length += length;
	return true;
}

void http_buffer_free(HttpBuffer *buffer)
{
	if (buffer->bytes != NULL)
		explicit_bzero(buffer->bytes, buffer->size);
	free(buffer->bytes);
	*buffer = (HttpBuffer){0};
}

static bool is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
		   c == '.' || c == '_' || c == '~';
}

/* Of one byte, as in a URL (RFC 3986, 2.1), which a form's decoder reads as well. */
static size_t percent(unsigned char c, char out[6])
{
	static const char digits[] = "0123456789ABCDEF";

	if (is_unreserved(c))
	{
		out[0] = (char) c;
		return 1;
	}
	out[0] = '%';
	out[1] = digits[c >> 4];
	out[2] = digits[c & 0x0F];
	return 3;
}

/* Of one byte inside a JSON string (RFC 8259, 7). */
static size_t json_escaped(unsigned char c, char out[6])
{
	static const char digits[] = "0123456789abcdef";

	if (c == '"' || c == '\\')
	{
		out[0] = '\\';
		out[1] = (char) c;
		return 2;
	}
	if (c >= 0x20)
	{
		out[0] = (char) c;
		return 1;
	}
	memcpy(out, "\\u00", 4);
	out[4] = digits[c >> 4];
	out[5] = digits[c & 0x0F];
	return 6;
}

bool http_escape(HttpBuffer *buffer, HttpPlace place, const char *bytes, size_t length,
				 Error *error)
{
	for (size_t i = 0; i < length; i++)
	{
		unsigned char c = (unsigned char) bytes[i];
		char escaped[6] = {(char) c};
		size_t used = 1;

		if (place == HTTP_PLACE_JSON)
			used = json_escaped(c, escaped);
		else if (place != HTTP_PLACE_HEADER)
			used = percent(c, escaped);
		else if (c < 0x20 || c == 0x7F)
			return error_set(error, ERROR_PROTOCOL,
							 "a header cannot hold the control character \\x%02x", c);
		if (!http_buffer_add(buffer, escaped, used))
			return no_memory(error);
	}
	return true;
}

/* The next part of the fill, whose text is what the bytes have grown by since `at`. */
static bool add_part(HttpFill *fill, HttpPart part)
{
	HttpPart *last = fill->count == 0 ? NULL : &fill->parts[fill->count - 1];

	if (part.value == HTTP_VALUE_NONE && last != NULL && last->value == HTTP_VALUE_NONE &&
		last->at + last->length == part.at)
	{
		last->length += part.length;
		return true;
	}
	if (fill->parts == NULL || fill->count == fill->room)
	{
		size_t room = fill->room == 0 ? PARTS_FIRST : 2 * fill->room;
		HttpPart *grown = reallocarray(fill->parts, room, sizeof(*grown));

		if (grown == NULL)
			return false;
		fill->parts = grown;
		fill->room = room;
	}
	fill->parts[fill->count++] = part;
	fill->uses[part.value] = true;
	return true;
}

bool http_fill_literal(HttpFill *fill, const char *bytes, size_t length)
{
	HttpPart part = {.at = fill->bytes.length, .length = length};

	return http_buffer_add(&fill->bytes, bytes, length) && add_part(fill, part);
}

/* Literal text or a secret, escaped already here. */
static bool add_escaped(HttpFill *fill, HttpPlace place, const char *bytes, size_t length,
						Error *error)
{
	HttpPart part = {.at = fill->bytes.length};

	if (!http_escape(&fill->bytes, place, bytes, length, error))
	{
		if (error->code == ERROR_PROTOCOL)
			error->code = ERROR_CONFIG;
		return false;
	}
	part.length = fill->bytes.length - part.at;
	return add_part(fill, part) || no_memory(error);
}

static bool starts_with(const char *name, size_t length, const char *prefix)
{
	return length > strlen(prefix) && memcmp(name, prefix, strlen(prefix)) == 0;
}

static bool add_secret(HttpFill *fill, HttpPlace place, const char *name, size_t length,
					   HttpSecrets *secrets, Error *error)
{
	for (size_t i = 0; i < secrets->count; i++)
	{
		HttpSecret *secret = &secrets->list[i];

		if (strlen(secret->name) != length || memcmp(secret->name, name, length) != 0)
			continue;
		secret->used = true;
		return add_escaped(fill, place, secret->value, strlen(secret->value), error);
	}
	return error_set(error, ERROR_CONFIG, "{secret:%.*s} is not among \"secrets\"",
					 (int) (length < 64 ? length : 64), name);
}

/* NAME or NAME|default. */
static bool add_attribute(HttpFill *fill, HttpPlace place, const char *name, size_t length,
						  Error *error)
{
	const char *bar = memchr(name, '|', length);
	size_t fallback = bar == NULL ? 0 : (size_t) (name + length - bar) - 1;
	HttpPart part = {.value = HTTP_VALUE_ATTRIBUTE,
					 .place = place,
					 .at = fill->bytes.length,
					 .length = bar == NULL ? length : (size_t) (bar - name),
					 .has_fallback = bar != NULL,
					 .fallback_length = fallback};

	if (part.length == 0)
		return error_set(error, ERROR_CONFIG, "{attribute:} has no name");
	if (!http_buffer_add(&fill->bytes, name, part.length) ||
		(bar != NULL && !http_buffer_add(&fill->bytes, bar + 1, fallback)) || !add_part(fill, part))
		return no_memory(error);
	return true;
}

/* What stands between the braces. */
static bool add_placeholder(HttpFill *fill, HttpPlace place, const char *name, size_t length,
							HttpSecrets *secrets, Error *error)
{
	if (starts_with(name, length, "secret:"))
		return add_secret(fill, place, name + 7, length - 7, secrets, error);
	if (starts_with(name, length, "attribute:"))
		return add_attribute(fill, place, name + 10, length - 10, error);
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++)
	{
		HttpPart part = {.value = NAMES[i].value, .place = place, .at = fill->bytes.length};

		if (strlen(NAMES[i].name) == length && memcmp(NAMES[i].name, name, length) == 0)
			return add_part(fill, part) || no_memory(error);
	}
	return error_set(error, ERROR_CONFIG,
					 "unknown placeholder {%.*s}: number, digits, text, id, campaign_id, "
					 "attribute:NAME or secret:NAME",
					 (int) (length < 64 ? length : 64), name);
}

/* The template's own text; in a URL it is one already. */
static bool add_own(HttpFill *fill, HttpPlace place, const char *bytes, size_t length, Error *error)
{
	if (place == HTTP_PLACE_URL)
		return http_fill_literal(fill, bytes, length) || no_memory(error);
	return add_escaped(fill, place, bytes, length, error);
}

bool http_fill_compile(HttpFill *fill, HttpPlace place, const char *string, size_t length,
					   HttpSecrets *secrets, Error *error)
{
	const char *at = string;
	const char *end = string + length;

	while (at < end)
	{
		const char *brace = at;
		const char *close;

		while (brace < end && *brace != '{' && *brace != '}')
			brace++;
		if (brace > at && !add_own(fill, place, at, (size_t) (brace - at), error))
			return false;
		at = brace;
		if (at == end)
			break;
		if (end - at > 1 && at[1] == *at)
		{
			if (!add_own(fill, place, at, 1, error))
				return false;
			at += 2;
			continue;
		}
		close = *at == '{' ? memchr(at, '}', (size_t) (end - at)) : NULL;
		if (close == NULL)
			return error_set(error, ERROR_CONFIG, "a brace without the other one: write %c%c", *at,
							 *at);
		if (!add_placeholder(fill, place, at + 1, (size_t) (close - at) - 1, secrets, error))
			return false;
		at = close + 1;
	}
	return true;
}

static bool write_attribute(const HttpFill *fill, const HttpPart *part,
							const GatewayMessage *message, HttpBuffer *out, Error *error)
{
	const char *name = fill->bytes.bytes + part->at;
	char value[MESSAGE_ATTRIBUTES_MAX + 1];
	size_t length = 0;
	bool found = http_attribute(message->attributes, name, part->length, value, &length);

	if (found)
		return http_escape(out, part->place, value, length, error);
	if (part->has_fallback)
		return http_escape(out, part->place, name + part->length, part->fallback_length, error);
	return error_set(error, ERROR_PROTOCOL, "the recipient has no attribute %.*s",
					 (int) (part->length < 64 ? part->length : 64), name);
}

static const char *value_of(HttpValue value, const GatewayMessage *message)
{
	switch (value)
	{
		case HTTP_VALUE_NUMBER:
			return message->number;
		case HTTP_VALUE_DIGITS:
			return message->number + (*message->number == '+');
		case HTTP_VALUE_TEXT:
			return message->text;
		case HTTP_VALUE_ID:
			return message->id;
		default:
			return message->campaign_id;
	}
}

bool http_fill_write(const HttpFill *fill, const GatewayMessage *message, HttpBuffer *out,
					 Error *error)
{
	for (size_t i = 0; i < fill->count; i++)
	{
		const HttpPart *part = &fill->parts[i];
		bool done;

		if (part->value == HTTP_VALUE_NONE)
			done = http_buffer_add(out, fill->bytes.bytes + part->at, part->length) ||
				   no_memory(error);
		else if (part->value == HTTP_VALUE_ATTRIBUTE)
			done = write_attribute(fill, part, message, out, error);
		else
		{
			const char *value = value_of(part->value, message);

			done = http_escape(out, part->place, value, strlen(value), error);
		}
		if (!done)
			return false;
	}
	return true;
}

void http_fill_free(HttpFill *fill)
{
	http_buffer_free(&fill->bytes);
	free(fill->parts);
	*fill = (HttpFill){0};
}
