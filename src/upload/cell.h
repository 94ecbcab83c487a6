/*
 * cell.h - one cell of a table, read as one phone number.
 *
 * Pure: no PostgreSQL header, no allocation.
 */
#ifndef CAMPAIGN_CELL_H
#define CAMPAIGN_CELL_H

#include <stdbool.h>
#include <stddef.h>

#include "numbers.h"

typedef enum CellResult
{
	CELL_BLANK,
	CELL_NUMBER,
	CELL_NO_NUMBER /* number->reason says why */
} CellResult;

/* Reads all of a cell; number->line stays as it is. */
CellResult cell_read(const NumberRules *rules, const char *text, size_t length, Number *number);

#endif /* CAMPAIGN_CELL_H */
