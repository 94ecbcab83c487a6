/*
 * numbers_json.c - campaign.numbers_from_json(): phone numbers that came as JSON, as the lines of a
 * numbers file; an element that is an object becomes a line of JSON. Reads them one after the
 * other: an array of a million is no million rows first.
 *
 * Must never join two elements to one line, or make two lines of one: element n is line n.
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonfuncs.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#define UNACCEPTABLE MAKE_SQLSTATE('P', 'T', '4', '2', '2')

/* What a callback of the parser returns depends on the version. */
#if PG_VERSION_NUM >= 160000
typedef JsonParseErrorType Parsed;
#define PARSED return JSON_SUCCESS
#else
typedef void Parsed;
#define PARSED return
#endif

typedef struct Lines
{
	StringInfoData text;
	int64 elements; /* of the array, so far */
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

/* The text in UTF-8, whatever the encoding of the database. */
static bytea *utf8_bytes(const StringInfoData *text)
{
	char *utf8 = pg_server_to_any(text->data, text->len, PG_UTF8);

	return (bytea *) cstring_to_text_with_len(utf8,
											  utf8 == text->data ? text->len : (int) strlen(utf8));
}

Datum campaign_numbers_from_json(PG_FUNCTION_ARGS)
{
	Lines lines = {.in_array = false};
	JsonSemAction actions = {.semstate = &lines,
							 .array_start = begin_array,
							 .array_end = end_array,
							 .object_start = begin_object,
							 .object_end = end_object,
							 .scalar = take_scalar};
	JsonLexContext *lex;

	if (PG_ARGISNULL(0))
		refuse_type();
#if PG_VERSION_NUM >= 170000
	lex = makeJsonLexContext(NULL, PG_GETARG_TEXT_PP(0), true);
#else
	lex = makeJsonLexContext(PG_GETARG_TEXT_PP(0), true);
#endif
	lines.lex = lex;
	initStringInfo(&lines.text);
	pg_parse_json_or_ereport(lex, &actions);
	PG_RETURN_BYTEA_P(utf8_bytes(&lines.text));
}
