/*
 * view.h - what the screen shows: a model laid out in lines for a width and a height.
 *
 * Pure: the same input makes the same lines.
 */
#ifndef CAMPAIGN_MONITOR_VIEW_H
#define CAMPAIGN_MONITOR_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "cells.h"
#include "keys.h"
#include "model.h"

typedef enum ViewStyle
{
	VIEW_PLAIN,
	VIEW_TITLE,
	VIEW_SELECTED,
	VIEW_GOOD, /* it is done */
	VIEW_WARN, /* it does not get on */
	VIEW_BAD,  /* it has failed, or there is no server */
	VIEW_QUIET /* help */
} ViewStyle;

typedef struct ViewLine
{
	ViewStyle style;
	char text[CELLS_SIZE];
} ViewLine;

#define VIEW_LINES_MAX 300

typedef struct View
{
	int count;
	ViewLine lines[VIEW_LINES_MAX];
} View;

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

/* Draws into `view` as many lines as the screen has, or VIEW_LINES_MAX. */
void view_draw(const ViewInput *input, View *view);

#endif /* CAMPAIGN_MONITOR_VIEW_H */
