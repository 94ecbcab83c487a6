/*
 * block.h - the lines of one campaign on the screen, in as much detail as there is room for.
 *
 * Pure.
 */
#ifndef CAMPAIGN_MONITOR_BLOCK_H
#define CAMPAIGN_MONITOR_BLOCK_H

#include <stdbool.h>

#include "model.h"
#include "page.h"

typedef enum BlockDetail
{
	BLOCK_LINE,		/* one line */
	BLOCK_SENTENCE, /* and what hinders it, if anything does */
	BLOCK_FULL		/* and its classes, its counts and its sentence */
} BlockDetail;

/* How many lines it takes. */
int block_height(const ModelCampaign *campaign, BlockDetail detail, int width, bool utf8);

/* Appends its lines to the page. */
void block_draw(const ModelCampaign *campaign, BlockDetail detail, bool selected, int width,
				bool utf8, Page *page);

#endif /* CAMPAIGN_MONITOR_BLOCK_H */
