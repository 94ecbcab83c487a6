/*
 * filling.c - fills texts for the worker and the proof; see filling.h.
 *
 * Also the check of a message with braces when a campaign is created, which says where the mistake
 * is and how a brace is written.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "filling.h"

PG_FUNCTION_INFO_V1(campaign_placeholders_check);
PG_FUNCTION_INFO_V1(campaign_placeholders_fill);
PG_FUNCTION_INFO_V1(campaign_text_is_blank);

#define QUOTED 30 /* bytes of the text that are shown at a mistake, at most */

static char *server_text(const char *utf8, size_t length)
{
	char *text = pg_any_to_server(utf8, (int) length, PG_UTF8);

	return text == utf8 ? pnstrdup(utf8, length) : text;
}

static void refuse(const char *message, size_t length, const PlaceholdersProblem *problem)
{
	size_t before = pg_encoding_mbcliplen(PG_UTF8, message, (int) length, (int) problem->at);
	int place = 1;
	int shown = pg_encoding_mbcliplen(PG_UTF8, message + before, (int) (length - before), QUOTED);

	for (size_t i = 0; i < before; i++)
		place += ((unsigned char) message[i] & 0xC0) != 0x80;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("campaign message, character %d, \"%s\": %s", place,
						   server_text(message + before, shown), problem->reason),
					errhint("A placeholder is {name}, or {name|default}; write \\{ and \\} for "
							"braces that recipients are to see.")));
}

Placeholders *filling_open(MemoryContext context, const char *message)
{
	Placeholders *placeholders = MemoryContextAlloc(context, sizeof(Placeholders));
	PlaceholdersProblem problem;
	size_t length = strlen(message);

	if (!placeholders_parse(placeholders, message, length, &problem))
	{
		pfree(placeholders);
		refuse(message, length, &problem);
	}
	return placeholders;
}

char *filling_problem(const Placeholders *placeholders, PlaceholdersResult result,
					  const PlaceholdersText *text)
{
	const PlaceholdersBytes *name = &placeholders->parts[text->failed].name;

	switch (result)
	{
		case PLACEHOLDERS_FILLED:
			return NULL;
		case PLACEHOLDERS_MISSING:
			return psprintf("{%s} has no value and no default",
							server_text(name->bytes, name->length));
		case PLACEHOLDERS_NESTED:
			return psprintf("the value of {%s} is a list or an object",
							server_text(name->bytes, name->length));
		case PLACEHOLDERS_TOO_LONG:
			return psprintf("its text has more than %d characters", MESSAGE_TEXT_MAX_CHARS);
		case PLACEHOLDERS_NO_JSON:
			break;
	}
	return pstrdup("its attributes are damaged");
}

void filling_fill(const Placeholders *placeholders, const char *attributes, PlaceholdersText *text)
{
	PlaceholdersResult result = placeholders_fill(
		placeholders, attributes, attributes == NULL ? 0 : strlen(attributes), text);

	if (result != PLACEHOLDERS_FILLED)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("a recipient's text cannot be filled: %s",
							   filling_problem(placeholders, result, text))));
}

static char *utf8_argument(text *argument)
{
	char *text = text_to_cstring(argument);

	return pg_server_to_any(text, (int) strlen(text), PG_UTF8);
}

/* campaign.placeholders_check(message): whether it has braces; an error if they make no sense. */
Datum campaign_placeholders_check(PG_FUNCTION_ARGS)
{
	char *message = utf8_argument(PG_GETARG_TEXT_PP(0));

	if (strpbrk(message, "{}") == NULL)
		PG_RETURN_BOOL(false);
	pfree(filling_open(CurrentMemoryContext, message));
	PG_RETURN_BOOL(true);
}

/* campaign.text_is_blank(value): by the same list of blanks as a value of a placeholder. */
Datum campaign_text_is_blank(PG_FUNCTION_ARGS)
{
	char *value = utf8_argument(PG_GETARG_TEXT_PP(0));

	PG_RETURN_BOOL(placeholders_is_blank((PlaceholdersBytes){value, strlen(value)}));
}

/* campaign.placeholders_fill(message, attributes): the text for canonical attributes, or NULL. */
Datum campaign_placeholders_fill(PG_FUNCTION_ARGS)
{
	PlaceholdersText *filled = palloc(sizeof(PlaceholdersText));
	char *attributes;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	attributes = PG_ARGISNULL(1) ? NULL : utf8_argument(PG_GETARG_TEXT_PP(1));
	filling_fill(filling_open(CurrentMemoryContext, utf8_argument(PG_GETARG_TEXT_PP(0))),
				 attributes, filled);
	PG_RETURN_TEXT_P(cstring_to_text(server_text(filled->bytes, filled->length)));
}
