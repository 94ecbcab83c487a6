/*
 * model.h - what a look at the database has found: campaigns with their classes, and senders.
 *
 * Nothing is corrected or added up here: the figures are those of the rows.
 */
#ifndef CAMPAIGN_MONITOR_MODEL_H
#define CAMPAIGN_MONITOR_MODEL_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/error.h"

#define MODEL_CLASSES 4

#define MODEL_UNKNOWN_MS (-1)

typedef struct Figures
{
	int64_t total;
	int64_t published; /* confirmed by the broker */
	int64_t sent;
	int64_t failed;
	int64_t suppressed;
	double rate;			/* sent a second; NAN: it does not move */
	double mean_ms;			/* a message, since queueing; NAN: none yet */
	double sending_mean_ms; /* a message, since the first one was with the broker; NAN: none yet */
} Figures;

typedef struct ModelClass
{
	const char *name;
	Figures figures;
} ModelClass;

typedef struct ModelCampaign
{
	const char *id;
	const char *name;
	const char *status;
	const char *health; /* "": not known */
	const char *reason; /* the sentence of campaign_health() */
	int64_t left_ms;	/* MODEL_UNKNOWN_MS: no end in sight */
	Figures figures;
	ModelClass classes[MODEL_CLASSES];
	int class_count;
} ModelCampaign;

typedef struct ModelSender
{
	const char *name;
	const char *gateway;
	const char *host;
	const char *state;
	int64_t held;
	int64_t processed;
	int64_t failed;
	double mean_ms; /* NAN: none yet */
} ModelSender;

typedef struct Model
{
	PGresult *rows; /* has all texts */
	const char *at; /* when it was read: 2030-01-31T12:34:56.789Z */
	int64_t total;	/* campaigns that there would be to show */
	ModelCampaign *campaigns;
	size_t count;
	ModelSender *senders;
	size_t sender_count;
} Model;

/* What has to be asked: without senders and with them. The parameters are those of
 * campaign.monitor(). */
extern const char MODEL_SQL[];
extern const char MODEL_SENDERS_SQL[];

/*
 * Takes the rows of MODEL_SQL or MODEL_SENDERS_SQL, and clears them with the model. NULL and
 * *error: ERROR_PROTOCOL, they are not those rows, or ERROR_MEMORY; then they are cleared.
 */
Model *model_read(PGresult *rows, Error *error);

/* NULL is fine. */
void model_free(Model *model);

/* Of the sums: sent, failed or left out. */
int64_t model_done(const Figures *figures);

/* The campaign with this id; NULL if it is not there. */
const ModelCampaign *model_find(const Model *model, const char *id);

#endif /* CAMPAIGN_MONITOR_MODEL_H */
