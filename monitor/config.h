/*
 * config.h - every setting of the monitor, once, in one struct that nobody changes
 * afterwards.
 */
#ifndef CAMPAIGN_MONITOR_CONFIG_H
#define CAMPAIGN_MONITOR_CONFIG_H

#include <stdbool.h>

#include "contract/error.h"
#include "program/log.h"
#include "program/settings.h"

typedef struct Config
{
	char database_url[LAYERS_TEXT_MAX]; /* secret */
	int interval_s;
	char campaign[64]; /* this one alone; "": all */
	int rows;
	int ended;
	int once;  /* OPTION_NO_YES */
	int json;  /* OPTION_NO_YES */
	int plain; /* OPTION_NO_YES */
	int timeout_s;
	LogFormat log_format;
	LogLevel log_level;
	char unknown[LAYERS_UNKNOWN_SIZE]; /* a MONITOR_* in the environment that is no setting */
} Config;

/* Every setting, for the help. */
extern const OptionTable CONFIG_TABLE;

/* Fills `config` as settings_load() does. */
SettingsAction config_load(int argc, char *const argv[], char *const environment[], Config *config,
						   Error *error);

/* Looks at what no table can say. False and *error (ERROR_CONFIG). */
bool config_check(const Config *config, Error *error);

/* Overwrites the secrets. */
void config_wipe(Config *config);

#endif /* CAMPAIGN_MONITOR_CONFIG_H */
