/*
 * settings.h - where the value of each setting comes from: flags > environment >
 * .env > default. The same for the consumer and the mailer; each has a table of
 * its own (option.h).
 */
#ifndef CAMPAIGN_PROGRAM_SETTINGS_H
#define CAMPAIGN_PROGRAM_SETTINGS_H

#include "contract/error.h"
#include "option.h"

#define LAYERS_TEXT_MAX		2048
#define LAYERS_UNKNOWN_SIZE 64

/* What the command line asks for besides the settings. */
typedef enum SettingsAction
{
	SETTINGS_RUN,
	SETTINGS_CHECK,
	SETTINGS_HELP,
	SETTINGS_VERSION,
	SETTINGS_USAGE /* wrong command line: *error says how */
} SettingsAction;

/*
 * Reads the command line; then, for SETTINGS_RUN and SETTINGS_CHECK, every setting
 * of the table into `config`. `environment` is environ. `unknown` is overwritten
 * with a name in the environment that has the table's prefix and is not a
 * setting, if there is one. Returns the action; *error has ERROR_NONE, or ERROR_CONFIG
 * with one line that names the setting and where it came from (file:line for
 * .env) and never shows a URL.
 */
SettingsAction settings_load(const OptionTable *table, int argc, char *const argv[],
							 char *const environment[], void *config,
							 char unknown[LAYERS_UNKNOWN_SIZE], Error *error);

#endif /* CAMPAIGN_PROGRAM_SETTINGS_H */
