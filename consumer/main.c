/*
 * main.c - campaign-consumer: options, signals, the lanes' beginning and end.
 *
 * The only place that ends the program.
 */
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "config.h"
#include "contract/tls.h"
#include "counters.h"
#include "gateway.h"
#include "indexes.h"
#include "lane.h"
#include "program/check_line.h"
#include "program/log.h"
#include "program/program.h"
#include "program/stop.h"
#include "program/urls.h"
#include "prover.h"
#include "store.h"
#include "store_uri.h"
#include "verify.h"
#include "waiting.h"

#ifndef CAMPAIGN_VERSION
#define CAMPAIGN_VERSION "development"
#endif

#define PROGRESS_MS 500

static void log_mongoc(mongoc_log_level_t level, const char *domain, const char *message,
					   void *unused)
{
	(void) unused;
	(void) level;
	/* What matters comes back as an error too, and is logged once by health.c. */
	log_line(LOG_DEBUG, message, {"library", domain, 0});
}

/* Everything about the URLs that can be known without connecting. */
static bool check_urls(const Config *config, BrokerUrl *url, Error *error)
{
	mongoc_uri_t *uri;

	if (!urls_check_escaped("AMQP_URL", config->amqp_url, error) ||
		!urls_check_escaped("MONGODB_URI", config->mongodb_uri, error) ||
		!urls_check_postgresql("DATABASE_URL", config->database_url, error))
		return false;
	if (!broker_url_parse(config->amqp_url, url, error))
		return false;
	uri = store_uri(config, error);
	if (uri == NULL)
		return false;
	mongoc_uri_destroy(uri);
	return true;
}

typedef struct Threads
{
	Lanes *lanes;
	Prover *prover;
	Waiting *waiting;
	Indexes *indexes; /* NULL: none are wanted */
} Threads;

static bool is_running(const void *argument)
{
	const Threads *threads = argument;

	return lanes_running(threads->lanes) > 0 || prover_running(threads->prover) ||
		   waiting_running(threads->waiting) || indexes_running(threads->indexes);
}

/* Waits until the threads have ended; ends the program if they may not be waited for. */
static void wait_for_threads(const Threads *threads, int signals)
{
	ProgramEnd end = program_wait_for_end(signals, is_running, threads);

	log_progress("");
	switch (end)
	{
		case PROGRAM_ENDED:
			return;
		case PROGRAM_SIGNALLED_AGAIN:
			log_message(LOG_WARNING, "stopped at once: what was in hand will be delivered again");
			_exit(EXIT_FAILED);
		default:
			/* A server does not answer: its lane still holds its connections. */
			log_message(LOG_WARNING, "stopped without waiting longer: what was in hand will be "
									 "delivered again");
			_exit(program_exit_code(stop_failure()));
	}
}

/* Later on, a file that cannot be read is waited for. */
static bool check_files(const Config *config, const BrokerUrl *url, Error *error)
{
	return !url->tls || *config->ca_file == '\0' || tls_check_ca_file(config->ca_file, error);
}

static int run(const Config *config, const BrokerUrl *url)
{
	Error error = {0};
	Threads threads = {0};
	int signals = program_signals(&error);

	if (error.code != ERROR_NONE || !stop_setup(&error) || !check_files(config, url, &error) ||
		(threads.lanes = lanes_start(config, url, &error)) == NULL)
	{
		log_message(LOG_ERROR, error.text);
		return program_exit_code(error.code);
	}
	threads.prover = prover_start(config, &error);
	if (threads.prover == NULL)
		log_line(LOG_WARNING, "no proofs will be made", {"reason", error.text, 0});
	threads.waiting = waiting_start(config, &error);
	if (threads.waiting == NULL)
		log_line(LOG_WARNING, "nobody will be told of waits", {"reason", error.text, 0});
	if (*config->indexes != '\0' && (threads.indexes = indexes_start(config, &error)) == NULL)
		log_line(LOG_WARNING, "no indexes will be created", {"reason", error.text, 0});
	log_line(LOG_INFO, "started", {"version", CAMPAIGN_VERSION, 0});
	program_wait_for_stop(signals, counters_show, log_is_terminal() ? PROGRESS_MS : -1);
	wait_for_threads(&threads, signals);
	prover_finish(threads.prover);
	waiting_finish(threads.waiting);
	lanes_finish(threads.lanes);
	indexes_finish(threads.indexes);
	log_line(LOG_INFO, "stopped", {"documents", NULL, counters.documents},
			 {"campaigns", NULL, counters.campaigns}, {"dead_letters", NULL, counters.dead});
	close(signals);
	return program_exit_code(stop_failure());
}

static int check(const Config *config, const BrokerUrl *url)
{
	Error error = {0};

	/* The retries of the libraries look at the stop flag. */
	if (!stop_setup(&error))
	{
		fprintf(stderr, "campaign-consumer: %s\n", error.text);
		return EXIT_FAILED;
	}
	return check_line_exit_code(check_all(config, url));
}

/*
 * The library has made a file of counters in shared memory, before main(). It would outlive a
 * kill -9, and the next process with the same id would complain of it; nobody reads it.
 */
static void forget_mongoc_counters(void)
{
	char name[32];

	snprintf(name, sizeof(name), "/mongoc-%u", (unsigned) getpid());
	shm_unlink(name);
}

static void warn_unknown(const char *name)
{
	const char *meant = option_nearest(&CONFIG_TABLE, name, false);

	log_line(LOG_WARNING, "unknown setting in the environment", {"name", name, 0},
			 {meant != NULL ? "did_you_mean" : NULL, meant, 0});
}

static int start(SettingsAction action, Config *config)
{
	BrokerUrl url;
	Error error = {0};
	int code = EXIT_CONFIG;

	log_setup(config->log_format, config->log_level);
	mongoc_init();
	mongoc_log_set_handler(log_mongoc, NULL);
	forget_mongoc_counters();
	if (*config->unknown != '\0')
		warn_unknown(config->unknown);
	if (!check_urls(config, &url, &error) || !indexes_check_setting(config->indexes, &error) ||
		!gateway_check(gateway_at(config->gateway), &config->gateways,
					   config->in_doubt == IN_DOUBT_RESEND, &error))
		fprintf(stderr, "campaign-consumer: %s\n", error.text);
	else if (action == SETTINGS_CHECK)
		code = check(config, &url);
	else if (*config->verify != '\0')
		code = verify_once(config, config->verify);
	else
		code = run(config, &url);
	broker_url_wipe(&url);
	mongoc_cleanup();
	return code;
}

int main(int argc, char *argv[], char *environment[])
{
	static Config config;
	Error error = {0};
	SettingsAction action = config_load(argc, argv, environment, &config, &error);
	int code;

	if (!program_may_start(action, &CONFIG_TABLE, "campaign-consumer", CAMPAIGN_VERSION, &error,
						   &code))
		return code;
	code = start(action, &config);
	config_wipe(&config);
	return code;
}
