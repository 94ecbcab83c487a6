/*
 * signals.c - signals as events; see signals.h.
 */
#include "signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "program/program.h"

int signals_setup(Error *error)
{
	return program_signals(SIGWINCH, error);
}

Signal signals_next(int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != (ssize_t) sizeof(info))
		return SIGNAL_NONE;
	return info.ssi_signo == SIGWINCH ? SIGNAL_RESIZED : SIGNAL_STOP;
}
