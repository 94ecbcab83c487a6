/*
 * numbers_read.c - campaign.numbers_read(): the numbers of a file for those who do
 * not store them as recipients (suppression lists), understood as in an upload.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "file.h"
#include "table_answer.h"

PG_FUNCTION_INFO_V1(campaign_numbers_read);

static Datum array_of(const NumberList *numbers)
{
	NumberListPlace place = number_list_begin(numbers);
	Datum *items = palloc_extended(Max(numbers->count, 1) * sizeof(Datum), MCXT_ALLOC_HUGE);
	int count = 0;
	uint64 digits;

	while (number_list_next(&place, &digits))
		items[count++] = Int64GetDatum((int64) digits);
	return PointerGetDatum(
		construct_array(items, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Datum campaign_numbers_read(PG_FUNCTION_ARGS)
{
	bytea *numbers = PG_GETARG_BYTEA_PP(0);
	NumbersFile file = {.skip_invalid = PG_GETARG_BOOL(1)};
	bool nulls[2] = {false, false};
	Datum values[2];
	TupleDesc columns;
	StringInfoData json;

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "a row was expected as the result");
	(void) number_rules_set(&file.rules, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	file_read(&file, VARDATA_ANY(numbers), VARSIZE_ANY_EXHDR(numbers));
	file_require(&file);
	initStringInfo(&json);
	appendStringInfo(&json,
					 "{\"accepted\": " UINT64_FORMAT ", \"duplicates\": " INT64_FORMAT
					 ", \"invalid\": " INT64_FORMAT ", \"errors\": [%s]}",
					 file.numbers.count, file.duplicates, file.bad.count, file.bad.json.data);
	values[0] = array_of(&file.numbers);
	values[1] = table_json(&json);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls)));
}
