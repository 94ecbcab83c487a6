/*
 * table_probe.h - what the tests of numbers files with columns look with: the format and the rows
 * of a file.
 */
#ifndef CAMPAIGN_TEST_TABLE_PROBE_H
#define CAMPAIGN_TEST_TABLE_PROBE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/upload/table.h"

static Table table;
static TableRow row;
static ColumnsWanted wanted;

static FileFormat look(const char *file)
{
	CsvRow room;

	return look_format(file, strlen(file), &wanted, &room);
}

/* Reads a file in the format that it looks like; rows as "LINE NUMBER CLASS JSON", problems as
 * "LINE!". */
static const char *read_all(const char *file)
{
	static char shown[4096];
	/* A copy of exactly its size: reading beyond its end is seen. */
	size_t length = strlen(file);
	char *copy = memcpy(malloc(length + 1), file, length);
	size_t used = 0;
	TableResult result;

	shown[0] = '\0';
	copy = realloc(copy, length > 0 ? length : 1);
	if (!table_begin(&table, copy, length, look(file), &wanted))
	{
		free(copy);
		return table.columns.problem;
	}
	while ((result = table_next(&table, &row)) != TABLE_END)
	{
		if (result == TABLE_VALID)
			used += (size_t) snprintf(shown + used, sizeof(shown) - used, "%d %s %d %.*s\n",
									  (int) row.number.line, row.number.text, (int) row.class,
									  (int) row.json_length, row.json);
		else
			used += (size_t) snprintf(shown + used, sizeof(shown) - used, "%d! %s\n",
									  (int) row.number.line, row.number.reason);
	}
	free(copy);
	return shown;
}

#endif /* CAMPAIGN_TEST_TABLE_PROBE_H */
