/*
 * main.c - campaign-mailer: options, signals, the thread's beginning and end.
 *
 * The only place that ends the program.
 */
#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "config.h"
#include "deliver.h"
#include "program/check_line.h"
#include "program/log.h"
#include "program/program.h"
#include "program/stop.h"
#include "smtp_url.h"
#include "texts.h"

#ifndef CAMPAIGN_VERSION
#define CAMPAIGN_VERSION "development"
#endif

static bool is_running(const void *deliver)
{
	return deliver_is_running(deliver);
}

/* Waits until the thread has ended; ends the program if it may not be waited for. */
static void wait_for_end(const Deliver *deliver, int signals)
{
	switch (program_wait_for_end(signals, is_running, deliver))
	{
		case PROGRAM_ENDED:
			return;
		case PROGRAM_SIGNALLED_AGAIN:
			log_message(LOG_WARNING,
						"stopped at once: a mail that was being sent will be sent later");
			_exit(EXIT_FAILED);
		default:
			log_message(LOG_WARNING, "stopped without waiting longer: a mail that was being sent "
									 "will be sent later");
			_exit(program_exit_code(stop_failure()));
	}
}

static int run(const Config *config, const SmtpUrl *url, const TextsSet *texts)
{
	Error error = {0};
	Deliver *deliver;
	int signals = program_signals(&error);
	int64_t sent;

	if (error.code != ERROR_NONE || !stop_setup(&error) ||
		(deliver = deliver_start(config, url, texts, &error)) == NULL)
	{
		log_message(LOG_ERROR, error.text);
		return EXIT_FAILED;
	}
	log_line(LOG_INFO, "started", {"version", CAMPAIGN_VERSION, 0});
	program_wait_for_stop(signals, NULL, -1);
	wait_for_end(deliver, signals);
	sent = deliver_finish(deliver);
	log_line(LOG_INFO, "stopped", {"mails", NULL, sent});
	close(signals);
	return program_exit_code(stop_failure());
}

static int check(const Config *config, const SmtpUrl *url)
{
	Error error = {0};

	/* The waits of the modules look at the stop flag. */
	if (!stop_setup(&error))
	{
		fprintf(stderr, "campaign-mailer: %s\n", error.text);
		return EXIT_FAILED;
	}
	return check_line_exit_code(check_all(config, url));
}

/* Installed: ../share/campaign/templates beside the folder of the program; built: templates. */
static bool find_templates(Config *config, Error *error)
{
	static const char *const places[] = {"/../share/campaign/templates", "/templates"};
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (*config->templates != '\0')
		return true;
	if (length <= 0)
		return error_set(error, ERROR_CONFIG, "MAILER_TEMPLATES is not set");
	program[length] = '\0';
	*strrchr(program, '/') = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
	{
		size_t size = sizeof(config->templates);

		if ((size_t) snprintf(config->templates, size, "%s%s", program, places[i]) < size &&
			access(config->templates, X_OK) == 0)
			return true;
	}
	return error_set(error, ERROR_CONFIG,
					 "MAILER_TEMPLATES is not set, and no templates came with the program");
}

static int start(SettingsAction action, Config *config)
{
	SmtpUrl url = {0};
	TextsSet texts = {0};
	Error error = {0};
	int code = EXIT_CONFIG;

	log_setup(config->log_format, config->log_level);
	if (*config->unknown != '\0')
		log_line(LOG_WARNING, "unknown setting in the environment", {"name", config->unknown, 0});
	if (!config_check(config, &error) || !smtp_url_parse(config->smtp_url, &url, &error) ||
		!find_templates(config, &error) || !texts_load(config->templates, &texts, &error))
		fprintf(stderr, "campaign-mailer: %s\n", error.text);
	else if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		code = EXIT_FAILED;
	else
	{
		code = action == SETTINGS_CHECK ? check(config, &url) : run(config, &url, &texts);
		curl_global_cleanup();
	}
	texts_set_free(&texts);
	smtp_url_wipe(&url);
	return code;
}

int main(int argc, char *argv[], char *environment[])
{
	static Config config;
	Error error = {0};
	SettingsAction action = config_load(argc, argv, environment, &config, &error);
	int code;

	if (!program_may_start(action, &CONFIG_TABLE, "campaign-mailer", CAMPAIGN_VERSION, &error,
						   &code))
		return code;
	code = start(action, &config);
	config_wipe(&config);
	return code;
}
