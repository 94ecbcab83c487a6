/*
 * preview_texts.h - what the rows of a file would get from a campaign, and what that would cost.
 */
#ifndef CAMPAIGN_PREVIEW_TEXTS_H
#define CAMPAIGN_PREVIEW_TEXTS_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "file.h"
#include "table_file.h"
#include "texts/measure.h"

typedef struct PreviewTexts
{
	Measure *measure; /* NULL: there is no campaign, and nothing is added */
	int64 first_seqs[MESSAGE_CLASSES];
} PreviewTexts;

/* Adds all numbers of a list that would be stored in a class, or all rows of a table. */
void preview_texts_list(const PreviewTexts *texts, const NumbersFile *file, MessageClass class);
void preview_texts_table(const PreviewTexts *texts, TableFile *file);

#endif /* CAMPAIGN_PREVIEW_TEXTS_H */
