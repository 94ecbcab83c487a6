/*
 * upload.c - campaign.recipients_import(): a numbers file becomes rows.
 *
 * In this order: read the file (file.c), refuse it or not, leave out what the
 * campaign has (packed.c), store the others (rows.c). A refused file has
 * written nothing. The caller (campaign_upload() in sql/21_recipients.sql) holds
 * the campaign's lock; nothing here checks who may do what.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "contract/message.h"
#include "file.h"
#include "packed.h"
#include "rows.h"
#include "table_answer.h"

PG_FUNCTION_INFO_V1(campaign_recipients_import);

static Datum answer(const NumbersFile *file)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json,
					 "{\"accepted\": " UINT64_FORMAT ", \"duplicates\": " INT64_FORMAT
					 ", \"invalid\": " INT64_FORMAT ", \"errors\": [%s], %s}",
					 file->numbers.count, file->duplicates, file->bad.count, file->bad.json.data,
					 found_countries_json(&file->found));
	return table_json(&json);
}

static void store(const NumberList *numbers, Packed *packed, int64 first_seq)
{
	if (numbers->count > (uint64) (MESSAGE_SEQ_MAX - first_seq + 1))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a campaign has at most " INT64_FORMAT " recipients", MESSAGE_SEQ_MAX)));
	if (numbers->count == 0)
		return;
	rows_write(TextDatumGetCString(packed->campaign_id),
			   DatumGetCString(DirectFunctionCall1(enum_out, packed->class)), first_seq, numbers,
			   NULL);
	if (packed->until + (int64) packed->loose.count == first_seq - 1)
		packed_append(packed, numbers);
}

Datum campaign_recipients_import(PG_FUNCTION_ARGS)
{
	int64 first_seq = PG_GETARG_INT64(2);
	bytea *numbers = PG_GETARG_BYTEA_PP(3);
	NumbersFile file = {.skip_invalid = PG_GETARG_BOOL(4), .allow_duplicates = PG_GETARG_BOOL(5)};
	int64 present = PG_GETARG_INT64(6);
	Packed packed;

	table_rules(&file.rules, text_to_cstring(PG_GETARG_TEXT_PP(7)));
	file_read(&file, VARDATA_ANY(numbers), VARSIZE_ANY_EXHDR(numbers));
	file_require(&file);
	packed_create(&packed, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1));
	if (present > 0 && !file.allow_duplicates)
	{
		packed_compare(&packed, get_fn_expr_argtype(fcinfo->flinfo, 1), &file.seen);
		file_drop_marked(&file);
	}
	store(&file.numbers, &packed, first_seq);
	PG_RETURN_DATUM(answer(&file));
}
