/*
 * page.c - lines with styles; see page.h.
 */
#include "page.h"

#include <string.h>

void page_append(Page *page, const Cells *cells, PageStyle style)
{
	PageLine *line;

	if (page->count == PAGE_LINES_MAX)
		return;
	line = &page->lines[page->count++];
	line->style = style;
	memcpy(line->text, cells->text, cells->length + 1);
}
