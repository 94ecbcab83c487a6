/*
 * rows.h - numbers become rows of campaign.recipients.
 */
#ifndef CAMPAIGN_ROWS_H
#define CAMPAIGN_ROWS_H

#include "postgres.h"

#include "number_list.h"

/* What rows bring besides a number. */
typedef struct RowAttributes
{
	const NumberList *places; /* one for each number */

	/* Writes the JSON of a place in UTF-8, at most `size` bytes; 0: it has none. */
	Size (*write)(void *argument, uint64 place, char *out);
	void *argument;
	Size size;
} RowAttributes;

/*
 * Appends these numbers to a class of a campaign, whose lock the caller holds.
 * `attributes`: NULL if none has any.
 */
void rows_write(const char *campaign_id, const char *class, int64 first_seq,
				const NumberList *numbers, const RowAttributes *attributes);

#endif /* CAMPAIGN_ROWS_H */
