/*
 * config.h - every setting of the consumer, once: flags > environment > .env >
 * default, into one struct that nobody changes afterwards.
 */
#ifndef CAMPAIGN_CONSUMER_CONFIG_H
#define CAMPAIGN_CONSUMER_CONFIG_H

#include <stdbool.h>

#include "contract/error.h"
#include "program/log.h"
#include "program/settings.h"

typedef struct Config
{
	char amqp_url[LAYERS_TEXT_MAX];		/* secret */
	char mongodb_uri[LAYERS_TEXT_MAX];	/* secret */
	char database_url[LAYERS_TEXT_MAX]; /* secret */
	char collection[128];
	char ca_file[LAYERS_TEXT_MAX]; /* "": the system's */
	int prefetch;				   /* messages per queue */
	int chunk_documents;		   /* documents per insert */
	int concurrency;			   /* inserts at the same time */
	int heartbeat_s;
	int hold_s;		 /* without a store, before the queue is given back */
	int timeout_s;	 /* to connect, and for an answer of the broker */
	char verify[64]; /* a campaign to prove, instead of running; "": none */
	int verify_sent; /* 1: proves each campaign once it is sent */
	LogFormat log_format;
	LogLevel log_level;
	char unknown[LAYERS_UNKNOWN_SIZE]; /* a CAMPAIGN_* in the environment that is no setting; "":
										  none */
} Config;

/* Every setting, for the help. */
extern const OptionTable CONFIG_TABLE;

/* Fills `config` as settings_load() does. */
SettingsAction config_load(int argc, char *const argv[], char *const environment[], Config *config,
						   Error *error);

/* Overwrites the secrets. */
void config_wipe(Config *config);

#endif /* CAMPAIGN_CONSUMER_CONFIG_H */
