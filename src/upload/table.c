/*
 * table.c - rows of a table; see table.h.
 *
 * An empty cell and a null are not attributes. The column of the classes is one, that of
 * the numbers is not.
 */
#include "table.h"

#include <stdio.h>
#include <string.h>

#include "contract/utf8.h"
#include "json_text.h"

#define CELL_MAX   512 /* bytes of a cell that can be a number or a class */
#define NAME_SHOWN 40  /* bytes of a column's name in a reason */
#define NUL_PROBE  64  /* bytes at the beginning in which a text file has no NUL */

#define REASON_HEADER " (headings? Then name that of the numbers: column_name, X-Column)"

/* JSON that travels is being written; once there is a problem, no more of it. */
typedef struct Json
{
	char *out;
	size_t length;
	const char *problem;
} Json;

bool table_begin(Table *table, const char *data, size_t length, FileFormat format,
				 const ColumnsWanted *wanted)
{
	table->format = format;
	table->may_be_header = false;
	if (memchr(data, '\0', length < NUL_PROBE ? length : NUL_PROBE) != NULL)
	{
		(void) snprintf(
			table->columns.problem, sizeof(table->columns.problem),
			"NUL bytes: not a text file, or UTF-16, which has to be named as its encoding");
		table->columns.hint = COLUMNS_HINT_ENCODING;
		return false;
	}
	if (format == FORMAT_NDJSON)
	{
		ndjson_open(&table->ndjson, data, length);
		table->ndjson.pause.call = wanted->pause;
		if (!columns_of_ndjson(&table->columns, &table->ndjson, &table->ndjson_row, wanted))
			return false;
		ndjson_open(&table->ndjson, data, length);
		table->ndjson.pause.call = wanted->pause;
		return true;
	}
	csv_open(&table->csv, data, length, format_delimiter(format));
	table->csv.pause.call = wanted->pause;
	if (!columns_of_csv(&table->columns, &table->csv, &table->csv_row, wanted))
		return false;
	csv_open(&table->csv, data, length, format_delimiter(format));
	table->csv.pause.call = wanted->pause;
	table->may_be_header = !table->columns.header;
	return true;
}

static TableResult refuse(TableRow *row, const char *reason)
{
	(void) snprintf(row->number.reason, sizeof(row->number.reason), "%s", reason);
	return TABLE_INVALID;
}

static TableResult refuse_blank(const Table *table, TableRow *row)
{
	const Column *column = &table->columns.list[table->columns.number];
	char name[NAME_SHOWN];

	(void) utf8_clean(name, sizeof(name), column->name, column->name_length);
	(void) snprintf(row->number.reason, sizeof(row->number.reason), "no number in \"%s\"", name);
	return TABLE_INVALID;
}

static TableClass read_class(const char *text, size_t length)
{
	static const char *const best[] = {"vip", "diamond", "diamante"};

	if (length == 0)
		return TABLE_CLASS_OPEN;
	for (size_t i = 0; i < sizeof(best) / sizeof(best[0]); i++)
	{
		if (heading_is(text, length, best[i], strlen(best[i])))
			return TABLE_CLASS_VIP;
	}
	return TABLE_CLASS_NORMAL;
}

/* Attributes --------------------------------------------------------------------------------- */

static void put(Json *json, const char *bytes, size_t length)
{
	if (json->length + length > MESSAGE_ATTRIBUTES_MAX)
		json->problem = "attributes take more than 4096 bytes as JSON";
	if (json->problem != NULL)
		return;
	memcpy(json->out + json->length, bytes, length);
	json->length += length;
}

static void put_key(Json *json, const char *name, size_t length)
{
	char escaped[2 * sizeof(((Column *) NULL)->name) + 4];

	put(json, json->length == 0 ? "{" : ",", 1);
	put(json, escaped, message_escape(name, length, escaped, sizeof(escaped)));
	put(json, ":", 1);
}

/* A piece of a cell that needs no care: returns what follows it. */
static const char *put_plain(Json *json, const char *at, const char *end)
{
	const char *from = at;

	while (at < end && (unsigned char) *at >= ' ' && (unsigned char) *at < 0x80 && *at != '"' &&
		   *at != '\\')
		at++;
	put(json, from, (size_t) (at - from));
	return at;
}

static void put_cell(Json *json, const CsvCell *cell)
{
	const char *at = cell->start;
	const char *end = at + cell->length;

	put(json, "\"", 1);
	while ((at = put_plain(json, at, end)) < end && json->problem == NULL)
	{
		const char *from = at;
		char escaped[9];
		size_t size;

		if (utf8_next_before(&at, end) == UTF8_WRONG)
			json->problem = "not UTF-8; save the file as UTF-8, or say in which encoding it is";
		else if (*from == '\0')
			json->problem = "a NUL byte: not a text file";
		size = message_escape(from, (size_t) (at - from), escaped, sizeof(escaped));
		put(json, escaped + 1, size - 2);
		if (*from == '"' && cell->doubled)
			at++;
	}
	put(json, "\"", 1);
}

static void put_cells(const Table *table, Json *json)
{
	for (int i = 0; i < table->csv_row.count && json->problem == NULL; i++)
	{
		const Column *column = &table->columns.list[i];

		if (i == table->columns.number || table->csv_row.cells[i].length == 0)
			continue;
		put_key(json, column->name, column->name_length);
		put_cell(json, &table->csv_row.cells[i]);
	}
}

static bool is_key(const NdjsonMember *member, const Column *column)
{
	char key[HEADING_NAME_MAX];
	size_t length;

	if (member->key_length == column->name_length)
		return memcmp(member->key, column->name, column->name_length) == 0;
	if (member->key_length < column->name_length)
		return false;
	length = json_text(member->key, member->key_length, key, sizeof(key));
	return length == column->name_length && memcmp(key, column->name, length) == 0;
}

/* As they are written, but for blanks: jsonb undoes escapes. */
static void put_members(const Table *table, Json *json)
{
	const Column *number = &table->columns.list[table->columns.number];
	size_t canonical = 1;

	for (int i = 0; i < table->ndjson_row.count; i++)
	{
		const NdjsonMember *member = &table->ndjson_row.members[i];

		if (*member->value == 'n' || is_key(member, number))
			continue;
		canonical += member->canonical;
		if (canonical > MESSAGE_ATTRIBUTES_MAX)
		{
			json->problem = "attributes take more than 4096 bytes as JSON";
			return;
		}
		json->out[json->length] = json->length > 0 ? ',' : '{';
		json->length++;
		json->out[json->length++] = '"';
		memcpy(json->out + json->length, member->key, member->key_length);
		json->length += member->key_length;
		json->out[json->length++] = '"';
		json->out[json->length++] = ':';
		json->length += json_compact(member->value, member->value_length, json->out + json->length);
	}
}

static size_t write_attributes(const Table *table, char out[TABLE_JSON_SIZE], const char **problem)
{
	Json json = {.out = out};

	if (table->format == FORMAT_NDJSON)
		put_members(table, &json);
	else
		put_cells(table, &json);
	if (json.length > 0 && json.problem == NULL)
		out[json.length++] = '}';
	if (table->format != FORMAT_NDJSON && json.length > MESSAGE_ATTRIBUTES_MAX)
		json.problem = "attributes take more than 4096 bytes as JSON";
	*problem = json.problem;
	return json.problem == NULL ? json.length : 0;
}

/* Rows --------------------------------------------------------------------------------------- */

/* The number's text and the class's, each in its buffer or in the file. */
typedef struct Fields
{
	char number_buffer[CELL_MAX];
	char class_buffer[CELL_MAX];
	const char *number;
	size_t number_length;
	const char *class;
	size_t class_length;
	int numbers; /* how often the number's key is there */
} Fields;

static void read_cells(const Table *table, Fields *fields)
{
	const CsvRow *row = &table->csv_row;
	const Columns *columns = &table->columns;

	fields->number = fields->class = "";
	fields->number_length = fields->class_length = 0;
	if (columns->number < row->count)
		fields->number_length = csv_text(&row->cells[columns->number], fields->number_buffer,
										 CELL_MAX, &fields->number);
	if (columns->class >= 0 && columns->class < row->count)
		fields->class_length =
			csv_text(&row->cells[columns->class], fields->class_buffer, CELL_MAX, &fields->class);
}

static void read_members(const Table *table, Fields *fields)
{
	const NdjsonRow *row = &table->ndjson_row;
	const Columns *columns = &table->columns;

	fields->number = fields->number_buffer;
	fields->class = fields->class_buffer;
	fields->number_length = fields->class_length = 0;
	fields->numbers = 0;
	for (int i = 0; i < row->count; i++)
	{
		const NdjsonMember *member = &row->members[i];

		if (is_key(member, &columns->list[columns->number]) && fields->numbers++ == 0)
			fields->number_length = ndjson_value(member, fields->number_buffer, CELL_MAX);
		else if (columns->class >= 0 && is_key(member, &columns->list[columns->class]))
			fields->class_length = ndjson_value(member, fields->class_buffer, CELL_MAX);
	}
}

/* What the cells of a row mean. */
static TableResult read_fields(const Table *table, TableRow *row, const Fields *fields)
{
	const char *problem;

	switch (number_read(&table->columns.wanted->rules, fields->number, fields->number_length,
						&row->number))
	{
		case NUMBER_BLANK:
			return refuse_blank(table, row);
		case NUMBER_INVALID:
			return TABLE_INVALID;
		case NUMBER_VALID:
			break;
	}
	row->class = read_class(fields->class, fields->class_length);
	row->json_length = write_attributes(table, row->json, &problem);
	return problem == NULL ? TABLE_VALID : refuse(row, problem);
}

/* Cells beyond the last heading: something is where it does not belong. */
static bool is_too_long(const Table *table)
{
	for (int i = table->columns.count; i < table->csv_row.count; i++)
	{
		if (table->csv_row.cells[i].length > 0)
			return true;
	}
	return false;
}

/* The first row, of words: headings of which none is known, or a person without a number. */
static void hint_at_header(TableRow *row, const Fields *fields)
{
	for (size_t i = 0; i < fields->number_length && i < NUMBER_FIELD_MAX; i++)
		if (fields->number[i] >= '0' && fields->number[i] <= '9')
			return;
	strncat(row->number.reason, REASON_HEADER,
			sizeof(row->number.reason) - strlen(row->number.reason) - 1);
}

/* The next row that is not that of the headings; in front of these there may be a problem. */
static bool next_csv_row(Table *table)
{
	const Columns *columns = &table->columns;

	return csv_next(&table->csv, &table->csv_row) &&
		   (!columns->header || table->csv_row.place != columns->header_place ||
			csv_next(&table->csv, &table->csv_row));
}

static TableResult next_csv(Table *table, TableRow *row)
{
	bool may_be_header = table->may_be_header;
	TableResult result;
	Fields fields;

	if (!next_csv_row(table))
		return TABLE_END;
	row->number.line = table->csv_row.line;
	row->place = table->csv_row.place;
	if (table->csv_row.problem != NULL)
		return refuse(row, table->csv_row.problem);
	if (is_too_long(table))
	{
		(void) snprintf(row->number.reason, sizeof(row->number.reason),
						"%d cells in a table of %d columns", table->csv_row.count,
						table->columns.count);
		return TABLE_INVALID;
	}
	read_cells(table, &fields);
	table->may_be_header = false;
	result = read_fields(table, row, &fields);
	if (result == TABLE_INVALID && may_be_header && fields.number_length > 0)
		hint_at_header(row, &fields);
	return result;
}

static TableResult next_ndjson(Table *table, TableRow *row)
{
	Fields fields;

	if (!ndjson_next(&table->ndjson, &table->ndjson_row))
		return TABLE_END;
	row->number.line = table->ndjson_row.line;
	row->place = table->ndjson_row.place;
	if (table->ndjson_row.problem != NULL)
	{
		(void) snprintf(row->number.reason, sizeof(row->number.reason), "%s (byte %zu)",
						table->ndjson_row.problem, table->ndjson_row.problem_column);
		return TABLE_INVALID;
	}
	read_members(table, &fields);
	if (fields.numbers > 1)
		return refuse(row, "the key of the number is there twice");
	return read_fields(table, row, &fields);
}

TableResult table_next(Table *table, TableRow *row)
{
	return table->format == FORMAT_NDJSON ? next_ndjson(table, row) : next_csv(table, row);
}

size_t table_attributes(Table *table, size_t place, char json[TABLE_JSON_SIZE])
{
	const char *problem;

	if (table->format == FORMAT_NDJSON)
	{
		ndjson_seek(&table->ndjson, place);
		(void) ndjson_next(&table->ndjson, &table->ndjson_row);
	}
	else
	{
		csv_seek(&table->csv, place);
		(void) csv_next(&table->csv, &table->csv_row);
	}
	return write_attributes(table, json, &problem);
}
