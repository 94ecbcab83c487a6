/*
 * config.c - the table of the monitor's settings; see config.h.
 */
#include "config.h"

#include <string.h>

#include "program/urls.h"

static const Option OPTIONS[] = {
	{"MONITOR_DATABASE_URL", "database-url", "URL", NULL, "PostgreSQL, as campaign_monitor",
	 OPTION_URL, OPTION_PLACE(database_url)},
	{"MONITOR_INTERVAL", "interval", "SECONDS", "1", "read and show this often, 1 to 3600",
	 OPTION_NUMBER, OPTION_PLACE(interval_s), 1, 3600},
	{"MONITOR_CAMPAIGN", "campaign", "ID", "", "this campaign alone; empty: all", OPTION_TEXT,
	 OPTION_PLACE(campaign)},
	{"MONITOR_ROWS", "rows", "N", "50", "show at most so many campaigns, 1 to 1000", OPTION_NUMBER,
	 OPTION_PLACE(rows), 1, 1000},
	{"MONITOR_ENDED", "ended", "N", "5",
	 "so many of those that had ended before the monitor began, 0 to 1000", OPTION_NUMBER,
	 OPTION_PLACE(ended), 0, 1000},
	{"MONITOR_ONCE", "once", "no|yes", "no", "read and show once, and end", OPTION_SWITCH,
	 OPTION_PLACE(once), .words = OPTION_NO_YES},
	{"MONITOR_JSON", "json", "no|yes", "no", "a line of JSON each time", OPTION_SWITCH,
	 OPTION_PLACE(json), .words = OPTION_NO_YES},
	{"MONITOR_PLAIN", "plain", "no|yes", "no",
	 "a line of text for each campaign each time, as without a terminal", OPTION_SWITCH,
	 OPTION_PLACE(plain), .words = OPTION_NO_YES},
	{"MONITOR_TIMEOUT", "timeout", "SECONDS", "10", "to connect to PostgreSQL, 2 to 300",
	 OPTION_NUMBER, OPTION_PLACE(timeout_s), 2, 300},
	OPTION_LOG_FORMAT,
	OPTION_LOG_LEVEL,
};

const OptionTable CONFIG_TABLE = {
	.program = "campaign-monitor",
	.prefix = "MONITOR_",
	.about = "shows how far campaigns are, and pauses, resumes and cancels them.",
	.check = "try PostgreSQL",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(*OPTIONS),
};

SettingsAction config_load(int argc, char *const argv[], char *const environment[], Config *config,
						   Error *error)
{
	memset(config, 0, sizeof(*config));
	return settings_load(&CONFIG_TABLE, argc, argv, environment, config, config->unknown, error);
}

bool config_check(const Config *config, Error *error)
{
	if (config->json && config->plain)
		return error_set(error, ERROR_CONFIG, "MONITOR_JSON and MONITOR_PLAIN exclude each other");
	return urls_check_postgresql("MONITOR_DATABASE_URL", config->database_url, error);
}

void config_wipe(Config *config)
{
	explicit_bzero(config, sizeof(*config));
}
