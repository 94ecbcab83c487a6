/*
 * totals.c - adds up segments, and says it in JSON; see totals.h.
 *
 * A text that needs no UCS-2 is looked at once. Only the others are searched for what forces it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "contract/utf8.h"
#include "totals.h"

PG_FUNCTION_INFO_V1(campaign_message_segments);
PG_FUNCTION_INFO_V1(campaign_segments_of_all);

#define CHARACTERS_NAMED 3 /* in a warning */

static void note_character(Totals *totals, uint32 character, int64 times)
{
	int at = 0;

	while (at < totals->character_count && totals->characters[at].character != character)
		at++;
	if (at == TOTALS_CHARACTERS)
		return;
	if (at == totals->character_count)
		totals->characters[totals->character_count++] = (TotalsCharacter){.character = character};
	totals->characters[at].count += times;
}

static void note_characters(Totals *totals, const char *text, int64 times)
{
	uint32 character;

	while ((character = segments_next(&text)) != 0)
	{
		if (character != UTF8_WRONG && segments_septets(character) == 0)
			note_character(totals, character, times);
	}
}

bool totals_add(Totals *totals, const char *text, int64 times)
{
	Segments segments = segments_count(text, false);
	Segments plain = segments;
	bool longest =
		segments.segments > totals->longest.segments ||
		(segments.segments == totals->longest.segments && segments.units > totals->longest.units);

	if (segments.encoding == SEGMENTS_UCS2)
	{
		plain = segments_count(text, true);
		totals->ucs2 += times;
		note_characters(totals, text, times);
	}
	totals->texts += times;
	totals->segments += times * segments.segments;
	totals->plain_segments += times * plain.segments;
	if (longest || totals->texts == times)
		totals->longest = segments;
	return longest;
}

/* JSON ---------------------------------------------------------------------------------------- */

static char *server_character(uint32 character)
{
	unsigned char utf8[5] = {0};

	unicode_to_utf8(character, utf8);
	return pg_any_to_server(pstrdup((char *) utf8), pg_utf_mblen(utf8), PG_UTF8);
}

void totals_put_characters(const Totals *totals, StringInfo json)
{
	appendStringInfoChar(json, '[');
	for (int i = 0; i < totals->character_count; i++)
	{
		const TotalsCharacter *one = &totals->characters[i];
		const char *plain = segments_plain(one->character);

		appendStringInfoString(json, i == 0 ? "{\"character\":" : ",{\"character\":");
		escape_json(json, server_character(one->character));
		appendStringInfo(json, ",\"count\":" INT64_FORMAT ",\"plain\":", one->count);
		if (plain == NULL)
			appendStringInfoString(json, "null");
		else
			escape_json(json, pg_any_to_server(plain, (int) strlen(plain), PG_UTF8));
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
}

void totals_put_warning(const Totals *totals, StringInfo json)
{
	StringInfoData warning;

	if (totals->ucs2 == 0 || totals->character_count == 0)
	{
		appendStringInfoString(json, "null");
		return;
	}
	initStringInfo(&warning);
	for (int i = 0; i < Min(totals->character_count, CHARACTERS_NAMED); i++)
		appendStringInfo(&warning, "%s\"%s\"", i == 0 ? "" : ", ",
						 server_character(totals->characters[i].character));
	if (totals->character_count > CHARACTERS_NAMED)
		appendStringInfo(&warning, " and %d more", totals->character_count - CHARACTERS_NAMED);
	appendStringInfo(
		&warning, " %s not in the GSM-7 alphabet: a segment holds %d characters instead of %d",
		totals->character_count == 1 ? "is" : "are", SEGMENTS_UCS2_SINGLE, SEGMENTS_GSM7_SINGLE);
	if (totals->plain_segments < totals->segments)
		appendStringInfo(&warning,
						 "; with plain spellings, " INT64_FORMAT " %s instead of " INT64_FORMAT,
						 totals->plain_segments,
						 totals->plain_segments == 1 ? "segment" : "segments", totals->segments);
	escape_json(json, warning.data);
	pfree(warning.data);
}

static void put_longest(const Totals *totals, StringInfo json)
{
	if (totals->texts == 0)
	{
		appendStringInfoString(json, "null");
		return;
	}
	appendStringInfo(json, "{\"segments\":%d,\"units\":%d,\"encoding\":\"%s\"",
					 totals->longest.segments, totals->longest.units,
					 segments_encoding_name(totals->longest.encoding));
	if (totals->longest_class != NULL)
		appendStringInfo(json, ",\"class\":\"%s\",\"seq\":" INT64_FORMAT, totals->longest_class,
						 totals->longest_seq);
	appendStringInfoChar(json, '}');
}

void totals_put(const Totals *totals, StringInfo json)
{
	appendStringInfo(json, "{\"total\":" INT64_FORMAT ",\"longest\":", totals->segments);
	put_longest(totals, json);
	appendStringInfo(json, ",\"ucs2\":" INT64_FORMAT ",\"plain_total\":" INT64_FORMAT, totals->ucs2,
					 totals->plain_segments);
	appendStringInfoString(json, ",\"characters\":");
	totals_put_characters(totals, json);
	appendStringInfoString(json, ",\"warning\":");
	totals_put_warning(totals, json);
	appendStringInfoChar(json, '}');
}

static Datum jsonb_of(StringInfo json)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json->data));
}

static Totals totals_of(text *argument, int64 times)
{
	Totals totals = {0};
	char *text = text_to_cstring(argument);

	(void) totals_add(&totals, pg_server_to_any(text, (int) strlen(text), PG_UTF8), times);
	return totals;
}

/* message_segments(text): what one message costs. */
Datum campaign_message_segments(PG_FUNCTION_ARGS)
{
	Totals totals = totals_of(PG_GETARG_TEXT_PP(0), 1);
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"encoding\":\"%s\",\"units\":%d,\"segments\":%d,",
					 segments_encoding_name(totals.longest.encoding), totals.longest.units,
					 totals.longest.segments);
	appendStringInfo(&json,
					 "\"plain_segments\":" INT64_FORMAT ",\"characters\":", totals.plain_segments);
	totals_put_characters(&totals, &json);
	appendStringInfoString(&json, ",\"warning\":");
	totals_put_warning(&totals, &json);
	appendStringInfoChar(&json, '}');
	PG_RETURN_DATUM(jsonb_of(&json));
}

/* campaign.segments_of_all(message, recipients): what it costs if all of them get this. */
Datum campaign_segments_of_all(PG_FUNCTION_ARGS)
{
	Totals totals = totals_of(PG_GETARG_TEXT_PP(0), PG_GETARG_INT64(1));
	StringInfoData json;

	initStringInfo(&json);
	totals_put(&totals, &json);
	PG_RETURN_DATUM(jsonb_of(&json));
}
