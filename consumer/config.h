/*
 * config.h - every setting of the consumer, once: flags > environment > .env >
 * default, into one struct that nobody changes afterwards.
 */
#ifndef CAMPAIGN_CONSUMER_CONFIG_H
#define CAMPAIGN_CONSUMER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "contract/error.h"
#include "gateway.h"
#include "program/log.h"
#include "program/settings.h"

/* What is done with a message that a sender has claimed and that may have been sent. */
typedef enum ConfigInDoubt
{
	IN_DOUBT_HOLD,	/* nothing: a person decides */
	IN_DOUBT_RESEND /* it is sent again, with the same identifier */
} ConfigInDoubt;

typedef struct Config
{
	char amqp_url[LAYERS_TEXT_MAX];		/* secret */
	char mongodb_uri[LAYERS_TEXT_MAX];	/* secret */
	char database_url[LAYERS_TEXT_MAX]; /* secret */
	char collection[128];
	char ca_file[LAYERS_TEXT_MAX]; /* "": the system's */
	char indexes[128];			   /* fields, with commas between; "": none */
	int prefetch;				   /* messages per queue */
	int chunk_documents;		   /* documents per insert */
	int concurrency;			   /* inserts at the same time */
	int heartbeat_s;
	int hold_s;		 /* without a store, before the queue is given back */
	int timeout_s;	 /* to connect, and for an answer of the broker */
	char verify[64]; /* a campaign to prove, instead of running; "": none */
	int verify_sent; /* 1: proves each campaign once it is sent */
	int gateway;	 /* a place in GATEWAY_NAMES */
	int in_doubt;	 /* a ConfigInDoubt */
	char sender_name[64];
	GatewaySettings gateways;
	int64_t started_ms; /* no setting: when the program read them, since 1970 */
	LogFormat log_format;
	LogLevel log_level;
	char unknown[LAYERS_UNKNOWN_SIZE]; /* a CAMPAIGN_* in the environment that is not a setting; "":
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
