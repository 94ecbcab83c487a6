/*
 * cell.c - a cell is a number if the parser of plain lists takes it as one line.
 */
#include "cell.h"

#include <stdio.h>
#include <string.h>

static CellResult refuse(Number *number, const char *reason)
{
	(void) snprintf(number->reason, sizeof(number->reason), "%s", reason);
	return CELL_NO_NUMBER;
}

CellResult cell_read(const NumberRules *rules, const char *text, size_t length, Number *number)
{
	NumbersParser parser;
	int64_t line = number->line;
	NumbersResult result;

	if (memchr(text, '\n', length) != NULL || memchr(text, '\r', length) != NULL)
		return refuse(number, "a line break in a number (one number a row)");
	numbers_open(&parser, rules, text, length);
	parser.first_seen = true; /* a cell is no header row */
	result = numbers_next(&parser, number);
	number->line = line;
	if (result == NUMBERS_VALID)
		return CELL_NUMBER;
	return result == NUMBERS_END ? CELL_BLANK : CELL_NO_NUMBER;
}
