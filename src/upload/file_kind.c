/*
 * file_kind.c - workbooks, address books, archives and UTF-16, named for what they are.
 *
 * Without it each would be thousands of lines that are "not UTF-8".
 */
#include "file_kind.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define UTF16_PROBE 64 /* bytes looked at for NULs in every other place */

typedef struct FileKind
{
	const char *begins;
	size_t length;
	const char *problem;
} FileKind;

#define KIND(begins, problem)                                                                      \
	{                                                                                              \
		begins, sizeof(begins) - 1, problem                                                        \
	}
static const FileKind kinds[] = {
	KIND("PK\x03\x04", "an Excel workbook (xlsx) or another zip archive: save the sheet as CSV"),
	KIND("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an Excel workbook (xls): save the sheet as CSV"),
	KIND("%PDF-", "a PDF: export the numbers as text or CSV"),
	KIND("\x1F\x8B", "a gzip archive: unpack it first"),
	KIND("BZh", "a bzip2 archive: unpack it first"),
	KIND("\xFD"
		 "7zXZ",
		 "an xz archive: unpack it first"),
	KIND("\x28\xB5\x2F\xFD", "a zstd archive: unpack it first"),
	KIND("BEGIN:VCARD", "a vCard: export the contacts as CSV"),
	KIND("{\\rtf", "a text document (RTF): save it as plain text"),
	KIND("<!DOCTYPE html", "a web page: save the table as CSV"),
	KIND("<html", "a web page: save the table as CSV"),
	KIND("<table", "a web page: save the table as CSV"),
};

/* A mark of UTF-16, or NULs in every other byte of the beginning. */
static bool is_utf16(const char *data, size_t length)
{
	size_t probe = (length < UTF16_PROBE ? length : UTF16_PROBE) & ~(size_t) 1;
	size_t nuls[2] = {0, 0};

	if (length >= 2 && (memcmp(data, "\xFF\xFE", 2) == 0 || memcmp(data, "\xFE\xFF", 2) == 0))
		return true;
	for (size_t i = 0; i < probe; i++)
		nuls[i % 2] += data[i] == '\0';
	return probe >= 4 &&
		   ((nuls[0] == probe / 2 && nuls[1] == 0) || (nuls[1] == probe / 2 && nuls[0] == 0));
}

const char *file_kind_problem(const char *data, size_t length)
{
	if (is_utf16(data, length))
		return "UTF-16 file: save it as UTF-8";
	if (length >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0)
	{
		data += 3;
		length -= 3;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (length >= kinds[i].length && strncasecmp(data, kinds[i].begins, kinds[i].length) == 0)
			return kinds[i].problem;
	return NULL;
}
