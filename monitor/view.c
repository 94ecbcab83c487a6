/*
 * view.c - the screen's lines; see view.h.
 *
 * From the top: a title, the sums, the campaigns, the senders, and at the bottom a line for
 * questions, answers and keys. What runs out of room is shortened first, and then scrolled: the
 * selected campaign is always there, in full if it fits at all.
 */
#include "view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "block.h"
#include "figures.h"

/* From these heights on there is room for figures, and for empty lines and long answers. */
#define HEIGHT_OF_FIGURES 4
#define HEIGHT_OF_SENDERS 12
#define HEIGHT_OF_AIR	  16

/* What stands behind the name of a sender. */
#define WIDTH_OF_SENDERS 70

#define BOTTOM_LINES_MAX 3

static void append_text(Page *page, const ViewInput *input, const char *text, PageStyle style)
{
	Cells cells;

	cells_start(&cells, input->width, input->utf8);
	cells_put_field(&cells, text, *text != '\0' ? input->width : 0);
	page_append(page, &cells, style);
}

/* 12:34:56 of the time when the figures were read. */
static void time_of(const Model *model, char *out, size_t size)
{
	snprintf(out, size, "%.8s UTC", strlen(model->at) > 19 ? model->at + 11 : "");
}

static void draw_title(const ViewInput *input, Page *page)
{
	char clock[20] = "";
	Cells cells;

	if (input->model != NULL)
		time_of(input->model, clock, sizeof(clock));
	cells_start(&cells, input->width, input->utf8);
	cells_put(&cells, "campaign-monitor");
	if (*input->server != '\0')
		cells_print(&cells, "  %s", input->server);
	if (cells.used + (int) strlen(clock) + 2 > input->width)
	{
		cells_start(&cells, input->width, input->utf8);
		cells_put(&cells, "campaign-monitor");
	}
	cells_put_right(&cells, clock);
	page_append(page, &cells, PAGE_TITLE);
}

/* A line of sums of what is shown, or why nothing newer can be shown. */
static void draw_sums(const ViewInput *input, Page *page)
{
	Figures sum = {0};
	double rate = 0;
	Cells cells;

	cells_start(&cells, input->width, input->utf8);
	if (input->trouble != NULL)
	{
		cells_print(&cells, "no PostgreSQL since %s: %s", figure_duration(input->trouble_ms).text,
					input->trouble);
		page_append(page, &cells, PAGE_BAD);
		return;
	}
	for (size_t i = 0; input->model != NULL && i < input->model->count; i++)
	{
		const Figures *figures = &input->model->campaigns[i].figures;

		sum.total += figures->total;
		sum.sent += figures->sent;
		sum.failed += figures->failed;
		rate += isnan(figures->rate) ? 0 : figures->rate;
	}
	if (input->model != NULL)
		cells_print(&cells, "sent %s of %s, failed %s, %s", figure_count(sum.sent).text,
					figure_count(sum.total).text, figure_count(sum.failed).text,
					figure_rate(rate).text);
	page_append(page, &cells, sum.failed > 0 ? PAGE_BAD : PAGE_PLAIN);
}

static bool is_selected(const ViewInput *input, size_t place)
{
	return strcmp(input->model->campaigns[place].id, input->keys->selected) == 0;
}

static int height_of(const ViewInput *input, size_t place, BlockDetail others)
{
	return block_height(&input->model->campaigns[place],
						is_selected(input, place) ? BLOCK_FULL : others, input->width, input->utf8);
}

static int height_of_all(const ViewInput *input, BlockDetail others)
{
	int height = 0;

	for (size_t i = 0; i < input->model->count; i++)
		height += height_of(input, i, others);
	return height;
}

/* As much detail as there is room for in all campaigns; the selected one has all of it. */
static BlockDetail choose_detail(const ViewInput *input, int room)
{
	if (height_of_all(input, BLOCK_FULL) <= room)
		return BLOCK_FULL;
	return height_of_all(input, BLOCK_SENTENCE) <= room ? BLOCK_SENTENCE : BLOCK_LINE;
}

/* The first campaign that is shown, so that the selected one is, too. */
static size_t choose_first(const ViewInput *input, BlockDetail detail, int room)
{
	size_t first = 0;
	size_t selected = 0;
	int height = 0;

	while (selected < input->model->count && !is_selected(input, selected))
		selected++;
	if (selected == input->model->count)
		return 0;
	for (size_t i = 0; i <= selected; i++)
		height += height_of(input, i, detail);
	while (height > room && first < selected)
		height -= height_of(input, first++, detail);
	return first;
}

static const char *why_nothing(const ViewInput *input)
{
	if (input->model == NULL)
		return "reading ...";
	if (*input->only_id != '\0')
		return "there is no such campaign";
	return "no campaign is running, paused or scheduled";
}

static void draw_more(const ViewInput *input, size_t shown, Page *page)
{
	char text[64];
	int64_t all = input->model->total > (int64_t) input->model->count
					  ? input->model->total
					  : (int64_t) input->model->count;

	snprintf(text, sizeof(text), "  %s more", figure_count(all - (int64_t) shown).text);
	append_text(page, input, text, PAGE_QUIET);
}

static void draw_campaigns(const ViewInput *input, int room, Page *page)
{
	const Model *model = input->model;
	BlockDetail detail;
	bool all;
	size_t first;
	size_t next;
	int end;

	if (model == NULL || model->count == 0)
	{
		append_text(page, input, why_nothing(input), PAGE_QUIET);
		return;
	}
	all = model->total <= (int64_t) model->count && height_of_all(input, BLOCK_LINE) <= room;
	/* Else the last line says how many more there are. */
	room -= all ? 0 : 1;
	end = page->count + room;
	detail = choose_detail(input, room);
	first = choose_first(input, detail, room);
	for (next = first; next < model->count; next++)
	{
		if (next > first && page->count + height_of(input, next, detail) > end)
			break;
		block_draw(&model->campaigns[next], is_selected(input, next) ? BLOCK_FULL : detail,
				   is_selected(input, next), input->width, input->utf8, page);
	}
	/* A single one that is higher than the screen. */
	if (page->count > end)
		page->count = end;
	if (!all)
		draw_more(input, next - first, page);
}

static void draw_sender(const ViewInput *input, const ModelSender *sender, Page *page)
{
	Cells cells;
	int name = input->width - WIDTH_OF_SENDERS;

	cells_start(&cells, input->width, input->utf8);
	cells_put(&cells, "  ");
	cells_put_field(&cells, sender->name, name < 8 ? 8 : name < 24 ? name : 24);
	cells_put(&cells, " ");
	cells_put_field(&cells, sender->gateway, 9);
	cells_put_field(&cells, sender->state, 6);
	cells_print(&cells, "held %s  done %s  failed %s  mean %s", figure_count(sender->held).text,
				figure_count(sender->processed).text, figure_count(sender->failed).text,
				figure_mean(sender->mean_ms).text);
	page_append(page, &cells, sender->failed > 0 ? PAGE_WARN : PAGE_PLAIN);
}

/* How many lines the senders get: at most a third of the screen. */
static int room_of_senders(const ViewInput *input)
{
	int most = input->height / 3;
	int wanted = input->model != NULL ? (int) input->model->sender_count : 0;

	if (wanted == 0 || input->height < HEIGHT_OF_SENDERS)
		return 0;
	return wanted + 1 < most ? wanted + 1 : most;
}

static void draw_senders(const ViewInput *input, int room, Page *page)
{
	char title[64];
	size_t shown = 0;

	if (room == 0)
		return;
	snprintf(title, sizeof(title), "senders: %zu", input->model->sender_count);
	append_text(page, input, title, PAGE_TITLE);
	while (shown < input->model->sender_count && (int) shown + 1 < room)
		draw_sender(input, &input->model->senders[shown++], page);
}

/* What stands at the bottom: a question, what became of the last key, or what keys there are. */
static PageStyle bottom_of(const ViewInput *input, char *text, size_t size)
{
	const ModelCampaign *asked =
		*input->keys->asked != '\0' ? model_find(input->model, input->keys->asked) : NULL;

	if (asked != NULL)
	{
		snprintf(text, size, "cancel \"%s\" for good? y: yes, any other key: no", asked->name);
		return PAGE_WARN;
	}
	if (*input->notice != '\0')
	{
		snprintf(text, size, "%s", input->notice);
		return input->refused ? PAGE_BAD : PAGE_GOOD;
	}
	snprintf(text, size, "up/down select  p pause  r resume  c cancel  q quit");
	return PAGE_QUIET;
}

/* Draws it, or only counts its lines; the keys have one. The last line is cut if it is too long. */
static int draw_bottom(const ViewInput *input, Page *page)
{
	char text[CELLS_SIZE];
	PageStyle style = bottom_of(input, text, sizeof(text));
	int most = style == PAGE_QUIET || input->height < HEIGHT_OF_AIR ? 1 : BOTTOM_LINES_MAX;
	const char *rest = text;
	int lines = 0;

	do
	{
		size_t length =
			++lines < most ? cells_next_line(rest, input->width, input->utf8) : strlen(rest);
		char line[CELLS_SIZE];

		snprintf(line, sizeof(line), "%.*s", (int) length, rest);
		if (page != NULL)
			append_text(page, input, line, style);
		rest += length;
		rest += strspn(rest, " ");
	} while (*rest != '\0' && lines < most);
	return lines;
}

void view_draw(const ViewInput *input, Page *page)
{
	int height = input->height < PAGE_LINES_MAX ? input->height : PAGE_LINES_MAX;
	int senders = room_of_senders(input);
	int body;

	page->count = 0;
	if (height < 1 || input->width < 1)
		return;
	body = height - draw_bottom(input, NULL);
	if (height >= HEIGHT_OF_FIGURES)
	{
		draw_title(input, page);
		draw_sums(input, page);
		if (height >= HEIGHT_OF_AIR)
			append_text(page, input, "", PAGE_PLAIN);
		draw_campaigns(input, body - senders - page->count, page);
		while (page->count < body - senders)
			append_text(page, input, "", PAGE_PLAIN);
		draw_senders(input, senders, page);
	}
	while (page->count < body)
		append_text(page, input, "", PAGE_PLAIN);
	(void) draw_bottom(input, page);
}
