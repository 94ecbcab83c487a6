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
#include "utils/builtins.h"

#include "excerpt.h"
#include "raise.h"

#define MESSAGE_MAX 1000 /* bytes; nginx takes 4096 of headers in all */

PG_FUNCTION_INFO_V1(campaign_api_raise);

static char *argument_text(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

static void blank_control_characters(char *string)
{
	for (; string != NULL && *string != '\0'; string++)
	{
		if ((unsigned char) *string < ' ' || *string == '\x7f')
			*string = ' ';
	}
}

static bool is_empty(const char *string)
{
	return string == NULL || string[0] == '\0';
}

void raise_error(int code, char *message, const char *detail, const char *hint)
{
	const char *shown = "request failed";

	blank_control_characters(message);
	if (!is_empty(message))
		shown = excerpt(message, (int) strlen(message), MESSAGE_MAX);
	ereport(ERROR, (errcode(code), errmsg_internal("%s", shown), errhidestmt(true),
					is_empty(detail) ? 0 : errdetail_internal("%s", detail),
					is_empty(hint) ? 0 : errhint("%s", hint)));
}

Datum campaign_api_raise(PG_FUNCTION_ARGS)
{
	const char *code = argument_text(fcinfo, 0);

	if (code == NULL || strlen(code) != 5)
		elog(ERROR, "an SQLSTATE has five characters");
	raise_error(MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]),
				argument_text(fcinfo, 1), argument_text(fcinfo, 2), argument_text(fcinfo, 3));
	PG_RETURN_VOID();
}
