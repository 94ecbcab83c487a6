/*
 * ndjson.h - reads a text file with one JSON object a line, for table.c.
 *
 * Strict (RFC 8259), and nothing that could not be a recipient's attribute: what
 * it takes, jsonb and MongoDB take. Pure: no PostgreSQL header, no allocation, no
 * copy of the file. A line that is not understood is reported, and reading goes on.
 */
#ifndef CAMPAIGN_NDJSON_H
#define CAMPAIGN_NDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pause.h"

/* Members of an object; one with more is a problem. */
#define NDJSON_MEMBERS_MAX 256

/* Key and value as they are written in the file. */
typedef struct NdjsonMember
{
	const char *key; /* between its quotes */
	size_t key_length;
	const char *value; /* a string with its quotes; the first byte says what it is */
	size_t value_length;
	size_t canonical; /* bytes of both in the form that travels, with colon and comma */
} NdjsonMember;

typedef struct NdjsonRow
{
	int64_t line;
	size_t place;		 /* of its beginning in the file: ndjson_seek() reads it again */
	const char *problem; /* NULL if it was understood; else there are no members */
	size_t problem_column;
	int count;
	NdjsonMember members[NDJSON_MEMBERS_MAX];
} NdjsonRow;

typedef struct NdjsonReader
{
	const char *data;
	size_t length;
	size_t offset; /* of the next line */
	int64_t line;  /* of the next line */

	Pause pause;
} NdjsonReader;

/* Starts at the beginning, behind a byte order mark; a Ctrl-Z at the end is left out. */
void ndjson_open(NdjsonReader *reader, const char *data, size_t length);

/* Goes to a line that was read before. Its number is not known any more: 0. */
void ndjson_seek(NdjsonReader *reader, size_t place);

/* The next line that is not blank; false at the end. */
bool ndjson_next(NdjsonReader *reader, NdjsonRow *row);

/*
 * The text of a value: that of a string, or a number as it is written; nothing else has one.
 * Returns its length; `size` if it does not fit.
 */
size_t ndjson_value(const NdjsonMember *member, char *out, size_t size);

#endif /* CAMPAIGN_NDJSON_H */
