/*
 * main.c - campaign-consumer: options, signals, the lanes' beginning and end.
 *
 * The only place that ends the program.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <mongoc/mongoc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "check.h"
#include "config.h"
#include "counters.h"
#include "lane.h"
#include "log.h"
#include "retry.h"
#include "stop.h"
#include "store.h"

#ifndef CAMPAIGN_VERSION
#define CAMPAIGN_VERSION "development"
#endif

#define EXIT_OK			 0
#define EXIT_FAILED		 1
#define EXIT_USAGE		 2
#define EXIT_UNREACHABLE 69
#define EXIT_CONFIG		 78

#define PROGRESS_MS	 500
#define STOP_LOOK_MS 50
/* The promise is 10 s; what is unfinished then is delivered again. */
#define STOP_MAX_MS 8500

static void log_mongoc(mongoc_log_level_t level, const char *domain, const char *message,
					   void *unused)
{
	(void) unused;
	(void) level;
	/* What matters comes back as an error too, and is logged once by health.c. */
	log_line(LOG_DEBUG, message, {"library", domain, 0});
}

/*
 * In a password an '@', '/', '?' or '#' that is not escaped would make a part of it a host name or
 * a port, which ends up in the log. Each of them leaves an '@' where none belongs: a second one
 * before the path, or one behind it.
 */
static bool check_escaped(const char *name, const char *url, Error *error)
{
	const char *authority = strstr(url, "://");
	const char *last;
	size_t length;

	if (authority == NULL)
		return true;
	authority += 3;
	length = strcspn(authority, "/?#");
	last = strrchr(authority, '@');
	if (last == NULL || (last < authority + length && memchr(authority, '@', length) == last))
		return true;
	return error_set(error, ERROR_CONFIG,
					 "%s: user and password must be percent-encoded ('@' is %%40, '/' is %%2F)",
					 name);
}

/* Everything about the URLs that can be known without connecting. */
static bool check_urls(const Config *config, BrokerUrl *url, Error *error)
{
	mongoc_uri_t *uri;
	PQconninfoOption *options;
	char *reason = NULL;

	if (!check_escaped("AMQP_URL", config->amqp_url, error) ||
		!check_escaped("MONGODB_URI", config->mongodb_uri, error) ||
		!check_escaped("DATABASE_URL", config->database_url, error))
		return false;
	if (!broker_url_parse(config->amqp_url, url, error))
		return false;
	uri = store_uri(config, error);
	if (uri == NULL)
		return false;
	mongoc_uri_destroy(uri);
	options = PQconninfoParse(config->database_url, &reason);
	if (options == NULL)
		/* libpq's reason may repeat the URL, password and all. */
		error_set(error, ERROR_CONFIG, "DATABASE_URL is no PostgreSQL URL or connection string");
	PQfreemem(reason);
	PQconninfoFree(options);
	return options != NULL;
}

/* Signals arrive here and nowhere else: the lanes inherit the mask. */
static int open_signals(Error *error)
{
	sigset_t signals;
	int descriptor = -1;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0)
		descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	/* A lost connection is an error to be returned, not the end. */
	if (descriptor < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		error_set(error, ERROR_MEMORY, "cannot set up signals: %s", strerror(errno));
	return descriptor;
}

static bool signal_arrived(int signals)
{
	struct signalfd_siginfo info;

	return read(signals, &info, sizeof(info)) == (ssize_t) sizeof(info);
}

/* Until the first signal, or until a lane fails. */
static void wait_for_stop(int signals)
{
	struct pollfd wait[2] = {{.fd = signals, .events = POLLIN},
							 {.fd = stop_descriptor(), .events = POLLIN}};

	while (!stop_requested())
	{
		counters_show();
		(void) poll(wait, 2, log_is_terminal() ? PROGRESS_MS : -1);
		if (signal_arrived(signals))
		{
			log_message(LOG_INFO, "stopping: finishing what is in hand");
			stop_request();
		}
	}
}

/* True if all lanes ended in time; a second signal ends the program. */
static bool wait_for_lanes(const Lanes *lanes, int signals)
{
	struct pollfd wait = {.fd = signals, .events = POLLIN};
	int64_t deadline = retry_now_ms() + STOP_MAX_MS;

	while (lanes_running(lanes) > 0 && retry_now_ms() < deadline)
	{
		(void) poll(&wait, 1, STOP_LOOK_MS);
		if (signal_arrived(signals))
		{
			log_progress("");
			log_message(LOG_WARNING, "stopped at once: what was in hand will be delivered again");
			_exit(EXIT_FAILED);
		}
	}
	return lanes_running(lanes) == 0;
}

static int run(const Config *config, const BrokerUrl *url)
{
	Error error = {0};
	Lanes *lanes;
	int signals = open_signals(&error);
	int code = EXIT_OK;

	if (error.code != ERROR_NONE || !stop_setup(&error) ||
		(lanes = lanes_start(config, url, &error)) == NULL)
	{
		log_message(LOG_ERROR, error.text);
		return EXIT_FAILED;
	}
	log_line(LOG_INFO, "started", {"version", CAMPAIGN_VERSION, 0});
	wait_for_stop(signals);
	if (!wait_for_lanes(lanes, signals))
	{
		/* A server does not answer: its lane still holds its connections. */
		log_progress("");
		log_message(LOG_WARNING, "stopped without waiting longer: what was in hand will be "
								 "delivered again");
		_exit(EXIT_OK);
	}
	if (!lanes_finish(lanes, &error))
		code = error.code == ERROR_CONFIG ? EXIT_CONFIG : EXIT_FAILED;
	log_progress("");
	log_line(LOG_INFO, "stopped", {"documents", NULL, counters.documents},
			 {"campaigns", NULL, counters.campaigns}, {"dead_letters", NULL, counters.dead});
	close(signals);
	return code;
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
	switch (check_all(config, url))
	{
		case ERROR_NONE:
			return EXIT_OK;
		case ERROR_UNREACHABLE:
			return EXIT_UNREACHABLE;
		default:
			return EXIT_FAILED;
	}
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

static int start(ConfigAction action, Config *config)
{
	BrokerUrl url;
	Error error = {0};
	int code = EXIT_CONFIG;

	log_setup(config->log_format, config->log_level);
	mongoc_init();
	mongoc_log_set_handler(log_mongoc, NULL);
	forget_mongoc_counters();
	if (*config->unknown != '\0')
		log_line(LOG_WARNING, "unknown setting in the environment", {"name", config->unknown, 0});
	if (!check_urls(config, &url, &error))
		fprintf(stderr, "campaign-consumer: %s\n", error.text);
	else if (action == CONFIG_CHECK)
		code = check(config, &url);
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
	ConfigAction action = config_load(argc, argv, environment, &config, &error);
	int code;

	switch (action)
	{
		case CONFIG_HELP:
			config_print_help(stdout);
			return EXIT_OK;
		case CONFIG_VERSION:
			puts("campaign-consumer " CAMPAIGN_VERSION);
			return EXIT_OK;
		case CONFIG_USAGE:
			fprintf(stderr, "campaign-consumer: %s\n", error.text);
			return EXIT_USAGE;
		default:
			break;
	}
	if (error.code != ERROR_NONE)
	{
		fprintf(stderr, "campaign-consumer: %s\n", error.text);
		return EXIT_CONFIG;
	}
	code = start(action, &config);
	config_wipe(&config);
	return code;
}
