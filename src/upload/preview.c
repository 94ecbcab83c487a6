/*
 * preview.c - campaign.numbers_preview(): what an upload would do, with the first rows
 * as they are understood.
 *
 * Reads the file as an upload does and writes nothing: a file that an upload would
 * refuse has an answer, too, which says why.
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

#include "file.h"
#include "numbers.h"
#include "packed.h"
#include "preview_texts.h"
#include "table_answer.h"
#include "table_file.h"

PG_FUNCTION_INFO_V1(campaign_numbers_preview);

#define ROWS_SHOWN 20

static void put_row(StringInfo json, int count, const Number *number, bool valid)
{
	appendStringInfo(json, "%s{\"line\": " INT64_FORMAT ", ", count > 0 ? ", " : "", number->line);
	if (valid)
	{
		appendStringInfo(json, "\"phone_number\": \"%s\"", number->text);
		return;
	}
	appendStringInfoString(json, "\"reason\": ");
	escape_json(json, number->reason);
}

static void put_list_rows(StringInfo json, const NumbersFile *file, const char *data, Size length)
{
	NumbersParser parser;
	NumbersResult result;
	Number number;

	numbers_open(&parser, &file->rules, data, length);
	for (int i = 0; i < ROWS_SHOWN; i++)
	{
		result = numbers_next(&parser, &number);
		if (result == NUMBERS_END)
			break;
		put_row(json, i, &number, result == NUMBERS_VALID);
		appendStringInfoChar(json, '}');
	}
}

static void put_table_rows(StringInfo json, TableFile *file)
{
	TableRow *row = palloc(sizeof(TableRow));
	TableResult result;

	table_file_open(file);
	for (int i = 0; i < ROWS_SHOWN; i++)
	{
		result = table_next(file->table, row);
		if (result == TABLE_END)
			break;
		put_row(json, i, &row->number, result == TABLE_VALID);
		if (result == TABLE_VALID)
			appendStringInfo(json, ", \"class\": \"%s\", \"attributes\": %.*s",
							 message_class_name(table_file_class(file, row->class)),
							 row->json_length > 0 ? (int) row->json_length : 2,
							 row->json_length > 0 ? row->json : "{}");
		appendStringInfoChar(json, '}');
	}
}

/* What the rows would get from the campaign; an empty message: there is none. */
static PreviewTexts texts_of(FunctionCallInfo fcinfo)
{
	const char *message = table_text(PG_GETARG_TEXT_PP(8));
	PreviewTexts texts = {.first_seqs = {[MESSAGE_CLASS_VIP] = PG_GETARG_INT64(10),
										 [MESSAGE_CLASS_NORMAL] = PG_GETARG_INT64(11)}};

	if (message != NULL)
		texts.measure = measure_open(message, PG_GETARG_BOOL(9), 0);
	return texts;
}

/* The answer is UTF-8 until its end, what is measured is in the encoding of the database. */
static void put_texts(StringInfo json, const PreviewTexts *texts)
{
	StringInfoData members;

	if (texts->measure == NULL)
		return;
	initStringInfo(&members);
	measure_put(texts->measure, &members);
	appendStringInfo(json, "%s, ", pg_server_to_any(members.data, members.len, PG_UTF8));
}

static MessageClass class_of(FunctionCallInfo fcinfo)
{
	char *name = DatumGetCString(DirectFunctionCall1(enum_out, PG_GETARG_DATUM(1)));
	MessageClass class = MESSAGE_CLASS_NORMAL;

	(void) message_class_parse(name, strlen(name), &class);
	return class;
}

/* Marks what the campaign has already; false if that makes no difference. */
static bool compare(FunctionCallInfo fcinfo, bool allow_duplicates, NumberSet *seen)
{
	Packed packed;

	if (PG_GETARG_INT64(4) == 0 || allow_duplicates)
		return false;
	packed_create(&packed, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1));
	packed.preview = true;
	packed_compare(&packed, get_fn_expr_argtype(fcinfo->flinfo, 1), seen);
	return true;
}

static void preview_list(FunctionCallInfo fcinfo, bytea *numbers, bool allow_duplicates,
						 StringInfo json)
{
	NumbersFile file = {.skip_invalid = true, .allow_duplicates = allow_duplicates};
	PreviewTexts texts = texts_of(fcinfo);
	const char *data = VARDATA_ANY(numbers);
	Size length = VARSIZE_ANY_EXHDR(numbers);

	table_rules(&file.rules, text_to_cstring(PG_GETARG_TEXT_PP(5)));
	file_read(&file, data, length);
	if (compare(fcinfo, allow_duplicates, &file.seen))
		file_drop_marked(&file);
	preview_texts_list(&texts, &file, class_of(fcinfo));
	put_texts(json, &texts);
	appendStringInfo(json,
					 "\"accepted\": " UINT64_FORMAT ", \"duplicates\": " INT64_FORMAT
					 ", \"invalid\": " INT64_FORMAT ", \"errors\": [%s], %s, \"format\": \"list\", "
					 "\"rows\": [",
					 file.numbers.count, file.duplicates, file.bad.count, file.bad.json.data,
					 found_countries_json(&file.found));
	put_list_rows(json, &file, data, length);
}

static void preview_table(FunctionCallInfo fcinfo, bytea *numbers, bool allow_duplicates,
						  StringInfo json)
{
	PreviewTexts texts = texts_of(fcinfo);
	TableFile file = {.data = VARDATA_ANY(numbers),
					  .length = VARSIZE_ANY_EXHDR(numbers),
					  .class = class_of(fcinfo),
					  .skip_invalid = true,
					  .allow_duplicates = allow_duplicates,
					  .format = table_format(text_to_cstring(PG_GETARG_TEXT_PP(6))),
					  .wanted.column = table_text(PG_GETARG_TEXT_PP(7))};

	table_rules(&file.wanted.rules, text_to_cstring(PG_GETARG_TEXT_PP(5)));
	table_file_read(&file);
	if (compare(fcinfo, allow_duplicates, &file.seen))
		table_file_drop_marked(&file);
	preview_texts_table(&texts, &file);
	put_texts(json, &texts);
	table_answer(json, &file);
	appendStringInfoString(json, ", \"rows\": [");
	put_table_rows(json, &file);
}

Datum campaign_numbers_preview(PG_FUNCTION_ARGS)
{
	bytea *numbers = PG_GETARG_BYTEA_PP(2);
	bool allow_duplicates = PG_GETARG_BOOL(3);
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	if (table_format(text_to_cstring(PG_GETARG_TEXT_PP(6))) == FORMAT_LIST)
		preview_list(fcinfo, numbers, allow_duplicates, &json);
	else
		preview_table(fcinfo, numbers, allow_duplicates, &json);
	appendStringInfoString(&json, "]}");
	PG_RETURN_DATUM(table_json(&json));
}
