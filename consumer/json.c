/*
 * json.c - a small strict reader of JSON; see json.h.
 *
 * Must never allocate, nor look at a byte at or behind `end`.
 */
#include "json.h"

#include <string.h>

void json_begin(Json *json, char *body, size_t length, Error *error)
{
	json->start = body;
	json->at = body;
	json->end = body + length;
	json->error = error;
}

bool json_fail(Json *json, const char *what)
{
	return error_set(json->error, ERROR_PROTOCOL, "%s at byte %zu", what,
					 (size_t) (json->at - json->start));
}

static void skip_space(Json *json)
{
	while (json->at < json->end &&
		   (*json->at == ' ' || *json->at == '\n' || *json->at == '\r' || *json->at == '\t'))
		json->at++;
}

bool json_accept(Json *json, char token)
{
	skip_space(json);
	if (json->at == json->end || *json->at != token)
		return false;
	json->at++;
	return true;
}

bool json_expect(Json *json, char token)
{
	char what[] = "expected '?'";

	if (json_accept(json, token))
		return true;
	what[10] = token;
	return json_fail(json, what);
}

static bool is_digit(const Json *json)
{
	return json->at < json->end && *json->at >= '0' && *json->at <= '9';
}

static bool take(Json *json, char token)
{
	if (json->at == json->end || *json->at != token)
		return false;
	json->at++;
	return true;
}

bool json_integer(Json *json, int64_t *number)
{
	bool negative;
	int64_t value = 0;

	skip_space(json);
	negative = take(json, '-');
	if (!is_digit(json))
		return json_fail(json, "expected a whole number");
	if (take(json, '0') && is_digit(json))
		return json_fail(json, "number with a leading zero");
	while (is_digit(json))
	{
		/* Built downwards: the lowest int64 has no positive twin. */
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_sub_overflow(value, *json->at - '0', &value))
			return json_fail(json, "number out of range");
		json->at++;
	}
	if (json->at < json->end && (*json->at == '.' || *json->at == 'e' || *json->at == 'E'))
		return json_fail(json, "expected a whole number");
	if (!negative && __builtin_sub_overflow((int64_t) 0, value, &value))
		return json_fail(json, "number out of range");
	*number = value;
	return true;
}

static bool skip_digits(Json *json)
{
	if (!is_digit(json))
		return json_fail(json, "expected a digit");
	while (is_digit(json))
		json->at++;
	return true;
}

static bool skip_number(Json *json)
{
	(void) take(json, '-');
	if (take(json, '0'))
	{
		if (is_digit(json))
			return json_fail(json, "number with a leading zero");
	}
	else if (!skip_digits(json))
		return false;
	if (take(json, '.') && !skip_digits(json))
		return false;
	if (take(json, 'e') || take(json, 'E'))
	{
		if (!take(json, '+'))
			(void) take(json, '-');
		return skip_digits(json);
	}
	return true;
}

bool json_number(Json *json, JsonString *number)
{
	skip_space(json);
	number->bytes = json->at;
	if (!skip_number(json))
		return false;
	number->length = number->characters = (size_t) (json->at - number->bytes);
	return true;
}

char json_word(Json *json)
{
	static const char *const words[] = {"true", "false", "null"};

	skip_space(json);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
	{
		size_t length = strlen(words[i]);

		if ((size_t) (json->end - json->at) >= length && memcmp(json->at, words[i], length) == 0)
		{
			json->at += length;
			return words[i][0];
		}
	}
	(void) json_fail(json, "expected a value");
	return '\0';
}

char json_peek(Json *json)
{
	skip_space(json);
	return json->at == json->end ? '\0' : *json->at;
}

static bool skip_value(Json *json, int depth);

static bool skip_members(Json *json, char close, int depth)
{
	JsonString name;

	if (depth > JSON_DEPTH_MAX)
		return json_fail(json, "nested too deep");
	if (json_accept(json, close))
		return true;
	do
	{
		if (close == '}' && (!json_string(json, &name) || !json_expect(json, ':')))
			return false;
		if (!skip_value(json, depth))
			return false;
	} while (json_accept(json, ','));
	return json_expect(json, close);
}

static bool skip_value(Json *json, int depth)
{
	JsonString string;

	skip_space(json);
	if (json->at == json->end)
		return json_fail(json, "expected a value");
	if (*json->at == '"')
		return json_string(json, &string);
	if (take(json, '{'))
		return skip_members(json, '}', depth + 1);
	if (take(json, '['))
		return skip_members(json, ']', depth + 1);
	if (*json->at == '-' || is_digit(json))
		return skip_number(json);
	return json_word(json) != '\0';
}

bool json_skip(Json *json)
{
	return skip_value(json, 0);
}

bool json_finish(Json *json)
{
	skip_space(json);
	if (json->at != json->end)
		return json_fail(json, "unexpected text");
	return true;
}
