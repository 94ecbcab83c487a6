/*
 * program.c - what needs no start, signals, and the wait for the end; see program.h.
 *
 * Must never end the program itself: main.c does.
 */
#include "program.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "retry.h"
#include "stop.h"

#define STOP_LOOK_MS 50
/* The promise is 10 s; what is unfinished then is taken up again. */
#define STOP_MAX_MS 8500

bool program_may_start(SettingsAction action, const OptionTable *table, const char *name,
					   const char *version, const Error *error, int *code)
{
	*code = EXIT_OK;
	switch (action)
	{
		case SETTINGS_HELP:
			option_print_help(table, stdout);
			return false;
		case SETTINGS_VERSION:
			printf("%s %s\n", name, version);
			return false;
		default:
			break;
	}
	if (action != SETTINGS_USAGE && error->code == ERROR_NONE)
		return true;
	fprintf(stderr, "%s: %s\n", name, error->text);
	*code = action == SETTINGS_USAGE ? EXIT_USAGE : EXIT_CONFIG;
	return false;
}

int program_signals(Error *error)
{
	sigset_t signals;
	int descriptor = -1;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0)
		descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	/* A lost connection, or a reader that has gone, is an error to be returned, not the end of the
	 * program. */
	if (descriptor < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		error_set(error, ERROR_MEMORY, "cannot set up signals: %s", strerror(errno));
	return descriptor;
}

static bool signal_arrived(int signals)
{
	struct signalfd_siginfo info;

	return read(signals, &info, sizeof(info)) == (ssize_t) sizeof(info);
}

void program_wait_for_stop(int signals, void (*tick)(void), int tick_ms)
{
	struct pollfd wait[2] = {{.fd = signals, .events = POLLIN},
							 {.fd = stop_descriptor(), .events = POLLIN}};

	while (!stop_requested())
	{
		if (tick != NULL)
			tick();
		(void) poll(wait, 2, tick_ms);
		if (signal_arrived(signals))
		{
			log_message(LOG_INFO, "stopping: finishing what is in hand");
			stop_request();
		}
	}
}

int program_exit_code(ErrorCode failure)
{
	if (failure == ERROR_NONE)
		return EXIT_OK;
	return failure == ERROR_CONFIG ? EXIT_CONFIG : EXIT_FAILED;
}

ProgramEnd program_wait_for_end(int signals, bool (*running)(const void *), const void *argument)
{
	struct pollfd wait = {.fd = signals, .events = POLLIN};
	int64_t deadline = clock_ms() + STOP_MAX_MS;

	while (running(argument) && clock_ms() < deadline)
	{
		(void) poll(&wait, 1, STOP_LOOK_MS);
		if (signal_arrived(signals))
			return PROGRAM_SIGNALLED_AGAIN;
	}
	return running(argument) ? PROGRAM_TOO_SLOW : PROGRAM_ENDED;
}
