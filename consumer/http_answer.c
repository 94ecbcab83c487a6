/*
 * http_answer.c - judging an answer; see http_answer.h.
 *
 * The body comes from the network: it is read by json.c, on a copy, from its
 * beginning to its end; one that is not JSON holds nothing.
 */
#include "http_answer.h"

#include <stdlib.h>
#include <string.h>

#include "contract/utf8.h"
#include "json.h"

/* What is done with each value that a pointer leads to. */
typedef struct Visit
{
	const HttpRule *rule; /* NULL: the text is wanted */
	size_t seen;
	bool matches; /* all of them so far */
	bool lacking; /* an element of an array has none */
	char *out;
	size_t size;
} Visit;

bool http_pointer_check(const char *pointer)
{
	if (*pointer != '/' || strlen(pointer) >= HTTP_POINTER_SIZE)
		return false;
	for (; *pointer != '\0'; pointer++)
	{
		if (*pointer == '~' && pointer[1] != '0' && pointer[1] != '1')
			return false;
	}
	return true;
}

static size_t token_length(const char *pointer)
{
	return strcspn(pointer + 1, "/");
}

/* Whether the pointer's first token, whose ~0 and ~1 are escapes, names this key. */
static bool names_key(const char *pointer, const JsonString *key)
{
	const char *at = pointer + 1;
	const char *end = at + token_length(pointer);
	size_t i = 0;

	for (; at < end && i < key->length; at++, i++)
	{
		char c = *at;

		if (c == '~')
			c = *++at == '0' ? '~' : '/';
		if (key->bytes[i] != c)
			return false;
	}
	return at == end && i == key->length;
}

static bool names_element(const char *pointer, size_t element)
{
	char *end;

	if (pointer[1] == '*' && token_length(pointer) == 1)
		return true;
	return pointer[1] >= '0' && pointer[1] <= '9' && strtoul(pointer + 1, &end, 10) == element &&
		   end == pointer + 1 + token_length(pointer);
}

static bool is_one_of(const HttpRule *rule, const char *text, size_t length)
{
	for (size_t i = 0; i < rule->value_count; i++)
	{
		if (strlen(rule->values[i]) == length && memcmp(rule->values[i], text, length) == 0)
			return true;
	}
	return false;
}

static void see(Visit *visit, const char *text, size_t length)
{
	if (visit->rule != NULL)
		visit->matches = visit->matches && is_one_of(visit->rule, text, length);
	else if (visit->seen == 0)
		(void) utf8_clean(visit->out, visit->size, text, length);
	visit->seen++;
}

/* The value that a pointer has led to: a text, a number or a word; others are not seen. */
static bool take_value(Json *json, Visit *visit)
{
	JsonString text;
	const char *word;

	switch (json_peek(json))
	{
		case '{':
		case '[':
			return json_skip(json);
		case '"':
			if (!json_string(json, &text))
				return false;
			see(visit, text.bytes, text.length);
			return true;
		case 't':
		case 'f':
		case 'n':
			word = json_peek(json) == 't' ? "true" : json_peek(json) == 'f' ? "false" : "";
			if (json_word(json) == '\0')
				return false;
			if (*word != '\0')
				see(visit, word, strlen(word));
			return true;
		default:
			if (!json_number(json, &text))
				return false;
			see(visit, text.bytes, text.length);
			return true;
	}
}

/* Not deeper than the pointer has tokens. */
static bool follow(Json *json, const char *pointer, Visit *visit) // NOLINT(misc-no-recursion)
{
	bool is_object;
	size_t element = 0;
	JsonString key;

	if (*pointer == '\0')
		return take_value(json, visit);
	is_object = json_accept(json, '{');
	if (!is_object && !json_accept(json, '['))
		return json_skip(json);
	if (json_accept(json, is_object ? '}' : ']'))
		return true;
	do
	{
		size_t before = visit->seen;
		bool named;

		if (is_object && (!json_string(json, &key) || !json_expect(json, ':')))
			return false;
		named = is_object ? names_key(pointer, &key) : names_element(pointer, element++);
		if (named ? !follow(json, pointer + 1 + token_length(pointer), visit) : !json_skip(json))
			return false;
		/* A provider that says nothing of one has not said the same of all. */
		visit->lacking |= named && !is_object && visit->seen == before;
	} while (json_accept(json, ','));
	return json_expect(json, is_object ? '}' : ']');
}

/* False if the body is not JSON as a whole. */
static bool visit_body(const HttpAnswer *answer, const char *pointer, Visit *visit)
{
	char *copy = answer->complete && answer->length > 0 ? malloc(answer->length) : NULL;
	Error error = {0};
	Json json;
	bool done;

	if (copy == NULL)
		return false;
	memcpy(copy, answer->body, answer->length);
	json_begin(&json, copy, answer->length, &error);
	done = follow(&json, pointer, visit) && json_finish(&json);
	free(copy);
	return done;
}

static bool has_status(const HttpRule *rule, int status)
{
	for (size_t i = 0; i < rule->statuses; i++)
	{
		if (status >= rule->low[i] && status <= rule->high[i])
			return true;
	}
	return rule->statuses == 0;
}

static bool applies(const HttpRule *rule, const HttpAnswer *answer)
{
	Visit visit = {.rule = rule, .matches = true};

	if (!has_status(rule, answer->status))
		return false;
	if (*rule->pointer == '\0')
		return true;
	return visit_body(answer, rule->pointer, &visit) && visit.seen > 0 && visit.matches &&
		   !visit.lacking;
}

static HttpVerdict judge_by_status(int status)
{
	switch (status)
	{
		case 408:
		case 425:
		case 429:
		case 503:
			return HTTP_AGAIN;
		default:
			break;
	}
	/* A provider that failed half-way, or its proxy, does not say what it did before. */
	return status < 300 || status >= 500 ? HTTP_UNCLEAR : HTTP_FAILED;
}

HttpVerdict http_answer_judge(const HttpRules *rules, const HttpAnswer *answer)
{
	for (size_t i = 0; i < rules->count; i++)
	{
		if (applies(&rules->list[i], answer))
			return rules->list[i].verdict;
	}
	return judge_by_status(answer->status);
}

bool http_answer_text(const HttpPlaces *places, const HttpAnswer *answer, char *out, size_t size)
{
	for (size_t i = 0; i < places->count; i++)
	{
		Visit visit = {.out = out, .size = size};

		out[0] = '\0';
		if (visit_body(answer, places->pointers[i], &visit) && visit.seen > 0 && *out != '\0')
			return true;
	}
	return false;
}
