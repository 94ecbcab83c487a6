/*
 * survey.c - one pass over a campaign's recipients before anything is published:
 * campaign.texts_measure().
 *
 * A thousand rows are in memory at a time, and it can be cancelled at each of them, like any
 * statement.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "measure.h"

PG_FUNCTION_INFO_V1(campaign_texts_measure);

#define ROWS_FETCHED 1000
#define SAMPLES_MAX	 100

typedef struct Survey
{
	Datum campaign_id;
	Measure *measure;
	MemoryContext row_context;
} Survey;

static char *utf8_column(int row, int number)
{
	char *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number);

	return value == NULL ? NULL : pg_server_to_any(value, (int) strlen(value), PG_UTF8);
}

static void add_row(Survey *survey, const char *class, int row)
{
	MemoryContext caller = MemoryContextSwitchTo(survey->row_context);
	bool is_null;
	MeasureRecipient recipient = {.class = class};

	recipient.seq =
		DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &is_null));
	recipient.phone_number = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2);
	recipient.text = utf8_column(row, 3);
	recipient.attributes = utf8_column(row, 4);
	measure_add(survey->measure, &recipient);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(survey->row_context);
}

/* All recipients of a class; outcome is what storing changes in their attributes. */
static void add_class(Survey *survey, const char *class, const char *outcome)
{
	static const char query[] =
		"SELECT seq, phone_number, text, CASE WHEN $4 AND text IS NULL THEN "
		"campaign.attributes_canonical(attributes OPERATOR(pg_catalog.||) $3::jsonb) END "
		"FROM campaign.recipients WHERE campaign_id = $1 "
		"AND class = $2::campaign.recipient_class ORDER BY seq";
	Oid types[] = {TEXTOID, TEXTOID, TEXTOID, BOOLOID};
	Datum values[] = {survey->campaign_id, CStringGetTextDatum(class), CStringGetTextDatum(outcome),
					  BoolGetDatum(measure_is_filling(survey->measure))};
	Portal portal = SPI_cursor_open_with_args(NULL, query, 4, types, values, NULL, true, 0);

	do
	{
		SPI_cursor_fetch(portal, true, ROWS_FETCHED);
		for (uint64 row = 0; row < SPI_processed; row++)
			add_row(survey, class, (int) row);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
}

static Datum answer_of(const Measure *measure)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	measure_put(measure, &json);
	appendStringInfo(&json, ",\"samples\":[%s]}", measure_samples(measure));
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/*
 * campaign.texts_measure(campaign_id, message, has_placeholders, vip_outcome, normal_outcome,
 * samples): what the recipients get.
 */
Datum campaign_texts_measure(PG_FUNCTION_ARGS)
{
	char *message = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int samples = Min(Max(PG_GETARG_INT32(5), 0), SAMPLES_MAX);
	Survey survey = {.campaign_id = PG_GETARG_DATUM(0)};

	survey.measure = measure_open(pg_server_to_any(message, (int) strlen(message), PG_UTF8),
								  PG_GETARG_BOOL(2), samples);
	survey.row_context =
		AllocSetContextCreate(CurrentMemoryContext, "campaign text", ALLOCSET_DEFAULT_SIZES);
	SPI_connect();
	add_class(&survey, "VIP", text_to_cstring(PG_GETARG_TEXT_PP(3)));
	add_class(&survey, "NORMAL", text_to_cstring(PG_GETARG_TEXT_PP(4)));
	SPI_finish();
	PG_RETURN_DATUM(answer_of(survey.measure));
}
