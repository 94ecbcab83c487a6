/*
 * signals.h - the signals that end the monitor, and the one that says that the terminal has
 * another size.
 */
#ifndef CAMPAIGN_MONITOR_SIGNALS_H
#define CAMPAIGN_MONITOR_SIGNALS_H

#include <stdbool.h>

#include "contract/error.h"

/*
 * From now on a signal that ends the program requests the stop (stop.h). If the program has not
 * ended two seconds later, end() is called, in another thread, and must end it. Before the first
 * thread starts. Returns the descriptor that says that the terminal has another size, or -1
 * and *error.
 */
int signals_setup(void (*end)(void), Error *error);

/* The terminal has another size than at the last call; never waits. */
bool signals_resized(int resized);

#endif /* CAMPAIGN_MONITOR_SIGNALS_H */
