/*
 * numbers_json.c - campaign.numbers_from_json(): phone numbers that came as JSON, as the lines of a
 * numbers file; an element that is an object becomes a line of JSON. Reads them one after the
 * other: an array of a million never becomes a million rows, and nothing but its lines is kept.
 *
 * Must never join two elements to one line, or make two lines of one: element n is line n.
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonfuncs.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "json_parse.h"
#include "numbers_json.h"
#include "upload/json_text.h"

#define UNACCEPTABLE MAKE_SQLSTATE('P', 'T', '4', '2', '2')

PG_FUNCTION_INFO_V1(campaign_numbers_from_json);

static void refuse_element(NumbersLines *lines)
{
	if (lines->refusal == NULL)
		lines->refusal =
			psprintf("element " INT64_FORMAT " of numbers is not a phone number", lines->elements);
}

static void refuse_type(NumbersLines *lines)
{
	if (lines->refusal == NULL)
		lines->refusal = "numbers must be an array of phone numbers, or text with one a line";
}

static void begin_line(NumbersLines *lines)
{
	CHECK_FOR_INTERRUPTS();
	if (lines->elements++ > 0)
		appendStringInfoChar(&lines->text, '\n');
}

Parsed numbers_lines_array_start(NumbersLines *lines)
{
	if (lines->in_array && lines->depth++ == 0)
	{
		lines->elements++;
		refuse_element(lines);
	}
	lines->in_array = true;
	PARSED;
}

Parsed numbers_lines_array_end(NumbersLines *lines)
{
	lines->depth--;
	PARSED;
}

Parsed numbers_lines_object_start(NumbersLines *lines)
{
	if (!lines->in_array)
		refuse_type(lines);
	if (lines->depth++ == 0 && lines->refusal == NULL)
	{
		begin_line(lines);
		lines->start = lines->lex->token_start;
	}
	PARSED;
}

/* As it came, but on one line: JSON has line breaks between its parts only. */
Parsed numbers_lines_object_end(NumbersLines *lines)
{
	int from = lines->text.len;

	if (--lines->depth > 0 || lines->refusal != NULL)
		PARSED;
	appendBinaryStringInfo(&lines->text, lines->start,
						   (int) (lines->lex->prev_token_terminator - lines->start));
	for (int i = from; i < lines->text.len; i++)
	{
		if (lines->text.data[i] == '\n' || lines->text.data[i] == '\r')
			lines->text.data[i] = ' ';
	}
	PARSED;
}

static void take_element(NumbersLines *lines, const char *token, JsonTokenType type)
{
	begin_line(lines);
	if ((type != JSON_TOKEN_STRING && type != JSON_TOKEN_NUMBER) || strpbrk(token, "\r\n") != NULL)
		refuse_element(lines);
	appendStringInfoString(&lines->text, token);
}

Parsed numbers_lines_scalar(NumbersLines *lines, char *token, JsonTokenType type)
{
	if (!lines->in_array && type == JSON_TOKEN_STRING)
		appendStringInfoString(&lines->text, token);
	else if (!lines->in_array)
		refuse_type(lines);
	else if (lines->depth == 0 && lines->refusal == NULL)
		take_element(lines, token, type);
	pfree(token);
	PARSED;
}

void numbers_lines_begin(NumbersLines *lines, JsonLexContext *lex, size_t length)
{
	memset(lines, 0, sizeof(*lines));
	lines->lex = lex;
	initStringInfo(&lines->text);
	enlargeStringInfo(&lines->text, VARHDRSZ + (int) length);
	lines->text.len = VARHDRSZ;
}

bool numbers_lines_is_file(const char *json)
{
	return *json == '"' && GetDatabaseEncoding() == PG_UTF8;
}

void numbers_lines_take_file(NumbersLines *lines, const char *json, size_t length)
{
	lines->text.len +=
		(int) json_text(json + 1, length - 2, lines->text.data + VARHDRSZ, length - 2);
}

bytea *numbers_lines_finish(NumbersLines *lines)
{
	int length = lines->text.len - VARHDRSZ;
	char *utf8 = pg_server_to_any(lines->text.data + VARHDRSZ, length, PG_UTF8);

	if (utf8 != lines->text.data + VARHDRSZ)
		return (bytea *) cstring_to_text(utf8);
	SET_VARSIZE(lines->text.data, lines->text.len);
	return (bytea *) lines->text.data;
}

/* The same for a value that stands alone ------------------------------------------------------ */

static Parsed begin_array(void *state)
{
	PARSED_BY(numbers_lines_array_start(state));
}

static Parsed end_array(void *state)
{
	PARSED_BY(numbers_lines_array_end(state));
}

static Parsed begin_object(void *state)
{
	PARSED_BY(numbers_lines_object_start(state));
}

static Parsed end_object(void *state)
{
	PARSED_BY(numbers_lines_object_end(state));
}

static Parsed take_scalar(void *state, char *token, JsonTokenType type)
{
	PARSED_BY(numbers_lines_scalar(state, token, type));
}

static void read_value(NumbersLines *lines, const char *json, size_t length)
{
	JsonSemAction actions = {.semstate = lines,
							 .array_start = begin_array,
							 .array_end = end_array,
							 .object_start = begin_object,
							 .object_end = end_object,
							 .scalar = take_scalar};
	JsonLexContext *lex = json_lexer(json, length);

	numbers_lines_begin(lines, lex, length);
	pg_parse_json_or_ereport(lex, &actions);
	json_lexer_free(lex);
}

/* As it is written in the request, blanks around it too. */
static void read_json(NumbersLines *lines, const text *json)
{
	const char *value = VARDATA_ANY(json);
	const char *end = value + VARSIZE_ANY_EXHDR(json);

	while (value < end && json_is_blank(*value))
		value++;
	while (end > value && json_is_blank(end[-1]))
		end--;
	if (!numbers_lines_is_file(value))
	{
		read_value(lines, value, (size_t) (end - value));
		return;
	}
	numbers_lines_begin(lines, NULL, (size_t) (end - value));
	numbers_lines_take_file(lines, value, (size_t) (end - value));
}

Datum campaign_numbers_from_json(PG_FUNCTION_ARGS)
{
	NumbersLines lines = {.refusal = NULL};

	if (PG_ARGISNULL(0))
		refuse_type(&lines);
	else
		read_json(&lines, PG_GETARG_TEXT_PP(0));
	if (lines.refusal != NULL)
		ereport(ERROR, (errcode(UNACCEPTABLE), errmsg("%s", lines.refusal)));
	PG_RETURN_BYTEA_P(numbers_lines_finish(&lines));
}
