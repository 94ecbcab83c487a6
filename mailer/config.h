/*
 * config.h - every setting of the mailer, once, in one struct that nobody changes
 * afterwards.
 */
#ifndef CAMPAIGN_MAILER_CONFIG_H
#define CAMPAIGN_MAILER_CONFIG_H

#include <stdbool.h>

#include "contract/error.h"
#include "program/log.h"
#include "program/settings.h"

typedef enum ConfigTls
{
	CONFIG_TLS_REQUIRED,
	CONFIG_TLS_OPTIONAL /* in clear text if the server does not offer TLS */
} ConfigTls;

typedef struct Config
{
	char database_url[LAYERS_TEXT_MAX]; /* secret */
	char smtp_url[LAYERS_TEXT_MAX];		/* secret */
	char ca_file[LAYERS_TEXT_MAX];		/* "": the system's */
	ConfigTls tls;
	char from[256];
	char from_name[256];
	char domain[256];				 /* of Message-IDs; "" until config_check() */
	char templates[LAYERS_TEXT_MAX]; /* a folder; "": those that came with the program */
	int poll_interval_s;
	int timeout_s;		  /* to connect, log in */
	int send_timeout_s;	  /* for the answer to a command about a mail */
	int answer_timeout_s; /* for the answer to the whole mail */
	LogFormat log_format;
	LogLevel log_level;
	char unknown[LAYERS_UNKNOWN_SIZE]; /* a MAILER_* in the environment that is not a setting */
} Config;

/* Every setting, for the help. */
extern const OptionTable CONFIG_TABLE;

/* Fills `config` as settings_load() does. */
SettingsAction config_load(int argc, char *const argv[], char *const environment[], Config *config,
						   Error *error);

/*
 * Looks at what no table can say, and fills in what is derived: the domain. False
 * and *error (ERROR_CONFIG).
 */
bool config_check(Config *config, Error *error);

/* Overwrites the secrets. */
void config_wipe(Config *config);

#endif /* CAMPAIGN_MAILER_CONFIG_H */
