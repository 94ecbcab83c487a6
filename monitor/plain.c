/*
 * plain.c - a model as lines of text; see plain.h.
 */
#include "plain.h"

#include <math.h>

#include "cells.h"
#include "figures.h"

static void write_campaign(const Model *model, const ModelCampaign *campaign, bool utf8, FILE *out)
{
	const Figures *figures = &campaign->figures;
	Cells cells;

	cells_start(&cells, CELLS_WIDTH_MAX, utf8);
	cells_print(&cells, "%s %s %s %s of %s (%s) sent %s failed %s", model->at, campaign->id,
				campaign->status, figure_count(model_done(figures)).text,
				figure_count(figures->total).text,
				figure_percent(model_done(figures), figures->total).text,
				figure_count(figures->sent).text, figure_count(figures->failed).text);
	if (!isnan(figures->mean_ms))
		cells_print(&cells, " mean %s", figure_mean(figures->mean_ms).text);
	if (!isnan(figures->rate))
		cells_print(&cells, " rate %s", figure_rate(figures->rate).text);
	if (campaign->left_ms != MODEL_UNKNOWN_MS)
		cells_print(&cells, " ETA %s", figure_duration(campaign->left_ms).text);
	cells_put(&cells, " \"");
	cells_put(&cells, campaign->name);
	cells_put(&cells, "\": ");
	cells_put(&cells, campaign->reason);
	fprintf(out, "%s\n", cells.text);
}

static void write_sender(const Model *model, const ModelSender *sender, bool utf8, FILE *out)
{
	Cells cells;

	cells_start(&cells, CELLS_WIDTH_MAX, utf8);
	cells_print(&cells, "%s sender %s (%s, %s) %s held %s done %s failed %s mean %s", model->at,
				sender->name, sender->gateway, sender->host, sender->state,
				figure_count(sender->held).text, figure_count(sender->processed).text,
				figure_count(sender->failed).text, figure_mean(sender->mean_ms).text);
	fprintf(out, "%s\n", cells.text);
}

void plain_write(const Model *model, bool utf8, FILE *out)
{
	for (size_t i = 0; i < model->count; i++)
		write_campaign(model, &model->campaigns[i], utf8, out);
	for (size_t i = 0; i < model->sender_count; i++)
		write_sender(model, &model->senders[i], utf8, out);
	if (model->count == 0)
		fprintf(out, "%s no campaign is running, paused or scheduled\n", model->at);
}
