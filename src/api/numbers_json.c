/*
 * numbers_json.c - campaign.numbers_from_json(): phone numbers that came as JSON, as the lines of a
 * numbers file; an element that is an object becomes a line of JSON. Reads them one after the
 * other: an array of a million is no million rows first, and nothing but its lines is kept.
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

typedef struct Lines
{
	StringInfoData text; /* behind the place for the length of a bytea */
	int64 elements;		 /* of the array, so far */
	bool in_array;
	int depth; /* of arrays and objects in the element */
	JsonLexContext *lex;
	const char *start; /* of the object that is read */
} Lines;

PG_FUNCTION_INFO_V1(campaign_numbers_from_json);

static void refuse_element(const Lines *lines)
{
	ereport(ERROR,
			(errcode(UNACCEPTABLE),
			 errmsg("element " INT64_FORMAT " of numbers is not a phone number", lines->elements)));
}

static void refuse_type(void)
{
	ereport(ERROR, (errcode(UNACCEPTABLE),
					errmsg("numbers must be an array of phone numbers, or text with one a line")));
}

static void begin_line(Lines *lines)
{
	CHECK_FOR_INTERRUPTS();
	if (lines->elements++ > 0)
		appendStringInfoChar(&lines->text, '\n');
}

static Parsed begin_array(void *state)
{
	Lines *lines = state;

	if (lines->in_array && lines->depth++ == 0)
	{
		lines->elements++;
		refuse_element(lines);
	}
	lines->in_array = true;
	PARSED;
}

static Parsed end_array(void *state)
{
	Lines *lines = state;

	lines->depth--;
	PARSED;
}

static Parsed begin_object(void *state)
{
	Lines *lines = state;

	if (!lines->in_array)
		refuse_type();
	if (lines->depth++ == 0)
	{
		begin_line(lines);
		lines->start = lines->lex->token_start;
	}
	PARSED;
}

/* As it came, but on one line: JSON has line breaks between its parts only. */
static Parsed end_object(void *state)
{
	Lines *lines = state;
	int from = lines->text.len;

	if (--lines->depth > 0)
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

static Parsed take_scalar(void *state, char *token, JsonTokenType type)
{
	Lines *lines = state;

	if (!lines->in_array)
	{
		if (type != JSON_TOKEN_STRING)
			refuse_type();
		appendStringInfoString(&lines->text, token);
		pfree(token);
		PARSED;
	}
	if (lines->depth > 0)
	{
		pfree(token);
		PARSED;
	}
	begin_line(lines);
	if ((type != JSON_TOKEN_STRING && type != JSON_TOKEN_NUMBER) || strpbrk(token, "\r\n") != NULL)
		refuse_element(lines);
	appendStringInfoString(&lines->text, token);
	pfree(token);
	PARSED;
}

/* As UTF-8, whatever the encoding of the database. */
static bytea *finish(StringInfo text)
{
	int length = text->len - VARHDRSZ;
	char *utf8 = pg_server_to_any(text->data + VARHDRSZ, length, PG_UTF8);

	if (utf8 != text->data + VARHDRSZ)
		return (bytea *) cstring_to_text(utf8);
	SET_VARSIZE(text->data, text->len);
	return (bytea *) text->data;
}

/* A string may be the whole file: it is not copied from one buffer into the next. */
static bool take_file(Lines *lines, const char *json, size_t length)
{
	const char *end = json + length;

	while (json < end && json_is_blank(*json))
		json++;
	while (end > json && json_is_blank(end[-1]))
		end--;
	if (end - json < 2 || *json != '"' || GetDatabaseEncoding() != PG_UTF8)
		return false;
	lines->text.len +=
		(int) json_text(json + 1, (size_t) (end - json) - 2, lines->text.data + VARHDRSZ, length);
	return true;
}

bytea *numbers_json_lines(const char *json, size_t length)
{
	Lines lines = {.in_array = false};
	JsonSemAction actions = {.semstate = &lines,
							 .array_start = begin_array,
							 .array_end = end_array,
							 .object_start = begin_object,
							 .object_end = end_object,
							 .scalar = take_scalar};

	initStringInfo(&lines.text);
	/* Lines are never longer than what they come from. */
	enlargeStringInfo(&lines.text, VARHDRSZ + (int) length);
	lines.text.len = VARHDRSZ;
	if (take_file(&lines, json, length))
		return finish(&lines.text);
	lines.lex = json_lexer(json, length);
	pg_parse_json_or_ereport(lines.lex, &actions);
	json_lexer_free(lines.lex);
	return finish(&lines.text);
}

Datum campaign_numbers_from_json(PG_FUNCTION_ARGS)
{
	const text *json;

	if (PG_ARGISNULL(0))
		refuse_type();
	json = PG_GETARG_TEXT_PP(0);
	PG_RETURN_BYTEA_P(numbers_json_lines(VARDATA_ANY(json), VARSIZE_ANY_EXHDR(json)));
}
