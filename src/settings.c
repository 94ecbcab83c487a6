/*
 * settings.c - each campaign.* setting: its limits, its default, and why it
 * exists.
 *
 * Secrets are GUC_SUPERUSER_ONLY and have a *_file form: PostgreSQL itself logs
 * the new value of a setting that a reload has changed.
 */
#include "postgres.h"

#include <limits.h>

#include "storage/fd.h"
#include "utils/guc.h"

#include "message.h"
#include "settings.h"

#define AMQP_URL_FILE_MAX 4096

char *settings_database;
char *settings_amqp_url;
char *settings_amqp_url_file;
char *settings_amqp_ca_file;
int settings_amqp_heartbeat;
int settings_amqp_timeout;
int settings_batch_size;
int settings_publish_ahead;
int settings_stall_timeout;
int settings_poll_interval;
int settings_argon2_memory;
int settings_argon2_iterations;

typedef struct TextSetting
{
	const char *name;
	const char *description;
	const char *detail;
	char **value;
	const char *initial;
	GucContext context;
	int flags;
} TextSetting;

typedef struct NumberSetting
{
	const char *name;
	const char *description;
	const char *detail;
	int *value;
	int initial;
	int minimum;
	int maximum;
	int flags;
} NumberSetting;

/* Those of the broker are PGC_SUSET, so that ALTER DATABASE ... SET can give each database its own. */
static const TextSetting text_settings[] = {
	{"campaign.database", "Databases whose campaigns are published, separated by commas.",
	 "Each has a worker of its own.", &settings_database, "campaign", PGC_SIGHUP, 0},
	{"campaign.amqp_url", "RabbitMQ, as amqp://user:password@host:port/vhost or amqps://...", NULL,
	 &settings_amqp_url, "", PGC_SUSET, GUC_SUPERUSER_ONLY},
	{"campaign.amqp_url_file", "File whose first line is the URL of RabbitMQ.",
	 "Wins over campaign.amqp_url; keeps the password out of postgresql.conf.",
	 &settings_amqp_url_file, "", PGC_SUSET, GUC_SUPERUSER_ONLY},
	{"campaign.amqp_ca_file", "Certificates that may have signed RabbitMQ's (PEM).",
	 "Empty: those of the system.", &settings_amqp_ca_file, "", PGC_SUSET, 0},
};

static const NumberSetting number_settings[] = {
	{"campaign.amqp_heartbeat", "How often the worker and RabbitMQ check that the other is alive.",
	 NULL, &settings_amqp_heartbeat, 30, 5, 600, GUC_UNIT_S},
	{"campaign.amqp_timeout", "Longest wait for each step of connecting to RabbitMQ.",
	 "The worker answers to a shutdown only between two steps.", &settings_amqp_timeout, 3000, 100,
	 60000, GUC_UNIT_MS},
	{"campaign.batch_size", "Recipients in one AMQP message.",
	 "1 suits consumers that want a message per recipient.", &settings_batch_size, 250, 1,
	 MESSAGE_BATCH_MAX, 0},
	{"campaign.publish_ahead", "How far publishing may run ahead of storing.",
	 "In time at the current rate of storing: bounds what a pause or another campaign waits for.",
	 &settings_publish_ahead, 500, 10, 60000, GUC_UNIT_MS},
	{"campaign.stall_timeout", "When messages that were confirmed but not stored count as lost.",
	 "After this time without progress, and if the queue is empty, they are published again.",
	 &settings_stall_timeout, 10, 1, 3600, GUC_UNIT_S},
	{"campaign.poll_interval", "Longest sleep of the worker.",
	 "It is woken at commit; this catches what cannot wake it, such as COMMIT PREPARED.",
	 &settings_poll_interval, 10, 1, 3600, GUC_UNIT_S},
	{"campaign.argon2_memory", "Memory of a password hash.", "Not below OWASP's minimum of 19 MiB.",
	 &settings_argon2_memory, 19456, 19456, 1048576, GUC_UNIT_KB},
	{"campaign.argon2_iterations", "Passes of a password hash over its memory.",
	 "Not below OWASP's minimum of 2.", &settings_argon2_iterations, 2, 2, 64, 0},
};

void settings_define(void)
{
	for (int i = 0; i < lengthof(text_settings); i++)
	{
		const TextSetting *setting = &text_settings[i];

		DefineCustomStringVariable(setting->name, setting->description, setting->detail,
								   setting->value, setting->initial, setting->context, setting->flags,
								   NULL, NULL, NULL);
	}
	for (int i = 0; i < lengthof(number_settings); i++)
	{
		const NumberSetting *setting = &number_settings[i];

		DefineCustomIntVariable(setting->name, setting->description, setting->detail,
								setting->value, setting->initial, setting->minimum,
								setting->maximum, PGC_SIGHUP, setting->flags, NULL, NULL, NULL);
	}
	MarkGUCPrefixReserved("campaign");
}

char *settings_read_amqp_url(const char **problem)
{
	char line[AMQP_URL_FILE_MAX];
	char *url = NULL;
	FILE *file;

	if (settings_amqp_url_file[0] == '\0')
	{
		if (settings_amqp_url[0] != '\0')
			return pstrdup(settings_amqp_url);
		*problem = "campaign.amqp_url is not set";
		return NULL;
	}

	file = AllocateFile(settings_amqp_url_file, "r");
	if (file == NULL)
	{
		*problem = psprintf("campaign.amqp_url_file \"%s\": %m", settings_amqp_url_file);
		return NULL;
	}
	if (fgets(line, sizeof(line), file) != NULL)
	{
		line[strcspn(line, "\r\n")] = '\0';
		url = pstrdup(line);
	}
	else
		*problem = psprintf("campaign.amqp_url_file \"%s\" is empty", settings_amqp_url_file);
	explicit_bzero(line, sizeof(line));
	FreeFile(file);
	return url;
}
