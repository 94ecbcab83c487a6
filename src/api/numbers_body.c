/*
 * numbers_body.c - campaign.body_fields() and campaign.body_numbers(): the JSON body of a request
 * that brings numbers, as the bytes in which it came. It is read once, where it lies, and only its
 * fields and the lines of its numbers are made of it; PostgREST, which takes no part in that, would
 * make a tree.
 *
 * Whose campaign it is stands in the fields and is checked in between, so the lines wait here: in a
 * row they would be copied twice.
 *
 * Must never take a body for JSON that is not JSON from its first byte to its last, nor have the
 * numbers of one request in another.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "body_errors.h"
#include "json_parse.h"
#include "numbers_json.h"

#define NUMBERS	  "numbers"
#define DEPTH_MAX 64

typedef struct Body
{
	char *start; /* in the encoding of the database */
	size_t length;
	JsonLexContext *lex;
	int depth;
	const char *numbers; /* their value; NULL if there is none */
	const char *numbers_end;
	bool in_numbers;
	NumbersLines lines;
	JsonSemAction actions;
} Body;

/* Of the body that was read last, in a context that ends with the transaction, or is NULL. */
static MemoryContext kept = NULL;
static bytea *kept_numbers; /* NULL: it had none, or they are refused */
static const char *kept_refusal;

PG_FUNCTION_INFO_V1(campaign_body_fields);
PG_FUNCTION_INFO_V1(campaign_body_numbers);

static void forget(void *context)
{
	if (kept == context)
		kept = NULL;
}

/* What was kept before stays as long: somebody may still read it. */
static void keep_begin(void)
{
	MemoryContextCallback *at_end;

	kept = AllocSetContextCreate(TopTransactionContext, "campaign numbers", ALLOCSET_SMALL_SIZES);
	kept_numbers = NULL;
	kept_refusal = NULL;
	at_end = MemoryContextAlloc(kept, sizeof(*at_end));
	at_end->func = forget;
	at_end->arg = kept;
	MemoryContextRegisterResetCallback(kept, at_end);
}

static void keep(NumbersLines *lines)
{
	MemoryContext caller = MemoryContextSwitchTo(kept);

	if (lines->refusal != NULL)
		kept_refusal = pstrdup(lines->refusal);
	else
		kept_numbers = numbers_lines_finish(lines);
	MemoryContextSwitchTo(caller);
}

static void enter(Body *body)
{
	if (++body->depth > DEPTH_MAX)
		ereport(ERROR, (errcode(BODY_UNACCEPTABLE),
						errmsg("the body is nested more than %d deep", DEPTH_MAX)));
}

static Parsed begin_array(void *state)
{
	Body *body = state;

	enter(body);
	if (body->in_numbers)
		PARSED_BY(numbers_lines_array_start(&body->lines));
	PARSED;
}

static Parsed end_array(void *state)
{
	Body *body = state;

	body->depth--;
	if (body->in_numbers)
		PARSED_BY(numbers_lines_array_end(&body->lines));
	PARSED;
}

static Parsed begin_object(void *state)
{
	Body *body = state;

	enter(body);
	if (body->in_numbers)
		PARSED_BY(numbers_lines_object_start(&body->lines));
	PARSED;
}

static Parsed end_object(void *state)
{
	Body *body = state;

	body->depth--;
	if (body->in_numbers)
		PARSED_BY(numbers_lines_object_end(&body->lines));
	PARSED;
}

/* Set while numbers are read only, and not for a file: the parser copies each token for it. */
static Parsed take_scalar(void *state, char *token, JsonTokenType type)
{
	Body *body = state;

	PARSED_BY(numbers_lines_scalar(&body->lines, token, type));
}

static Parsed begin_field(void *state, char *name, bool isnull)
{
	Body *body = state;
	MemoryContext caller;

	/* Where the body ends there is no token, and the parser says so next. */
	if (body->depth != 1 || strcmp(name, NUMBERS) != 0 || body->lex->token_start == NULL)
		PARSED;
	if (body->numbers != NULL)
		ereport(ERROR,
				(errcode(BODY_UNACCEPTABLE), errmsg("the body has the field \"numbers\" twice")));
	body->numbers = body->lex->token_start;
	caller = MemoryContextSwitchTo(kept);
	numbers_lines_begin(&body->lines, body->lex,
						body->length - (size_t) (body->numbers - body->start));
	MemoryContextSwitchTo(caller);
	body->in_numbers = true;
	body->actions.scalar = numbers_lines_is_file(body->numbers) ? NULL : take_scalar;
	PARSED;
}

static Parsed end_field(void *state, char *name, bool isnull)
{
	Body *body = state;

	if (body->depth == 1 && strcmp(name, NUMBERS) == 0)
	{
		body->numbers_end = body->lex->prev_token_terminator;
		body->in_numbers = false;
		body->actions.scalar = NULL;
	}
	pfree(name);
	PARSED;
}

static void refuse(const Body *body, JsonParseErrorType problem)
{
	const char *at = body->lex->token_start;

	if (problem == JSON_UNICODE_CODE_POINT_ZERO)
		ereport(ERROR, (errcode(BODY_UNACCEPTABLE),
						errmsg("a text has the character \\u0000, which cannot be stored"),
						errhint("Leave it out.")));
	ereport(ERROR, (errcode(BODY_MALFORMED),
					errmsg("the body is not JSON: byte %zu",
						   at == NULL ? body->length : (size_t) (at - body->start) + 1)));
}

static void take_bytes(Body *body, const bytea *bytes)
{
	int length = (int) VARSIZE_ANY_EXHDR(bytes);
	const char *first;

	body->start = pg_any_to_server(VARDATA_ANY(bytes), length, PG_UTF8);
	body->length = body->start == VARDATA_ANY(bytes) ? (size_t) length : strlen(body->start);
	for (first = body->start; first < body->start + body->length && json_is_blank(*first);)
		first++;
	if (first == body->start + body->length || *first != '{')
		ereport(ERROR, (errcode(BODY_MALFORMED), errmsg("the body must be a JSON object")));
}

/* Reads all of it: an error unless it is one object. */
static void read_body(Body *body)
{
	JsonParseErrorType problem;

	body->actions = (JsonSemAction){.semstate = body,
									.object_start = begin_object,
									.object_end = end_object,
									.array_start = begin_array,
									.array_end = end_array,
									.object_field_start = begin_field,
									.object_field_end = end_field};
	body->lex = json_lexer(body->start, body->length);
	problem = pg_parse_json(body->lex, &body->actions);
	if (problem != JSON_SUCCESS)
		refuse(body, problem);
	json_lexer_free(body->lex);
	body->lex = NULL;
	if (body->numbers != NULL && numbers_lines_is_file(body->numbers))
		numbers_lines_take_file(&body->lines, body->numbers,
								(size_t) (body->numbers_end - body->numbers));
}

static text *make_fields(const Body *body)
{
	const char *end = body->start + body->length;
	const char *numbers = body->numbers != NULL ? body->numbers : end;
	const char *rest = body->numbers != NULL ? body->numbers_end : end;
	StringInfoData fields;

	if (body->length - (size_t) (rest - numbers) > BODY_FIELDS_MAX)
		ereport(ERROR, (errcode(BODY_TOO_LARGE), errmsg("request is too large"),
						errhint("Only the numbers may be longer than 1 MB.")));
	initStringInfo(&fields);
	appendBinaryStringInfo(&fields, body->start, (int) (numbers - body->start));
	if (body->numbers != NULL)
		appendStringInfoString(&fields, "null");
	appendBinaryStringInfo(&fields, rest, (int) (end - rest));
	return cstring_to_text_with_len(fields.data, fields.len);
}

Datum campaign_body_fields(PG_FUNCTION_ARGS)
{
	Body body = {.start = NULL};
	text *fields;

	keep_begin();
	take_bytes(&body, PG_GETARG_BYTEA_PP(0));
	read_body(&body);
	fields = make_fields(&body);
	if (body.numbers != NULL)
		keep(&body.lines);
	PG_RETURN_TEXT_P(fields);
}

Datum campaign_body_numbers(PG_FUNCTION_ARGS)
{
	bytea *numbers = kept_numbers;

	if (kept == NULL)
		elog(ERROR, "no body was read in this transaction");
	if (kept_refusal != NULL)
		ereport(ERROR, (errcode(BODY_UNACCEPTABLE), errmsg("%s", kept_refusal)));
	if (numbers == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(numbers);
}
