/*
 * signals.h - the signals that end the monitor, and the one that says that the terminal has
 * another size, as one descriptor to wait for.
 */
#ifndef CAMPAIGN_MONITOR_SIGNALS_H
#define CAMPAIGN_MONITOR_SIGNALS_H

#include "contract/error.h"

typedef enum Signal
{
	SIGNAL_NONE,
	SIGNAL_STOP,
	SIGNAL_RESIZED
} Signal;

/* Before the first thread starts. The descriptor, or -1 and *error. */
int signals_setup(Error *error);

/* The next signal that has arrived; never waits. */
Signal signals_next(int signals);

#endif /* CAMPAIGN_MONITOR_SIGNALS_H */
