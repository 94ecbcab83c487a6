/*
 * rows.h - numbers become rows of campaign.recipients.
 */
#ifndef CAMPAIGN_ROWS_H
#define CAMPAIGN_ROWS_H

#include "postgres.h"

#include "number_list.h"

/* Appends these numbers to a class of a campaign, whose lock the caller holds. */
void rows_copy(const char *campaign_id, const char *class, int64 first_seq,
			   const NumberList *numbers);

#endif /* CAMPAIGN_ROWS_H */
