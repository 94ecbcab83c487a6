/*
 * signals.c - what ends the monitor, and the size of the terminal; see signals.h.
 *
 * A thread waits for the signals that end the program, because the main thread may be in a write
 * that lasts: to a pipe that nobody reads, or to a terminal after Ctrl-S.
 */
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "program/program.h"
#include "program/stop.h"

#define STUCK_MS 2000

typedef struct Ending
{
	int signals;
	void (*end)(void);
} Ending;

static void *wait_for_end(void *argument)
{
	const Ending *ending = argument;
	struct pollfd wait = {.fd = ending->signals, .events = POLLIN};

	while (poll(&wait, 1, -1) != 1)
		continue;
	stop_request();
	(void) poll(NULL, 0, STUCK_MS);
	ending->end();
	return NULL;
}

int signals_setup(void (*end)(void), Error *error)
{
	static Ending ending;
	pthread_t thread;
	sigset_t resize;
	int resized = -1;

	ending = (Ending){.signals = program_signals(error), .end = end};
	if (error->code != ERROR_NONE)
		return -1;
	sigemptyset(&resize);
	sigaddset(&resize, SIGWINCH);
	if (pthread_sigmask(SIG_BLOCK, &resize, NULL) == 0)
		resized = signalfd(-1, &resize, SFD_CLOEXEC | SFD_NONBLOCK);
	if (resized < 0 || pthread_create(&thread, NULL, wait_for_end, &ending) != 0)
	{
		error_set(error, ERROR_MEMORY, "cannot set up signals: %s", strerror(errno));
		return -1;
	}
	(void) pthread_detach(thread);
	return resized;
}

bool signals_resized(int resized)
{
	struct signalfd_siginfo info;

	/* However often it was changed, the last size counts. */
	return read(resized, &info, sizeof(info)) == (ssize_t) sizeof(info);
}
