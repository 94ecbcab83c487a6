/*
 * measure.c - one pass over a campaign's recipients: what each of them gets, what that costs, and
 * who cannot get a text at all.
 *
 * It fills as the worker will (filling.c), before anything is published. A thousand rows are in
 * memory at a time, and every one of them can be the last: it is cancelled like any statement.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "filling.h"
#include "totals.h"

PG_FUNCTION_INFO_V1(campaign_texts_measure);

#define ROWS_FETCHED   1000
#define PROBLEMS_SHOWN 10
#define SAMPLES_MAX	   100

typedef struct Measure
{
	Datum campaign_id;
	const char *message;		/* UTF-8 */
	Placeholders *placeholders; /* NULL: the message is sent as it is */
	PlaceholdersText *text;
	Segments message_segments;
	Totals totals;
	uint64 present; /* placeholders that any recipient's attributes have */
	int64 filled;	/* recipients whose attributes were looked at */
	int64 problems;
	StringInfoData shown_problems;
	StringInfoData samples;
	int samples_left;
	MemoryContext row_context;
} Measure;

/* One row of the cursor. */
typedef struct Recipient
{
	const char *class;
	int64 seq;
	char *phone_number;
	char *text;		  /* UTF-8; NULL: none of its own */
	char *attributes; /* the same */
} Recipient;

static void put_recipient(StringInfo json, const Recipient *recipient, const char *key,
						  const char *value)
{
	if (json->len > 0)
		appendStringInfoChar(json, ',');
	appendStringInfo(json,
					 "{\"class\":\"%s\",\"seq\":" INT64_FORMAT ",\"phone_number\":\"%s\",\"%s\":",
					 recipient->class, recipient->seq, recipient->phone_number, key);
	escape_json(json, value);
	appendStringInfoChar(json, '}');
}

/* The text that a recipient gets; NULL if it cannot be filled. */
static const char *text_of(Measure *measure, const Recipient *recipient)
{
	PlaceholdersResult result;

	if (recipient->text != NULL)
		return recipient->text;
	if (measure->placeholders == NULL)
		return measure->message;
	result = placeholders_fill(measure->placeholders, recipient->attributes,
							   recipient->attributes == NULL ? 0 : strlen(recipient->attributes),
							   measure->text);
	measure->present |= measure->text->present;
	measure->filled++;
	if (result == PLACEHOLDERS_FILLED)
		return measure->text->bytes;
	measure->problems++;
	if (measure->problems <= PROBLEMS_SHOWN)
		put_recipient(&measure->shown_problems, recipient, "problem",
					  filling_problem(measure->placeholders, result, measure->text));
	return NULL;
}

static void add_recipient(Measure *measure, const Recipient *recipient)
{
	const char *text = text_of(measure, recipient);

	if (text == NULL)
		return;
	if (totals_add(&measure->totals, text, 1))
	{
		measure->totals.longest_class = recipient->class;
		measure->totals.longest_seq = recipient->seq;
	}
	if (measure->samples_left > 0)
	{
		measure->samples_left--;
		put_recipient(&measure->samples, recipient, "text",
					  pg_any_to_server(text, (int) strlen(text), PG_UTF8));
	}
}

static char *utf8_column(int row, int number)
{
	char *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number);

	return value == NULL ? NULL : pg_server_to_any(value, (int) strlen(value), PG_UTF8);
}

static void add_row(Measure *measure, const char *class, int row)
{
	MemoryContext caller = MemoryContextSwitchTo(measure->row_context);
	bool is_null;
	Recipient recipient = {.class = class};

	recipient.seq =
		DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &is_null));
	recipient.phone_number = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2);
	recipient.text = utf8_column(row, 3);
	recipient.attributes = utf8_column(row, 4);
	add_recipient(measure, &recipient);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(measure->row_context);
}

/* All recipients of a class; outcome is what storing changes in their attributes. */
static void add_class(Measure *measure, const char *class, const char *outcome)
{
	static const char query[] =
		"SELECT seq, phone_number, text, CASE WHEN $4 AND text IS NULL THEN "
		"campaign.attributes_canonical(attributes OPERATOR(pg_catalog.||) $3::jsonb) END "
		"FROM campaign.recipients WHERE campaign_id = $1 "
		"AND class = $2::campaign.recipient_class ORDER BY seq";
	Oid types[] = {TEXTOID, TEXTOID, TEXTOID, BOOLOID};
	Datum values[] = {measure->campaign_id, CStringGetTextDatum(class),
					  CStringGetTextDatum(outcome), BoolGetDatum(measure->placeholders != NULL)};
	Portal portal = SPI_cursor_open_with_args(NULL, query, 4, types, values, NULL, true, 0);

	do
	{
		SPI_cursor_fetch(portal, true, ROWS_FETCHED);
		for (uint64 row = 0; row < SPI_processed; row++)
			add_row(measure, class, (int) row);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
}

/* The names of the placeholders that nobody's attributes have. */
static void put_absent(const Measure *measure, StringInfo json)
{
	bool first = true;

	appendStringInfoChar(json, '[');
	for (int i = 0; measure->placeholders != NULL && i < measure->placeholders->count; i++)
	{
		const PlaceholdersBytes *name = &measure->placeholders->parts[i].name;

		if (measure->filled == 0 || (measure->present & (UINT64CONST(1) << i)) != 0)
			continue;
		if (!first)
			appendStringInfoChar(json, ',');
		first = false;
		escape_json(json, pg_any_to_server(pnstrdup(name->bytes, name->length), (int) name->length,
										   PG_UTF8));
	}
	appendStringInfoChar(json, ']');
}

static Datum answer_of(const Measure *measure)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"segments\":");
	totals_put(&measure->totals, &json);
	appendStringInfo(&json, ",\"problem_count\":" INT64_FORMAT, measure->problems);
	appendStringInfo(&json, ",\"problems\":[%s],\"samples\":[%s],\"absent\":",
					 measure->shown_problems.data, measure->samples.data);
	put_absent(measure, &json);
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/*
 * campaign.texts_measure(campaign_id, message, has_placeholders, vip_outcome, normal_outcome,
 * samples): what the recipients get.
 */
Datum campaign_texts_measure(PG_FUNCTION_ARGS)
{
	char *message = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Measure *measure = palloc0(sizeof(Measure));

	measure->campaign_id = PG_GETARG_DATUM(0);
	measure->message = pg_server_to_any(message, (int) strlen(message), PG_UTF8);
	measure->samples_left = Min(Max(PG_GETARG_INT32(5), 0), SAMPLES_MAX);
	measure->text = palloc(sizeof(PlaceholdersText));
	initStringInfo(&measure->shown_problems);
	initStringInfo(&measure->samples);
	if (PG_GETARG_BOOL(2))
		measure->placeholders = filling_open(CurrentMemoryContext, measure->message);
	measure->row_context =
		AllocSetContextCreate(CurrentMemoryContext, "campaign text", ALLOCSET_DEFAULT_SIZES);
	SPI_connect();
	add_class(measure, "VIP", text_to_cstring(PG_GETARG_TEXT_PP(3)));
	add_class(measure, "NORMAL", text_to_cstring(PG_GETARG_TEXT_PP(4)));
	SPI_finish();
	PG_RETURN_DATUM(answer_of(measure));
}
