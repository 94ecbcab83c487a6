/*
 * program.h - how a program of this project begins and ends: what the command
 * line asks for, exit codes, signals, and how long the end may take. The work is done in threads of
 * its own; the main thread waits here.
 */
#ifndef CAMPAIGN_PROGRAM_PROGRAM_H
#define CAMPAIGN_PROGRAM_PROGRAM_H

#include <stdbool.h>

#include "contract/error.h"
#include "settings.h"

#define EXIT_OK			 0
#define EXIT_FAILED		 1
#define EXIT_USAGE		 2
#define EXIT_UNREACHABLE 69
#define EXIT_CONFIG		 78

typedef enum ProgramEnd
{
	PROGRAM_ENDED,			/* all threads have ended */
	PROGRAM_TOO_SLOW,		/* one still waits for a server */
	PROGRAM_SIGNALLED_AGAIN /* a second signal: end at once */
} ProgramEnd;

/*
 * Whether there is anything to start: help, the version, and errors of the command line or the
 * settings are printed here, and *code is what the program ends with. `name` of the program.
 */
bool program_may_start(SettingsAction action, const OptionTable *table, const char *name,
					   const char *version, const Error *error, int *code);

/*
 * Blocks the signals that end the program in this thread, and in those it starts
 * from now on. Returns the descriptor from which they are read, or -1 and *error.
 */
int program_signals(Error *error);

/*
 * Until the first signal, which requests the stop (stop.h), or until a thread has
 * requested it. `tick` is called every `tick_ms` milliseconds (-1: once only); it
 * may be NULL.
 */
void program_wait_for_stop(int signals, void (*tick)(void), int tick_ms);

/* What the program ends with after stop_failure(). */
int program_exit_code(ErrorCode failure);

/* Until no thread is running any more, by what `running` says; at most 8.5 seconds. */
ProgramEnd program_wait_for_end(int signals, bool (*running)(const void *), const void *argument);

#endif /* CAMPAIGN_PROGRAM_PROGRAM_H */
