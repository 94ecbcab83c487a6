/*
 * raise.c - campaign.api_raise(): how the functions behind HTTP report an error.
 *
 * PL/pgSQL's RAISE cannot leave out a detail or a hint, and an empty one would show
 * in every answer of PostgREST. And PostgREST copies the message into the status
 * line of its answer: it must never hold a line break, or whoever gets text into a
 * message could write headers; nor be so long that a proxy takes no more headers
 * from there, and answers 502 instead.
 *
 * The statement, which may hold a password, does not go into the log with the error.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#define MESSAGE_MAX 1000 /* bytes; nginx takes 4096 of headers in all */

PG_FUNCTION_INFO_V1(campaign_api_raise);

static char *text_or_null(FunctionCallInfo fcinfo, int argument)
{
	char *string;

	if (PG_ARGISNULL(argument))
		return NULL;
	string = text_to_cstring(PG_GETARG_TEXT_PP(argument));
	return string[0] != '\0' ? string : NULL;
}

static void blank_control_characters(char *string)
{
	for (; string != NULL && *string != '\0'; string++)
	{
		if ((unsigned char) *string < ' ' || *string == '\x7f')
			*string = ' ';
	}
}

static void shorten(char *message)
{
	int length = message != NULL ? (int) strlen(message) : 0;

	if (length > MESSAGE_MAX)
		message[pg_mbcliplen(message, length, MESSAGE_MAX)] = '\0';
}

Datum campaign_api_raise(PG_FUNCTION_ARGS)
{
	const char *code = text_or_null(fcinfo, 0);
	char *message = text_or_null(fcinfo, 1);
	const char *detail = text_or_null(fcinfo, 2);
	const char *hint = text_or_null(fcinfo, 3);

	blank_control_characters(message);
	shorten(message);
	if (code == NULL || strlen(code) != 5)
		elog(ERROR, "an SQLSTATE has five characters");
	ereport(ERROR, (errcode(MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4])),
					errmsg_internal("%s", message != NULL ? message : "request failed"),
					errhidestmt(true), detail != NULL ? errdetail_internal("%s", detail) : 0,
					hint != NULL ? errhint("%s", hint) : 0));
	PG_RETURN_VOID();
}
