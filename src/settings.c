/*
 * settings.c - each campaign.* setting: its limits, its default, and why it
 * exists.
 *
 * Secrets have a *_file form, because PostgreSQL logs the new value of a setting that a
 * reload has changed. Given as values they are never shown: pg_monitor reads what is
 * GUC_SUPERUSER_ONLY.
 */
#include "postgres.h"

#include <limits.h>

#include "storage/fd.h"
#include "utils/guc.h"

#include "contract/message.h"
#include "publish/bucket.h"
#include "settings.h"
#include "upload/number.h"

#define SECRET_LINE_MAX 4096 /* of a *_file */

/* Not in pg_settings either, which shows the values that show_*() do not see (reset_val). */
#define SECRET_FLAGS (GUC_SUPERUSER_ONLY | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE)

char *settings_database;
char *settings_amqp_url;
char *settings_amqp_url_file;
char *settings_amqp_ca_file;
int settings_amqp_heartbeat;
int settings_amqp_timeout;
int settings_batch_size;
int settings_publish_ahead;
int settings_rate;
int settings_stall_timeout;
int settings_poll_interval;
int settings_argon2_memory;
int settings_argon2_iterations;
char *settings_jwt_secret;
char *settings_jwt_secret_file;
int settings_jwt_expiry;
int settings_app_token_expiry;
int settings_upload_max_bytes;
int settings_job_workers;
int settings_job_running_max;
int settings_job_waiting_max;
int settings_mails_per_address;
int settings_mails_per_account;
int settings_requests_per_account;
int settings_generate_max;
bool settings_welcome_email;
bool settings_require_verified_email;
bool settings_notify;
bool settings_dead_letters;
int settings_dead_letters_max;
char *settings_country;

typedef struct TextSetting
{
	const char *name;
	const char *description;
	const char *detail;
	char **value;
	const char *initial;
	GucContext context;
	int flags;
	GucShowHook show;
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

/* Whether a secret is set, and no more. */
static const char *secret_mask(const char *secret)
{
	return secret != NULL && secret[0] != '\0' ? "********" : "";
}

static const char *show_amqp_url(void)
{
	return secret_mask(settings_amqp_url);
}

static const char *show_jwt_secret(void)
{
	return secret_mask(settings_jwt_secret);
}

/* Those of the broker are PGC_SUSET, so that ALTER DATABASE ... SET can give each database its own.
 */
static const TextSetting text_settings[] = {
	{"campaign.database", "Databases whose campaigns are published, separated by commas.",
	 "Each has a worker of its own.", &settings_database, "campaign", PGC_SIGHUP, 0, NULL},
	{"campaign.amqp_url", "RabbitMQ, as amqp://user:password@host:port/vhost or amqps://...",
	 "Several hosts are separated by commas, each with its port.", &settings_amqp_url, "",
	 PGC_SUSET, SECRET_FLAGS, show_amqp_url},
	{"campaign.amqp_url_file", "File whose first line is the URL of RabbitMQ.",
	 "Wins over campaign.amqp_url; keeps the password out of postgresql.conf.",
	 &settings_amqp_url_file, "", PGC_SUSET, GUC_SUPERUSER_ONLY, NULL},
	{"campaign.amqp_ca_file", "Certificates that may have signed RabbitMQ's (PEM).",
	 "Empty: those of the system.", &settings_amqp_ca_file, "", PGC_SUSET, 0, NULL},
	{"campaign.jwt_secret", "Secret that signs tokens, at least 32 bytes.",
	 "The jwt-secret of PostgREST, which verifies them.", &settings_jwt_secret, "", PGC_SIGHUP,
	 SECRET_FLAGS, show_jwt_secret},
	{"campaign.jwt_secret_file", "File whose first line is that secret.",
	 "Wins over campaign.jwt_secret; PostgREST reads the same file as jwt-secret = \"@FILE\".",
	 &settings_jwt_secret_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL},
};

static const NumberSetting number_settings[] = {
	{"campaign.amqp_heartbeat", "How often the worker and RabbitMQ check that the other is alive.",
	 NULL, &settings_amqp_heartbeat, 30, 5, 600, GUC_UNIT_S},
	{"campaign.amqp_timeout", "Longest wait for each step of connecting to RabbitMQ.",
	 "The worker obeys a shutdown between two steps, and while it looks up the name.",
	 &settings_amqp_timeout, 2000, 100, 60000, GUC_UNIT_MS},
	{"campaign.batch_size", "Recipients in one AMQP message.",
	 "1 suits consumers that want a message per recipient.", &settings_batch_size, 250, 1,
	 MESSAGE_BATCH_MAX, 0},
	{"campaign.publish_ahead", "How far publishing may run ahead of storing.",
	 "In time at the current rate of storing: bounds what a pause or another campaign waits for.",
	 &settings_publish_ahead, 500, 10, 60000, GUC_UNIT_MS},
	{"campaign.rate", "Recipients a second, over all campaigns of a database.",
	 "0: no limit. campaign_limit() limits a campaign.", &settings_rate, 0, 0, BUCKET_RATE_MAX, 0},
	{"campaign.stall_timeout",
	 "When messages that were confirmed but not stored are suspected lost.",
	 "After this time without progress, and if their queue is empty, they are published again.",
	 &settings_stall_timeout, 10, 1, 3600, GUC_UNIT_S},
	{"campaign.poll_interval", "Longest sleep of the worker.",
	 "It is woken at commit; this catches what cannot wake it, such as COMMIT PREPARED.",
	 &settings_poll_interval, 10, 1, 3600, GUC_UNIT_S},
	{"campaign.argon2_memory", "Memory of a password hash.", "Not below OWASP's minimum of 19 MiB.",
	 &settings_argon2_memory, 19456, 19456, 1048576, GUC_UNIT_KB},
	{"campaign.argon2_iterations", "Passes of a password hash over its memory.",
	 "Not below OWASP's minimum of 2.", &settings_argon2_iterations, 2, 2, 64, 0},
	{"campaign.jwt_expiry", "How long the token of a login is valid.",
	 "A token can be revoked before that by logging out.", &settings_jwt_expiry, 3600, 60,
	 30 * 86400, GUC_UNIT_S},
	{"campaign.app_token_expiry", "How long the token of an application is valid.",
	 "A token can be revoked before that by its id.", &settings_app_token_expiry, 30 * 86400, 60,
	 3650 * 86400, GUC_UNIT_S},
	{"campaign.upload_max_bytes", "Longest numbers file that is accepted over HTTP.",
	 "A longer one is answered with 413.", &settings_upload_max_bytes, 64 * 1024 * 1024, 1024,
	 1000 * 1024 * 1024, GUC_UNIT_BYTE},
	{"campaign.job_workers", "Background workers that run jobs, in each database.",
	 "Each takes one of max_worker_processes. 0: jobs wait.", &settings_job_workers, 2, 0, 64, 0},
	{"campaign.job_running_max", "Shared jobs of one account that run at a time.",
	 "All workers but one run such jobs: those of people, but for dispatches and sign-ups.",
	 &settings_job_running_max, 1, 1, 64, 0},
	{"campaign.job_waiting_max", "Jobs of one account that may wait, if created over HTTP.",
	 "The next one is answered with 429.", &settings_job_waiting_max, 1000, 1, INT_MAX, 0},
	{"campaign.mails_per_address", "Mails an hour to one address that requests over HTTP cause.",
	 "Its owner may know nothing of it. The next request is answered with 429.",
	 &settings_mails_per_address, 5, 1, INT_MAX, 0},
	{"campaign.mails_per_account", "Mails an hour that one account causes over HTTP.",
	 "The next request is answered with 429.", &settings_mails_per_account, 100, 1, INT_MAX, 0},
	{"campaign.requests_per_account",
	 "Requests over HTTP of one account that are at work at a time.",
	 "The next one is answered with 429. Fewer than PostgREST has connections.",
	 &settings_requests_per_account, 20, 1, 10000, 0},
	{"campaign.generate_max", "Most records that one call of campaign_generate() makes.",
	 "A million take about 305 MB.", &settings_generate_max, 1500000, 1, 1000000000, 0},
	{"campaign.dead_letters_max", "Most dead letters that are kept with their bodies.",
	 "Each has 128 kB at most. More stay in RabbitMQ, and a WARNING says so.",
	 &settings_dead_letters_max, 10000, 1, 100000, 0},
};

static bool check_country(char **value, void **extra, GucSource source)
{
	NumberRules rules;

	if (number_rules_set(&rules, *value))
		return true;
	GUC_check_errhint("Use its ISO code, such as BR, or its calling code, such as 55.");
	return false;
}

void settings_define(void)
{
	for (int i = 0; i < lengthof(text_settings); i++)
	{
		const TextSetting *setting = &text_settings[i];

		DefineCustomStringVariable(setting->name, setting->description, setting->detail,
								   setting->value, setting->initial, setting->context,
								   setting->flags, NULL, NULL, setting->show);
	}
	for (int i = 0; i < lengthof(number_settings); i++)
	{
		const NumberSetting *setting = &number_settings[i];

		DefineCustomIntVariable(setting->name, setting->description, setting->detail,
								setting->value, setting->initial, setting->minimum,
								setting->maximum, PGC_SIGHUP, setting->flags, NULL, NULL, NULL);
	}
	DefineCustomBoolVariable("campaign.welcome_email", "Whether a new user gets a welcome e-mail.",
							 "It is queued with the user and sent by campaign-mailer.",
							 &settings_welcome_email, true, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable(
		"campaign.require_verified_email", "Whether users prove that their address is theirs.",
		"With a code from a mail; until then they can neither invite nor be "
		"invited. Off: every address is believed.",
		&settings_require_verified_email, true, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("campaign.notify", "Whether the progress of campaigns is notified.",
							 "On the channel campaign_progress, by the worker.", &settings_notify,
							 true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("campaign.dead_letters", "Whether the worker takes dead letters over.",
							 "From RabbitMQ's queue campaign.dead into campaign.dead_letters. Off: "
							 "they stay in the queue, for other tools.",
							 &settings_dead_letters, true, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("campaign.country", "Country of national phone numbers.",
							   "ISO code or calling code; a company's own and that of an upload "
							   "win. Empty: numbers are international.",
							   &settings_country, "", PGC_USERSET, 0, check_country, NULL, NULL);
	MarkGUCPrefixReserved("campaign");
}

/* The file's first line if a file is named, else the value: see settings.h. */
static char *read_secret(const char *name, const char *value, const char *path,
						 const char **problem)
{
	char line[SECRET_LINE_MAX];
	char *secret = NULL;
	FILE *file;

	if (path[0] == '\0')
	{
		if (value[0] != '\0')
			return pstrdup(value);
		*problem = psprintf("%s is not set", name);
		return NULL;
	}

	file = AllocateFile(path, "r");
	if (file == NULL)
	{
		*problem = psprintf("%s_file \"%s\": %m", name, path);
		return NULL;
	}
	if (fgets(line, sizeof(line), file) != NULL)
	{
		line[strcspn(line, "\r\n")] = '\0';
		secret = pstrdup(line);
	}
	else
		*problem = psprintf("%s_file \"%s\" is empty", name, path);
	explicit_bzero(line, sizeof(line));
	FreeFile(file);
	return secret;
}

char *settings_read_amqp_url(const char **problem)
{
	return read_secret("campaign.amqp_url", settings_amqp_url, settings_amqp_url_file, problem);
}

char *settings_read_jwt_secret(const char **problem)
{
	return read_secret("campaign.jwt_secret", settings_jwt_secret, settings_jwt_secret_file,
					   problem);
}
