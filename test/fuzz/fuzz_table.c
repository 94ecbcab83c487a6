/*
 * fuzz_table.c - any bytes as a numbers file in any format: reading ends, every valid row
 * is a number with attributes that are one JSON object of UTF-8 within the limit, the
 * same when they are read again by their place; every reason can be printed (R6.4).
 *
 * links: src/upload/table.c src/upload/columns.c src/upload/column_choice.c src/upload/look.c
 * links: src/upload/headings.c
 * links: src/upload/csv.c src/upload/ndjson.c src/upload/json_text.c src/upload/encoding.c
 * links: src/upload/number.c src/upload/field.c src/upload/groups.c src/upload/glued.c src/upload/bare.c src/upload/lookalike.c
 * links: src/upload/resolve.c src/upload/countries.c src/upload/country_table.c
 * links: src/upload/characters.c lib/contract/attributes.c lib/contract/message.c
 * links: lib/contract/utf8.c libcrypto
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/utf8.h"
#include "src/upload/encoding.h"
#include "src/upload/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLACES_MAX 64

static Table table;
static TableRow row;

static void require(int holds, const char *what)
{
	if (holds)
		return;
	(void) fprintf(stderr, "violated: %s\n", what);
	abort();
}

/* An object whose quotes and braces close, of UTF-8 without control characters. */
static void check_json(const char *json, size_t length)
{
	const char *at = json;
	int depth = 0;
	int in_text = 0;

	if (length == 0)
		return;
	require(json[0] == '{' && json[length - 1] == '}', "an object");
	while (at < json + length)
	{
		uint32_t c = utf8_next_before(&at, json + length);

		require(c != UTF8_WRONG && c >= ' ', "printable UTF-8");
		if (in_text && c == '\\')
			at++;
		else if (c == '"')
			in_text = !in_text;
		else if (!in_text)
			depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
		require(depth > 0 || at == json + length, "one object");
	}
	require(depth == 0 && !in_text, "all is closed");
}

static void read_again(const size_t *places, const size_t *lengths, int count)
{
	static char json[TABLE_JSON_SIZE];

	for (int i = count - 1; i >= 0; i--)
		require(table_attributes(&table, places[i], json) == lengths[i], "the same again");
}

static void read_all(const char *data, size_t size, FileFormat format, const ColumnsWanted *wanted)
{
	size_t places[PLACES_MAX];
	size_t lengths[PLACES_MAX];
	int64_t line = 0;
	int count = 0;
	TableResult result;

	if (!table_begin(&table, data, size, format, wanted))
	{
		require(table.columns.problem[0] != '\0' && utf8_check(table.columns.problem), "a problem");
		return;
	}
	while ((result = table_next(&table, &row)) != TABLE_END)
	{
		require(row.number.line > line, "lines ascend");
		line = row.number.line;
		if (result == TABLE_INVALID)
		{
			require(row.number.reason[0] != '\0' && utf8_check(row.number.reason), "a reason");
			continue;
		}
		require(row.number.text[0] == '+' && row.number.text_length > NUMBER_DIGITS_MIN,
				"a number");
		check_json(row.json, row.json_length);
		if (count < PLACES_MAX)
		{
			places[count] = row.place;
			lengths[count++] = row.json_length;
		}
	}
	read_again(places, lengths, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ColumnsWanted wanted = {0};
	const char *file = (const char *) data + 1;
	char *decoded;
	size_t length;
	CsvRow room;

	if (size < 1)
		return 0;
	size--;
	if (data[0] & 1)
		wanted.column = "2";
	if (data[0] & 2)
		(void) number_rules_set(&wanted.rules, "BR");
	(void) look_format(file, size, &wanted, &room);
	for (int format = FORMAT_CSV; format < FORMATS; format++)
		read_all(file, size, (FileFormat) format, &wanted);

	decoded = malloc(ENCODING_GROWTH * size + 1);
	if (encoding_decode((Encoding) (data[0] >> 2) % (ENCODING_WINDOWS1252 + 1), file, size, decoded,
						&length))
		require(length <= ENCODING_GROWTH * size, "room for all");
	free(decoded);
	return 0;
}
