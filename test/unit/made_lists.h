/*
 * made_lists.h - files of made-up recipients in any dress, format and encoding, with what is
 * expected of each of their lines. The same seed makes the same file.
 */
#ifndef CAMPAIGN_TEST_MADE_LISTS_H
#define CAMPAIGN_TEST_MADE_LISTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/contract/utf8.h"
#include "src/upload/encoding.h"
#include "src/upload/numbers.h"
#include "src/upload/table.h"

#define ROWS	  40 /* of a file, at most */
#define FILE_SIZE 32768

static unsigned int seed;

/* What is expected of a line, and what was found. */
typedef struct Entry
{
	int line;
	char number[NUMBER_DIGITS_MAX + 2]; /* empty: refused */
} Entry;

typedef struct File
{
	FileFormat format;
	Encoding encoding;
	char text[FILE_SIZE]; /* UTF-8 */
	size_t length;
	int line; /* of the next row */
	const char *line_end;
	int order[3]; /* of the columns: name, number, city */
	Entry entries[ROWS];
	int count;
} File;

static File file;

static int below(int limit)
{
	return rand_r(&seed) % limit;
}

static void put(const char *text)
{
	size_t length = strlen(text);

	assert_true(file.length + length < FILE_SIZE);
	memcpy(file.text + file.length, text, length + 1);
	file.length += length;
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		file.line++;
}

/* Numbers -------------------------------------------------------------------------------------- */

/* The digits in the script whose 0 this is. */
static void in_script(const char *digits, uint32_t zero, char *out)
{
	for (; *digits != '\0'; digits++)
	{
		uint32_t c = zero + (uint32_t) (*digits - '0');

		*out++ = (char) (c < 0x800 ? 0xC0 | c >> 6 : 0xE0 | c >> 12);
		if (c >= 0x800)
			*out++ = (char) (0x80 | (c >> 6 & 0x3F));
		*out++ = (char) (0x80 | (c & 0x3F));
	}
	*out = '\0';
}

/* Writes a template: ^ is all digits, 1, 2 and 3 are their groups. */
static void dress(const char *template, const char *digits, const char *const groups[3], char *out)
{
	out[0] = '\0';
	for (; *template != '\0'; template ++)
	{
		char one[2] = {*template, '\0'};

		if (*template == '^')
			strcat(out, digits);
		else if (*template >= '1' && *template <= '3')
			strcat(out, groups[*template - '1']);
		else
			strcat(out, one);
	}
}

typedef struct Plan
{
	const char *calling;
	const char *area;
	const char *first; /* digits of the rest */
	int random;		   /* and so many more */
} Plan;

/* A number, "+5511955550101", and how somebody has written it. */
static void make_number(char *number, char *written)
{
	static const Plan plans[] = {
		{"55", "11", "9", 8}, {"351", "912", "", 6}, {"44", "20", "79", 6}, {"1", "212", "555", 4}};
	static const char *const dresses[] = {
		"+^",	  "  +^ ",		"00^",		"tel:+^",		   "sms:+^",   "whatsapp:+^",
		"'+^",	  "\"+^\"",		"=\"+^\"",	"\xC2\xA0+^",	   "+1 2 3",   "+1 (2) 3",
		"+1.2.3", "tel:+1-2-3", "00 1 2 3", "+1 2-3",		   "(+1) 2 3", "+1/2/3",
		"^",	  "^@c.us",		"^.0",		"^@s.whatsapp.net"};
	const Plan *plan = &plans[below(4)];
	char rest[16];
	char digits[32];
	const char *groups[] = {plan->calling, plan->area, rest};
	size_t used = (size_t) snprintf(rest, sizeof(rest), "%s", plan->first);

	for (int i = 0; i < plan->random; i++)
		rest[used++] = (char) ('0' + below(10));
	rest[used] = '\0';
	(void) snprintf(digits, sizeof(digits), "%s%s%s", plan->calling, plan->area, rest);
	number[0] = '+';
	strcpy(number + 1, digits);
	if (file.encoding != ENCODING_WINDOWS1252 && below(5) == 0)
	{
		written[0] = '+';
		in_script(digits, below(2) ? 0xFF10 : 0x0660, written + 1);
	}
	/* Eleven digits without a + could be a document. */
	else
		dress(dresses[below(strlen(digits) == 11 ? 18 : 22)], digits, groups, written);
}

/* What no list takes. */
static const char *make_refused(void)
{
	static const char *const refused[] = {"x",
										  "99",
										  "5511955550101 5511955550102",
										  "529.982.247-25",
										  "25/12/2024",
										  "+999555501",
										  "051 95555-0101",
										  "+55 11 95555-0101 x12",
										  "5.51196E+12",
										  "+",
										  "12345678901234567890",
										  "n/a",
										  "+44 20 79",
										  "Ana",
										  "+55 11 95555-0101 / 02",
										  "01310-100",
										  "(51) 98765-4321",
										  "3555-0101/02",
										  "3555-0101 02",
										  "555-0101 123"};

	return refused[below(20)];
}

/* Files ---------------------------------------------------------------------------------------- */

/* The next row begins here; its number, or one that is refused, as it is written. */
static void begin_row(char *written)
{
	Entry *entry = &file.entries[file.count++];

	entry->line = file.line;
	entry->number[0] = '\0';
	if (below(5) == 0)
		strcpy(written, make_refused());
	else
		make_number(entry->number, written);
}

static void end_row(bool last)
{
	if (!last || below(2) == 0)
		put(file.line_end);
}

static void put_list_row(void)
{
	char written[128];

	if (below(8) == 0)
		put(file.line_end);
	begin_row(written);
	put(written);
	if (below(6) == 0)
		put(below(2) ? ";" : ",,");
}

/* In quotes, those inside doubled, where the cell needs it. */
static void put_cell(const char *text, char delimiter)
{
	char one[3] = {0};

	if (strchr(text, delimiter) == NULL && strpbrk(text, "\"\n") == NULL && below(4) > 0)
	{
		put(text);
		return;
	}
	put("\"");
	for (; *text != '\0'; text++)
	{
		one[0] = *text;
		one[1] = *text == '"' ? '"' : '\0';
		put(one);
	}
	put("\"");
}

static void put_table_row(const char *const cells[3])
{
	char delimiter[2] = {format_delimiter(file.format), '\0'};

	for (int i = 0; i < 3; i++)
	{
		if (i > 0)
			put(delimiter);
		put_cell(cells[file.order[i]], delimiter[0]);
	}
}

static const char *make_value(void)
{
	static const char *const values[] = {
		"Ana", "Jos\xC3\xA9", "Silva, Jo\xC3\xA3o", "a \"b\" c", "x;y", "two\nlines", "S\xC3\xA3o",
		"",	   "tab\there"};

	return values[below(9)];
}

static void put_cells(void)
{
	char written[128];
	const char *cells[3] = {make_value(), written, make_value()};

	begin_row(written);
	put_table_row(cells);
}

static void put_json_text(const char *text)
{
	char one[8];

	put("\"");
	for (; *text != '\0'; text++)
	{
		(void) snprintf(one, sizeof(one),
						*text == '"'				 ? "\\\""
						: (unsigned char) *text < 32 ? "\\u%04x"
													 : "%c",
						*text);
		put(one);
	}
	put("\"");
}

static void put_members(void)
{
	static const char *const names[] = {"name", "phone", "city"};
	char written[128];
	const char *cells[3] = {make_value(), written, make_value()};

	begin_row(written);
	put("{");
	for (int i = 0; i < 3; i++)
	{
		int cell = file.order[i];

		put(i == 0 ? "\"" : ", \"");
		put(names[cell]);
		put("\": ");
		put_json_text(cells[cell]);
	}
	put("}");
}

static void shuffle_columns(void)
{
	for (int i = 0; i < 3; i++)
		file.order[i] = i;
	for (int i = 2; i > 0; i--)
	{
		int other = below(i + 1);
		int kept = file.order[i];

		file.order[i] = file.order[other];
		file.order[other] = kept;
	}
}

static void make_file(FileFormat format)
{
	static const char *const headings[] = {"Nome", "Telefone", "Cidade"};
	int rows = 1 + below(ROWS);

	file.format = format;
	file.encoding = (Encoding) below(ENCODING_WINDOWS1252 + 1);
	file.length = 0;
	file.line = 1;
	file.count = 0;
	file.line_end = below(2) ? "\n" : "\r\n";
	shuffle_columns();
	if (file.encoding == ENCODING_UTF8 && below(3) == 0)
		put("\xEF\xBB\xBF");
	if (format != FORMAT_LIST && format != FORMAT_NDJSON)
	{
		put_table_row(headings);
		put(file.line_end);
	}
	for (int i = 0; i < rows; i++)
	{
		if (format == FORMAT_LIST)
			put_list_row();
		else if (format == FORMAT_NDJSON)
			put_members();
		else
			put_cells();
		end_row(i == rows - 1);
	}
}

/* The file in its encoding and back again, as an upload reads it; its length. */
static size_t through_its_encoding(char *out)
{
	static char encoded[4 * FILE_SIZE];
	const char *at = file.text;
	size_t used = 0;
	size_t length;

	if (file.encoding == ENCODING_UTF8)
	{
		memcpy(out, file.text, file.length);
		return file.length;
	}
	if (file.encoding == ENCODING_UTF16 || (file.encoding != ENCODING_WINDOWS1252 && below(2)))
	{
		encoded[used++] = (char) (file.encoding == ENCODING_UTF16BE ? 0xFE : 0xFF);
		encoded[used++] = (char) (file.encoding == ENCODING_UTF16BE ? 0xFF : 0xFE);
	}
	while (at < file.text + file.length)
	{
		uint32_t c = utf8_next_before(&at, file.text + file.length);

		if (file.encoding == ENCODING_UTF16BE)
			encoded[used++] = (char) (c >> 8);
		encoded[used++] = (char) c;
		if (file.encoding == ENCODING_UTF16 || file.encoding == ENCODING_UTF16LE)
			encoded[used++] = (char) (c >> 8);
	}
	assert_true(encoding_decode(file.encoding, encoded, used, out, &length));
	return length;
}

#endif
