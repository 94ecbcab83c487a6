/*
 * model.c - rows of campaign.monitor() and campaign.monitor_senders() into structs; see model.h.
 */
#include "model.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CAMPAIGN_COLUMNS                                                                           \
	"m.kind, to_char(m.at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), m.id, "        \
	"m.name, "                                                                                     \
	"m.status, m.class, m.total, m.published, m.sent, m.failed, m.suppressed, m.rate, m.mean_ms, " \
	"m.sending_mean_ms, m.left_ms, m.health, m.reason "
#define CAMPAIGN_ROWS                                                                              \
	"SELECT " CAMPAIGN_COLUMNS                                                                     \
	"FROM campaign.monitor($1::integer, $2::integer, $3::text[], $4::text) m"

const char MODEL_SQL[] = CAMPAIGN_ROWS;
/* One statement: the senders are of the same snapshot. */
const char MODEL_SENDERS_SQL[] = CAMPAIGN_ROWS
	" UNION ALL "
	"SELECT 'sender', NULL, s.name, s.gateway, s.state, s.host, s.held, NULL, s.processed, "
	"s.failed, NULL, NULL, s.mean_ms, NULL, NULL, NULL, NULL FROM campaign.monitor_senders() s";

/* In the order of the statements; of a sender, what the second one has in that place. */
typedef enum Column
{
	COLUMN_KIND,
	COLUMN_AT,
	COLUMN_ID,	   /* name */
	COLUMN_NAME,   /* gateway */
	COLUMN_STATUS, /* state */
	COLUMN_CLASS,  /* host */
	COLUMN_TOTAL,  /* held */
	COLUMN_PUBLISHED,
	COLUMN_SENT, /* processed */
	COLUMN_FAILED,
	COLUMN_SUPPRESSED,
	COLUMN_RATE,
	COLUMN_MEAN_MS,
	COLUMN_SENDING_MEAN_MS,
	COLUMN_LEFT_MS,
	COLUMN_HEALTH,
	COLUMN_REASON,
	COLUMN_COUNT
} Column;

static const char *text_of(const PGresult *rows, int row, Column column)
{
	return PQgetvalue(rows, row, column);
}

static int64_t number_of(const PGresult *rows, int row, Column column, int64_t otherwise)
{
	return PQgetisnull(rows, row, column) ? otherwise
										  : strtoll(text_of(rows, row, column), NULL, 10);
}

static double real_of(const PGresult *rows, int row, Column column)
{
	return PQgetisnull(rows, row, column) ? NAN : strtod(text_of(rows, row, column), NULL);
}

static Figures figures_of(const PGresult *rows, int row)
{
	return (Figures){.total = number_of(rows, row, COLUMN_TOTAL, 0),
					 .published = number_of(rows, row, COLUMN_PUBLISHED, 0),
					 .sent = number_of(rows, row, COLUMN_SENT, 0),
					 .failed = number_of(rows, row, COLUMN_FAILED, 0),
					 .suppressed = number_of(rows, row, COLUMN_SUPPRESSED, 0),
					 .rate = real_of(rows, row, COLUMN_RATE),
					 .mean_ms = real_of(rows, row, COLUMN_MEAN_MS),
					 .sending_mean_ms = real_of(rows, row, COLUMN_SENDING_MEAN_MS)};
}

static void add_campaign(Model *model, int row)
{
	const PGresult *rows = model->rows;

	model->campaigns[model->count++] =
		(ModelCampaign){.id = text_of(rows, row, COLUMN_ID),
						.name = text_of(rows, row, COLUMN_NAME),
						.status = text_of(rows, row, COLUMN_STATUS),
						.health = text_of(rows, row, COLUMN_HEALTH),
						.reason = text_of(rows, row, COLUMN_REASON),
						.left_ms = number_of(rows, row, COLUMN_LEFT_MS, MODEL_UNKNOWN_MS),
						.figures = figures_of(rows, row)};
}

/* A class follows its campaign. */
static bool add_class(Model *model, int row)
{
	ModelCampaign *campaign = model->count > 0 ? &model->campaigns[model->count - 1] : NULL;

	if (campaign == NULL || campaign->class_count == MODEL_CLASSES ||
		strcmp(campaign->id, text_of(model->rows, row, COLUMN_ID)) != 0)
		return false;
	campaign->classes[campaign->class_count++] =
		(ModelClass){text_of(model->rows, row, COLUMN_CLASS), figures_of(model->rows, row)};
	return true;
}

static void add_sender(Model *model, int row)
{
	const PGresult *rows = model->rows;

	model->senders[model->sender_count++] =
		(ModelSender){.name = text_of(rows, row, COLUMN_ID),
					  .gateway = text_of(rows, row, COLUMN_NAME),
					  .host = text_of(rows, row, COLUMN_CLASS),
					  .state = text_of(rows, row, COLUMN_STATUS),
					  .held = number_of(rows, row, COLUMN_TOTAL, 0),
					  .processed = number_of(rows, row, COLUMN_SENT, 0),
					  .failed = number_of(rows, row, COLUMN_FAILED, 0),
					  .mean_ms = real_of(rows, row, COLUMN_MEAN_MS)};
}

static bool add_row(Model *model, int row)
{
	const char *kind = text_of(model->rows, row, COLUMN_KIND);

	if (strcmp(kind, "all") == 0)
	{
		model->at = text_of(model->rows, row, COLUMN_AT);
		model->total = number_of(model->rows, row, COLUMN_TOTAL, 0);
	}
	else if (strcmp(kind, "campaign") == 0)
		add_campaign(model, row);
	else if (strcmp(kind, "sender") == 0)
		add_sender(model, row);
	else
		return strcmp(kind, "class") == 0 && add_class(model, row);
	return true;
}

Model *model_read(PGresult *rows, Error *error)
{
	size_t room = (size_t) PQntuples(rows) + 1;
	Model *model = calloc(1, sizeof(*model));
	bool known = PQnfields(rows) == COLUMN_COUNT;

	if (model == NULL)
	{
		PQclear(rows);
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	model->rows = rows;
	model->campaigns = calloc(room, sizeof(*model->campaigns));
	model->senders = calloc(room, sizeof(*model->senders));
	if (model->campaigns == NULL || model->senders == NULL)
	{
		model_free(model);
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	for (int row = 0; known && row < PQntuples(rows); row++)
		known = add_row(model, row);
	if (!known || model->at == NULL)
	{
		model_free(model);
		error_set(error, ERROR_PROTOCOL, "PostgreSQL has another version of the extension");
		return NULL;
	}
	return model;
}

void model_free(Model *model)
{
	if (model == NULL)
		return;
	PQclear(model->rows);
	free(model->campaigns);
	free(model->senders);
	free(model);
}

int64_t model_done(const Figures *figures)
{
	return figures->sent + figures->failed + figures->suppressed;
}

const ModelCampaign *model_find(const Model *model, const char *id)
{
	for (size_t i = 0; model != NULL && i < model->count; i++)
	{
		if (strcmp(model->campaigns[i].id, id) == 0)
			return &model->campaigns[i];
	}
	return NULL;
}
