/*
 * block.c - the lines of one campaign; see block.h.
 */
#include "block.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "figures.h"

#define INDENT 4

/* From these widths on there is room for a bar, and for pace and end. */
#define WIDTH_OF_BARS  50
#define WIDTH_OF_PACES 70

#define STATUS_WIDTH  10
#define PERCENT_WIDTH 8
#define RATE_WIDTH	  10
#define LEFT_WIDTH	  11

#define SENTENCE_LINES_MAX 3

static bool is(const char *text, const char *word)
{
	return strcmp(text, word) == 0;
}

static PageStyle style_of(const ModelCampaign *campaign)
{
	if (is(campaign->status, "failed") || is(campaign->health, "error"))
		return PAGE_BAD;
	if (is(campaign->health, "degraded") || is(campaign->status, "paused") ||
		is(campaign->status, "cancelled"))
		return PAGE_WARN;
	return is(campaign->status, "sent") ? PAGE_GOOD : PAGE_PLAIN;
}

static void put_right_field(Cells *cells, const char *text, int width)
{
	int columns = cells_measure(text, cells->utf8);

	cells_fill(cells, cells->used + width - columns);
	cells_put(cells, text);
}

/* Its name, where it stands, how far it is, how fast, how long it takes. */
static void draw_line(const ModelCampaign *campaign, bool selected, int width, bool utf8,
					  Page *page)
{
	const Figures *figures = &campaign->figures;
	bool bars = width >= WIDTH_OF_BARS;
	bool paces = width >= WIDTH_OF_PACES;
	int room = width - 2 - 1 - STATUS_WIDTH - PERCENT_WIDTH - (paces ? RATE_WIDTH + LEFT_WIDTH : 0);
	int bar = bars ? (room - 1) / 2 : 0;
	Cells cells;

	cells_start(&cells, width, utf8);
	cells_put(&cells, selected ? "> " : "  ");
	cells_put_field(&cells, campaign->name, bars ? room - bar - 1 : room);
	cells_put(&cells, " ");
	cells_put_field(&cells, campaign->status, STATUS_WIDTH);
	if (bars)
	{
		cells_put(&cells, " ");
		cells_put_bar(&cells, model_done(figures), figures->total, bar);
	}
	put_right_field(&cells, figure_percent(model_done(figures), figures->total).text,
					PERCENT_WIDTH);
	if (paces)
	{
		put_right_field(&cells, figure_rate(figures->rate).text, RATE_WIDTH);
		if (campaign->left_ms != MODEL_UNKNOWN_MS)
		{
			char left[FIGURE_SIZE + 8];

			snprintf(left, sizeof(left), "ETA %s", figure_duration(campaign->left_ms).text);
			put_right_field(&cells, left, LEFT_WIDTH);
		}
	}
	page_append(page, &cells, selected ? PAGE_SELECTED : PAGE_PLAIN);
}

static void draw_class(const ModelClass *class, int width, bool utf8, Page *page)
{
	const Figures *figures = &class->figures;
	char count[2 * FIGURE_SIZE + 8];
	Cells cells;
	int room;

	snprintf(count, sizeof(count), "%s of %s", figure_count(model_done(figures)).text,
			 figure_count(figures->total).text);
	cells_start(&cells, width, utf8);
	cells_fill(&cells, INDENT);
	cells_put_field(&cells, class->name, 7);
	room = width - cells.used - 1 - (int) strlen(count);
	cells_put_bar(&cells, model_done(figures), figures->total, room);
	cells_put(&cells, " ");
	cells_put(&cells, count);
	page_append(page, &cells, PAGE_PLAIN);
}

static void draw_counts(const ModelCampaign *campaign, int width, bool utf8, Page *page)
{
	const Figures *figures = &campaign->figures;
	Cells cells;

	cells_start(&cells, width, utf8);
	cells_fill(&cells, INDENT);
	cells_print(&cells, "sent %s  failed %s", figure_count(figures->sent).text,
				figure_count(figures->failed).text);
	if (figures->suppressed > 0)
		cells_print(&cells, "  suppressed %s", figure_count(figures->suppressed).text);
	if (!isnan(figures->mean_ms))
		cells_print(&cells, "  mean %s", figure_mean(figures->mean_ms).text);
	if (!isnan(figures->sending_mean_ms))
		cells_print(&cells, ", sending %s", figure_mean(figures->sending_mean_ms).text);
	page_append(page, &cells, figures->failed > 0 ? PAGE_BAD : PAGE_PLAIN);
}

/* Draws the sentence, or only counts its lines. The last line is cut if it is too long. */
static int draw_sentence(const ModelCampaign *campaign, int most, int width, bool utf8, Page *page)
{
	const char *sentence = campaign->reason;
	int lines = 0;

	while (*sentence != '\0' && lines < most)
	{
		size_t length =
			++lines < most ? cells_next_line(sentence, width - INDENT, utf8) : strlen(sentence);
		char part[CELLS_SIZE];
		Cells cells;

		snprintf(part, sizeof(part), "%.*s", (int) length, sentence);
		cells_start(&cells, width, utf8);
		cells_fill(&cells, INDENT);
		cells_put_field(&cells, part, width - INDENT);
		if (page != NULL)
			page_append(page, &cells, style_of(campaign));
		sentence += length;
		sentence += strspn(sentence, " ");
	}
	return lines;
}

/* Of the campaigns that get on, the line says enough. */
static bool is_hindered(const ModelCampaign *campaign)
{
	return style_of(campaign) == PAGE_BAD || style_of(campaign) == PAGE_WARN;
}

int block_height(const ModelCampaign *campaign, BlockDetail detail, int width, bool utf8)
{
	if (detail == BLOCK_LINE)
		return 1;
	if (detail == BLOCK_SENTENCE)
		return 1 + (is_hindered(campaign) ? draw_sentence(campaign, 1, width, utf8, NULL) : 0);
	return 2 + campaign->class_count +
		   draw_sentence(campaign, SENTENCE_LINES_MAX, width, utf8, NULL);
}

void block_draw(const ModelCampaign *campaign, BlockDetail detail, bool selected, int width,
				bool utf8, Page *page)
{
	draw_line(campaign, selected, width, utf8, page);
	if (detail == BLOCK_SENTENCE && is_hindered(campaign))
		(void) draw_sentence(campaign, 1, width, utf8, page);
	if (detail != BLOCK_FULL)
		return;
	for (int i = 0; i < campaign->class_count; i++)
		draw_class(&campaign->classes[i], width, utf8, page);
	draw_counts(campaign, width, utf8, page);
	(void) draw_sentence(campaign, SENTENCE_LINES_MAX, width, utf8, page);
}
