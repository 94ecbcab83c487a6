/*
 * http_rules.c - reading rules and places; see http_rules.h.
 */
#include "http_rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static HttpRule *rule_of(const HttpReader *reader)
{
	HttpRules *rules = reader->target;

	return &rules->list[rules->count];
}

/* "2xx" is 200 to 299, "404" itself. */
static bool parse_status(const char *text, int *low, int *high)
{
	if (strlen(text) != 3 || text[0] < '2' || text[0] > '5')
		return false;
	*low = *high = (text[0] - '0') * 100;
	if (strcmp(text + 1, "xx") == 0)
	{
		*high += 99;
		return true;
	}
	if (text[1] < '0' || text[1] > '9' || text[2] < '0' || text[2] > '9')
		return false;
	*low += (text[1] - '0') * 10 + text[2] - '0';
	*high = *low;
	return true;
}

static bool read_one_status(HttpReader *reader)
{
	HttpRule *rule = rule_of(reader);
	char text[16] = "";
	int64_t number;
	bool done;

	if (rule->statuses == HTTP_RULE_STATUSES)
		return http_reader_fail(reader, "more than %d statuses", HTTP_RULE_STATUSES);
	if (json_peek(&reader->json) == '"')
		done = http_reader_text(reader, text, sizeof(text));
	else
	{
		done = http_reader_number(reader, 200, 599, &number);
		if (done)
			snprintf(text, sizeof(text), "%d", (int) number);
	}
	if (!done)
		return false;
	if (!parse_status(text, &rule->low[rule->statuses], &rule->high[rule->statuses]))
		return http_reader_fail(reader, "\"%s\" is no status: 200 to 599, or \"2xx\" to \"5xx\"",
								text);
	rule->statuses++;
	return true;
}

static bool read_status(HttpReader *reader)
{
	return http_reader_values(reader, read_one_status);
}

static bool read_pointer(HttpReader *reader, char pointer[HTTP_POINTER_SIZE])
{
	if (!http_reader_text(reader, pointer, HTTP_POINTER_SIZE))
		return false;
	return http_pointer_check(pointer) ||
		   http_reader_fail(reader,
							"\"%.60s\" is no place in JSON: /key/0/key, or * for all "
							"elements",
							pointer);
}

static bool read_at(HttpReader *reader)
{
	return read_pointer(reader, rule_of(reader)->pointer);
}

/* A string, or a number or word as it is written. */
static bool read_one_value(HttpReader *reader)
{
	HttpRule *rule = rule_of(reader);
	JsonString text;
	char *out;
	bool word;

	if (rule->value_count == HTTP_RULE_VALUES)
		return http_reader_fail(reader, "more than %d values", HTTP_RULE_VALUES);
	out = rule->values[rule->value_count++];
	switch (json_peek(&reader->json))
	{
		case '"':
			return http_reader_text(reader, out, HTTP_RULE_VALUE_MAX + 1);
		case 't':
		case 'f':
			if (!http_reader_switch(reader, &word))
				return false;
			snprintf(out, HTTP_RULE_VALUE_MAX + 1, "%s", word ? "true" : "false");
			return true;
		default:
			if (!json_number(&reader->json, &text) || text.length > HTTP_RULE_VALUE_MAX)
				return http_reader_fail(reader, "expected a text, a number, true or false");
			memcpy(out, text.bytes, text.length);
			return true;
	}
}

static bool read_equals(HttpReader *reader)
{
	return http_reader_values(reader, read_one_value);
}

static bool read_is(HttpReader *reader)
{
	static const char *const words[] = {"sent", "failed", "again", "unclear"};
	char text[16];

	if (!http_reader_text(reader, text, sizeof(text)))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
	{
		if (strcmp(words[i], text) == 0)
		{
			rule_of(reader)->verdict = (HttpVerdict) i;
			return true;
		}
	}
	return http_reader_fail(reader, "\"is\" is sent, failed, again or unclear");
}

static bool read_rule(HttpReader *reader)
{
	static const HttpKey keys[] = {
		{"status", read_status, false},
		{"at", read_at, false},
		{"equals", read_equals, false},
		{"is", read_is, true},
	};
	HttpRules *rules = reader->target;
	const HttpRule *rule = rule_of(reader);

	if (rules->count == HTTP_RULES_MAX - 1)
		return http_reader_fail(reader, "more than %d answers", HTTP_RULES_MAX - 1);
	if (!http_reader_object(reader, keys, sizeof(keys) / sizeof(*keys)))
		return false;
	if ((*rule->pointer != '\0') != (rule->value_count > 0))
		return http_reader_fail(reader, "\"at\" and \"equals\" need each other");
	if (rule->statuses == 0 && rule->value_count == 0)
		return http_reader_fail(reader, "an answer needs a \"status\", or \"at\" and \"equals\"");
	if (rule->statuses == 0 && rule->verdict == HTTP_SENT)
		return http_reader_fail(reader, "an answer that is sent needs a \"status\"");
	rules->count++;
	return true;
}

bool http_rules_read(HttpReader *reader, HttpRules *rules)
{
	void *before = reader->target;
	bool done;

	if (json_peek(&reader->json) != '[')
		return http_reader_fail(reader, "\"answers\" is a list");
	reader->target = rules;
	done = http_reader_values(reader, read_rule);
	reader->target = before;
	return done;
}

static bool read_place(HttpReader *reader)
{
	HttpPlaces *places = reader->target;

	if (places->count == HTTP_POINTERS_MAX)
		return http_reader_fail(reader, "more than %d places", HTTP_POINTERS_MAX);
	return read_pointer(reader, places->pointers[places->count++]);
}

bool http_places_read(HttpReader *reader, HttpPlaces *places)
{
	void *before = reader->target;
	bool done;

	reader->target = places;
	done = http_reader_values(reader, read_place);
	reader->target = before;
	return done;
}
