/*
 * stop.h - the one flag that ends a program. A signal or a fatal error sets it; every
 * thread looks at it between two steps and wakes from its own waits.
 */
#ifndef CAMPAIGN_PROGRAM_STOP_H
#define CAMPAIGN_PROGRAM_STOP_H

#include <stdbool.h>

#include "contract/error.h"

/* Before the first thread starts. */
bool stop_setup(Error *error);

/* From now on stop_requested() is true. Safe from every thread. */
void stop_request(void);

/* The same because of a failure, not ERROR_NONE: the first one decides how the program ends. */
void stop_failed(ErrorCode failure);

bool stop_requested(void);

/* What stop_failed() was called with first; ERROR_NONE: it was not called. */
ErrorCode stop_failure(void);

/* Readable for ever once a stop was requested: for poll(). */
int stop_descriptor(void);

/* Waits `timeout_ms`, or until a stop is requested; false if it is. */
bool stop_wait(int timeout_ms);

#endif /* CAMPAIGN_PROGRAM_STOP_H */
