/*
 * signals.c - signals as events; see signals.h.
 */
#include "signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_setup(Error *error)
{
	sigset_t signals;
	int descriptor = -1;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGWINCH);
	if (pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0)
		descriptor = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	/* A reader that has gone away is an error of writing, not the end of the program. */
	if (descriptor < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		error_set(error, ERROR_MEMORY, "cannot set up signals: %s", strerror(errno));
	return descriptor;
}

Signal signals_next(int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != (ssize_t) sizeof(info))
		return SIGNAL_NONE;
	return info.ssi_signo == SIGWINCH ? SIGNAL_RESIZED : SIGNAL_STOP;
}
