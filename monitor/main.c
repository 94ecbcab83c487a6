/*
 * main.c - campaign-monitor: options, signals, screen or lines, the end.
 *
 * The only place that ends the program.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "config.h"
#include "lines.h"
#include "program/check_line.h"
#include "program/clock.h"
#include "program/log.h"
#include "program/program.h"
#include "program/stop.h"
#include "reader.h"
#include "screen.h"
#include "signals.h"

#ifndef CAMPAIGN_VERSION
#define CAMPAIGN_VERSION "development"
#endif

/* A reader that waits for a server that does not answer is not waited for: it changes nothing. */
#define END_MS 500

/* The terminal as it was, if there is a screen. */
static struct termios modes;
static bool has_modes;

static bool wants_screen(const Config *config)
{
	return !config->json && !config->plain && !config->once && isatty(STDIN_FILENO) == 1 &&
		   isatty(STDOUT_FILENO) == 1;
}

static void end_reader(Reader *reader)
{
	int64_t deadline = clock_ms() + END_MS;

	stop_request();
	while (reader_is_running(reader) && clock_ms() < deadline)
		(void) usleep(1000);
	if (!reader_is_running(reader))
		reader_finish(reader);
}

/*
 * The main thread is in a write that nobody reads. A terminal that shows nothing more still obeys,
 * and may belong to another job by now, which must not stop this one.
 */
static void end_at_once(void)
{
	(void) signal(SIGTTOU, SIG_IGN);
	if (has_modes)
		(void) tcsetattr(STDOUT_FILENO, TCSANOW, &modes);
	_exit(EXIT_OK);
}

static int run(const Config *config)
{
	Error error = {0};
	Reader *reader;
	int resized = -1;
	int code = EXIT_OK;

	has_modes = wants_screen(config) && tcgetattr(STDOUT_FILENO, &modes) == 0;
	if (!stop_setup(&error) || (resized = signals_setup(end_at_once, &error)) < 0 ||
		(reader = reader_start(config, &error)) == NULL)
	{
		fprintf(stderr, "campaign-monitor: %s\n", error.text);
		return EXIT_FAILED;
	}
	if (wants_screen(config) ? !screen_run(config, reader, resized, &error)
							 : !lines_run(config, reader, &error))
	{
		fprintf(stderr, "campaign-monitor: %s\n", error.text);
		code = error_may_pass(error.code) ? EXIT_UNREACHABLE : EXIT_FAILED;
	}
	end_reader(reader);
	close(resized);
	return code;
}

static int check(const Config *config)
{
	ErrorCode worst = ERROR_NONE;
	char detail[CHECK_LINE_DETAIL_SIZE] = "";
	Error error = {0};

	/* The waits look at the stop flag. */
	if (!stop_setup(&error))
	{
		fprintf(stderr, "campaign-monitor: %s\n", error.text);
		return EXIT_FAILED;
	}
	check_line_print(SERVER_POSTGRESQL, reader_check(config, detail, &error), detail, &error,
					 &worst);
	return check_line_exit_code(worst);
}

static int start(SettingsAction action, const Config *config)
{
	Error error = {0};

	(void) setlocale(LC_CTYPE, "");
	/* Lines of a log would end up in the middle of the screen, which says it all itself. */
	log_setup(config->log_format,
			  wants_screen(config) || config->once ? LOG_ERROR : config->log_level);
	if (*config->unknown != '\0')
		log_line(LOG_WARNING, "unknown setting in the environment", {"name", config->unknown, 0});
	if (!config_check(config, &error))
	{
		fprintf(stderr, "campaign-monitor: %s\n", error.text);
		return EXIT_CONFIG;
	}
	return action == SETTINGS_CHECK ? check(config) : run(config);
}

int main(int argc, char *argv[], char *environment[])
{
	static Config config;
	Error error = {0};
	SettingsAction action = config_load(argc, argv, environment, &config, &error);
	int code;

	if (!program_may_start(action, &CONFIG_TABLE, "campaign-monitor", CAMPAIGN_VERSION, &error,
						   &code))
		return code;
	code = start(action, &config);
	config_wipe(&config);
	return code;
}
