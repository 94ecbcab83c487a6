/*
 * config.h - every setting of the consumer, once: flags > environment > .env >
 * default, into one struct that nobody changes afterwards.
 */
#ifndef CAMPAIGN_CONSUMER_CONFIG_H
#define CAMPAIGN_CONSUMER_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "../src/error.h"
#include "log.h"

#define CONFIG_TEXT_MAX 2048

typedef struct Config
{
	char amqp_url[CONFIG_TEXT_MAX];		/* secret */
	char mongodb_uri[CONFIG_TEXT_MAX];	/* secret */
	char database_url[CONFIG_TEXT_MAX]; /* secret */
	char collection[128];
	char ca_file[CONFIG_TEXT_MAX]; /* "": the system's */
	int prefetch;				   /* messages per queue */
	int batch_documents;		   /* documents per insert */
	int heartbeat_s;
	int timeout_s; /* to connect, and for an answer of the broker */
	LogFormat log_format;
	LogLevel log_level;
	char unknown[64]; /* a CAMPAIGN_* in the environment that is no setting; "": none */
} Config;

/* What the command line asks for besides the settings. */
typedef enum ConfigAction
{
	CONFIG_RUN,
	CONFIG_CHECK,
	CONFIG_HELP,
	CONFIG_VERSION,
	CONFIG_USAGE /* wrong command line: *error says how */
} ConfigAction;

/*
 * Reads the command line; then, for CONFIG_RUN and CONFIG_CHECK, every setting.
 * `environment` is environ. Returns the action; *error has ERROR_NONE, or
 * ERROR_CONFIG with one line that names the setting and where it came from
 * (file:line for .env) and never shows a URL.
 */
ConfigAction config_load(int argc, char *const argv[], char *const environment[], Config *config,
						 Error *error);

/* The text of --help. */
void config_print_help(FILE *out);

/* Overwrites the secrets. */
void config_wipe(Config *config);

#endif /* CAMPAIGN_CONSUMER_CONFIG_H */
