/*
 * numbers_body.c - campaign.body_fields() and campaign.body_numbers(): the JSON body of a request
 * that brings numbers, as the bytes in which it came. It is read where it lies, and only the lines
 * of its numbers are made of it; PostgREST, which takes no part in that, would make a tree.
 *
 * Must never take a body for JSON that is not JSON from its first byte to its last.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "json_parse.h"
#include "numbers_json.h"

#define MALFORMED	 MAKE_SQLSTATE('P', 'T', '4', '0', '0')
#define TOO_LARGE	 MAKE_SQLSTATE('P', 'T', '4', '1', '3')
#define UNACCEPTABLE MAKE_SQLSTATE('P', 'T', '4', '2', '2')

#define NUMBERS	  "numbers"
#define DEPTH_MAX 64
#define FIELDS_MAX                                                                                 \
	(1024 * 1024) /* bytes of the body without its numbers: as of any other request */

typedef struct Body
{
	char *start; /* in the encoding of the database */
	size_t length;
	JsonLexContext *lex;
	int depth;
	const char *numbers; /* their value; NULL if there is none */
	const char *numbers_end;
} Body;

PG_FUNCTION_INFO_V1(campaign_body_fields);
PG_FUNCTION_INFO_V1(campaign_body_numbers);

static Parsed enter(void *state)
{
	Body *body = state;

	if (++body->depth > DEPTH_MAX)
		ereport(ERROR,
				(errcode(UNACCEPTABLE), errmsg("the body is nested more than %d deep", DEPTH_MAX)));
	PARSED;
}

static Parsed leave(void *state)
{
	Body *body = state;

	body->depth--;
	PARSED;
}

static Parsed begin_field(void *state, char *name, bool isnull)
{
	Body *body = state;

	if (body->depth != 1 || strcmp(name, NUMBERS) != 0)
		PARSED;
	if (body->numbers != NULL)
		ereport(ERROR, (errcode(UNACCEPTABLE), errmsg("the body has the field \"numbers\" twice")));
	body->numbers = body->lex->token_start;
	PARSED;
}

static Parsed end_field(void *state, char *name, bool isnull)
{
	Body *body = state;

	if (body->depth == 1 && strcmp(name, NUMBERS) == 0)
		body->numbers_end = body->lex->prev_token_terminator;
	pfree(name);
	PARSED;
}

static void refuse(const Body *body, JsonParseErrorType problem)
{
	const char *at = body->lex->token_start;

	if (problem == JSON_UNICODE_CODE_POINT_ZERO)
		ereport(ERROR, (errcode(UNACCEPTABLE),
						errmsg("a text has the character \\u0000, which cannot be stored"),
						errhint("Leave it out.")));
	ereport(ERROR, (errcode(MALFORMED),
					errmsg("the body is not JSON: byte %zu",
						   at == NULL ? body->length : (size_t) (at - body->start) + 1)));
}

/* Reads all of it: an error unless it is one object. */
static void read_body(Body *body, const bytea *bytes)
{
	JsonSemAction actions = {.semstate = body,
							 .object_start = enter,
							 .object_end = leave,
							 .array_start = enter,
							 .array_end = leave,
							 .object_field_start = begin_field,
							 .object_field_end = end_field};
	int length = (int) VARSIZE_ANY_EXHDR(bytes);
	const char *first;
	JsonParseErrorType problem;

	memset(body, 0, sizeof(*body));
	body->start = pg_any_to_server(VARDATA_ANY(bytes), length, PG_UTF8);
	body->length = body->start == VARDATA_ANY(bytes) ? (size_t) length : strlen(body->start);
	for (first = body->start; first < body->start + body->length && json_is_blank(*first);)
		first++;
	if (first == body->start + body->length || *first != '{')
		ereport(ERROR, (errcode(MALFORMED), errmsg("the body must be a JSON object")));
	body->lex = json_lexer(body->start, body->length);
	problem = pg_parse_json(body->lex, &actions);
	if (problem != JSON_SUCCESS)
		refuse(body, problem);
	json_lexer_free(body->lex);
	body->lex = NULL;
}

Datum campaign_body_fields(PG_FUNCTION_ARGS)
{
	Body body;
	StringInfoData fields;
	const char *end;

	read_body(&body, PG_GETARG_BYTEA_PP(0));
	end = body.start + body.length;
	if (body.numbers == NULL)
		body.numbers = body.numbers_end = end;
	if (body.length - (size_t) (body.numbers_end - body.numbers) > FIELDS_MAX)
		ereport(ERROR, (errcode(TOO_LARGE), errmsg("request is too large"),
						errhint("Only the numbers may be longer than 1 MB.")));
	initStringInfo(&fields);
	appendBinaryStringInfo(&fields, body.start, (int) (body.numbers - body.start));
	if (body.numbers != end)
		appendStringInfoString(&fields, "null");
	appendBinaryStringInfo(&fields, body.numbers_end, (int) (end - body.numbers_end));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(fields.data, fields.len));
}

Datum campaign_body_numbers(PG_FUNCTION_ARGS)
{
	Body body;

	read_body(&body, PG_GETARG_BYTEA_PP(0));
	if (body.numbers == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(numbers_json_lines(body.numbers, (size_t) (body.numbers_end - body.numbers)));
}
