/*
 * view.h - what the screen shows: a model laid out in lines for a width and a height.
 *
 * Pure: the same input makes the same lines.
 */
#ifndef CAMPAIGN_MONITOR_VIEW_H
#define CAMPAIGN_MONITOR_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "keys.h"
#include "model.h"
#include "page.h"

typedef struct ViewInput
{
	const Model *model; /* NULL: none has been read yet */
	const Keys *keys;
	const char *server;	 /* "": none yet */
	const char *trouble; /* NULL: the server answers */
	int64_t trouble_ms;	 /* since when it does not */
	const char *notice;	 /* what became of the last key; "": nothing */
	bool refused;		 /* the notice is an error */
	const char *only_id; /* "": all campaigns are shown */
	int width;
	int height;
	bool utf8;
} ViewInput;

/* Draws into `page` as many lines as the screen has, or PAGE_LINES_MAX. */
void view_draw(const ViewInput *input, Page *page);

#endif /* CAMPAIGN_MONITOR_VIEW_H */
