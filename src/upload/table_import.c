/*
 * table_import.c - a file with columns becomes rows: campaign.table_import(), and
 * campaign.upload_format(), which says what a file is.
 *
 * As upload.c does for plain lists, in the same order. The caller holds the
 * campaign's lock. The numbers are not packed: the next file that is added does that.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "packed.h"
#include "table_answer.h"
#include "table_file.h"

PG_FUNCTION_INFO_V1(campaign_table_import);
PG_FUNCTION_INFO_V1(campaign_upload_format);

FileFormat table_format(const char *name)
{
	FileFormat format;

	if (!format_of_name(name, &format))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("format must be list, csv, tsv, semicolon or ndjson")));
	return format;
}

void table_rules(NumberRules *rules, const char *country)
{
	if (!number_rules_set(rules, country))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("there is no country \"%s\"", country)));
}

const char *table_text(text *value)
{
	char *string = text_to_cstring(value);

	return *string == '\0' ? NULL : pg_server_to_any(string, (int) strlen(string), PG_UTF8);
}

Datum table_json(const StringInfoData *json)
{
	char *text = pg_any_to_server(json->data, json->len, PG_UTF8);

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
}

Datum campaign_upload_format(PG_FUNCTION_ARGS)
{
	bytea *numbers = PG_GETARG_BYTEA_PP(0);
	const char *name = table_text(PG_GETARG_TEXT_PP(1));
	FileFormat format;

	if (name != NULL)
		format = table_format(name);
	else
	{
		ColumnsWanted wanted = {.column = table_text(PG_GETARG_TEXT_PP(2)),
								.pause = table_file_pause};

		table_rules(&wanted.rules, text_to_cstring(PG_GETARG_TEXT_PP(3)));
		format = look_format(VARDATA_ANY(numbers), VARSIZE_ANY_EXHDR(numbers), &wanted,
							 palloc(sizeof(CsvRow)));
	}
	PG_RETURN_TEXT_P(cstring_to_text(format_name(format)));
}

/* The names of the columns with this use, as JSON strings. */
static void put_names(StringInfo json, const Columns *columns)
{
	bool first = true;

	appendStringInfoString(json, ", \"attributes\": [");
	for (int i = 0; i < columns->count; i++)
	{
		if (i == columns->number)
			continue;
		if (!first)
			appendStringInfoString(json, ", ");
		escape_json(json, pnstrdup(columns->list[i].name, columns->list[i].name_length));
		first = false;
	}
	appendStringInfoChar(json, ']');
}

void table_answer(StringInfo json, const TableFile *file)
{
	const Columns *columns = &file->table->columns;
	const Column *number = &columns->list[columns->number];

	appendStringInfo(json,
					 "\"accepted\": " UINT64_FORMAT ", \"duplicates\": " INT64_FORMAT
					 ", \"invalid\": " INT64_FORMAT ", \"errors\": [%s], %s, \"format\": \"%s\", "
					 "\"columns\": {\"number\": ",
					 table_file_count(file), file->duplicates, file->bad.count, file->bad.json.data,
					 found_countries_json(&file->found), format_name(file->format));
	escape_json(json, pnstrdup(number->name, number->name_length));
	if (columns->class >= 0)
	{
		const Column *class = &columns->list[columns->class];

		appendStringInfoString(json, ", \"class\": ");
		escape_json(json, pnstrdup(class->name, class->name_length));
	}
	put_names(json, columns);
	appendStringInfoString(json, "}, \"classes\": {");
	for (int class = 0; class < MESSAGE_CLASSES; class ++)
		appendStringInfo(json, "%s\"%s\": " UINT64_FORMAT, class > 0 ? ", " : "",
						 message_class_name(class), file->numbers[class].count);
	appendStringInfoChar(json, '}');
}

static void store(TableFile *file, const char *campaign_id, MessageClass class, int64 first_seq)
{
	uint64 count = file->numbers[class].count;

	if (count == 0)
		return;
	if (count > (uint64) (MESSAGE_SEQ_MAX - first_seq + 1))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a campaign has at most " INT64_FORMAT " recipients", MESSAGE_SEQ_MAX)));
	table_file_store(file, campaign_id, class, first_seq);
}

Datum campaign_table_import(PG_FUNCTION_ARGS)
{
	bytea *numbers = PG_GETARG_BYTEA_PP(2);
	char *class = DatumGetCString(DirectFunctionCall1(enum_out, PG_GETARG_DATUM(1)));
	TableFile file = {.data = VARDATA_ANY(numbers),
					  .length = VARSIZE_ANY_EXHDR(numbers),
					  .skip_invalid = PG_GETARG_BOOL(3),
					  .allow_duplicates = PG_GETARG_BOOL(4),
					  .format = table_format(text_to_cstring(PG_GETARG_TEXT_PP(7))),
					  .wanted.column = table_text(PG_GETARG_TEXT_PP(8))};
	char *campaign_id = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Packed packed;
	StringInfoData json;

	(void) message_class_parse(class, strlen(class), &file.class);
	table_rules(&file.wanted.rules, text_to_cstring(PG_GETARG_TEXT_PP(6)));
	table_file_read(&file);
	bad_lines_require(&file.bad, file.skip_invalid, table_file_count(&file));
	if (PG_GETARG_INT64(5) > 0 && !file.allow_duplicates)
	{
		packed_create(&packed, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1));
		packed_compare(&packed, get_fn_expr_argtype(fcinfo->flinfo, 1), &file.seen);
		table_file_drop_marked(&file);
	}
	store(&file, campaign_id, MESSAGE_CLASS_VIP, PG_GETARG_INT64(9));
	store(&file, campaign_id, MESSAGE_CLASS_NORMAL, PG_GETARG_INT64(10));

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	table_answer(&json, &file);
	appendStringInfo(&json, ", \"with_attributes\": " UINT64_FORMAT "}", file.with_attributes);
	PG_RETURN_DATUM(table_json(&json));
}
