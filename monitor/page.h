/*
 * page.h - lines of text with their styles: what is drawn, and what the terminal is given.
 */
#ifndef CAMPAIGN_MONITOR_PAGE_H
#define CAMPAIGN_MONITOR_PAGE_H

#include "cells.h"

typedef enum PageStyle
{
	PAGE_PLAIN,
	PAGE_TITLE,
	PAGE_SELECTED,
	PAGE_GOOD, /* it is done */
	PAGE_WARN, /* it does not get on */
	PAGE_BAD,  /* it has failed, or there is no server */
	PAGE_QUIET /* help */
} PageStyle;

typedef struct PageLine
{
	PageStyle style;
	char text[CELLS_SIZE];
} PageLine;

#define PAGE_LINES_MAX 300

typedef struct Page
{
	int count;
	PageLine lines[PAGE_LINES_MAX];
} Page;

/* Appends a line; a page that is full stays as it is. */
void page_append(Page *page, const Cells *cells, PageStyle style);

#endif /* CAMPAIGN_MONITOR_PAGE_H */
