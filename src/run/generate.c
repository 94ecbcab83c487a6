/*
 * generate.c - campaign.generated_records(): the records of one chunk of a run
 * as rows, numbered by class, for the INSERT of campaign.job_generate().
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "record.h"

PG_FUNCTION_INFO_V1(campaign_generated_records);

#define RECORD_COLUMNS 4
#define CENTS_DIGITS   2

static void put_text(JsonbParseState **state, const char *key, const char *text)
{
	JsonbValue value = {.type = jbvString};

	value.val.string.val = unconstify(char *, key);
	value.val.string.len = (int) strlen(key);
	(void) pushJsonbValue(state, WJB_KEY, &value);
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = (int) strlen(text);
	(void) pushJsonbValue(state, WJB_VALUE, &value);
}

static void put_number(JsonbParseState **state, const char *key, Numeric number)
{
	JsonbValue value = {.type = jbvString};

	value.val.string.val = unconstify(char *, key);
	value.val.string.len = (int) strlen(key);
	(void) pushJsonbValue(state, WJB_KEY, &value);
	value.type = jbvNumeric;
	value.val.numeric = number;
	(void) pushJsonbValue(state, WJB_VALUE, &value);
}

static Datum attributes_of(const Record *record)
{
	JsonbParseState *state = NULL;
	Numeric amount = int64_div_fast_to_numeric(record->cents, CENTS_DIGITS);

	/* As it comes back from MongoDB. */
	amount = DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(amount)));
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	put_number(&state, "id", int64_to_numeric(record->id));
	put_text(&state, "customer", record->customer);
	put_number(&state, "amount", amount);
	put_text(&state, "tier", record->tier);
	put_text(&state, "status", "pendente");
	put_text(&state, "observations", "");
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* generated_records(seed, first, count, vip_percent, vip_seq, normal_seq) */
Datum campaign_generated_records(PG_FUNCTION_ARGS)
{
	RecordSeries series = record_series(PG_GETARG_INT64(0), PG_GETARG_FLOAT8(3));
	int64 first = PG_GETARG_INT64(1);
	int64 count = PG_GETARG_INT64(2);
	int64 vip_seq = PG_GETARG_INT64(4);
	int64 normal_seq = PG_GETARG_INT64(5);
	ReturnSetInfo *answer = (ReturnSetInfo *) fcinfo->resultinfo;
	bool nulls[RECORD_COLUMNS] = {false};
	MemoryContext row =
		AllocSetContextCreate(CurrentMemoryContext, "generated record", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before;

	InitMaterializedSRF(fcinfo, 0);
	if (first < 1 || count < 0 || first > RECORD_NUMBERS - count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("there are no such records")));
	before = MemoryContextSwitchTo(row);
	for (int64 place = first; place < first + count; place++)
	{
		Record record;
		Datum values[RECORD_COLUMNS];

		CHECK_FOR_INTERRUPTS();
		record_make(&series, place, &record);
		values[0] = BoolGetDatum(record.vip);
		values[1] = Int64GetDatum(record.vip ? vip_seq++ : normal_seq++);
		values[2] = CStringGetTextDatum(record.phone_number);
		values[3] = attributes_of(&record);
		tuplestore_putvalues(answer->setResult, answer->setDesc, values, nulls);
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(row);
	return (Datum) 0;
}
