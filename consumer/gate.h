/*
 * gate.h - how many lanes store at the same time: CAMPAIGN_CONCURRENCY.
 */
#ifndef CAMPAIGN_CONSUMER_GATE_H
#define CAMPAIGN_CONSUMER_GATE_H

#include <stdbool.h>

#include "contract/error.h"

/* Before the first gate_enter(): at most `limit` of `users` are let in at a time. */
bool gate_setup(int limit, int users, Error *error);

/* Waits so long for a place; false if none has become free. */
bool gate_enter(int wait_ms);

/* After a gate_enter() that was true; `done`: the server did what it was asked for. */
void gate_leave(bool done);

/* How often gate_leave() was called with `done`: while this changes, the server answers somebody.
 */
unsigned gate_done(void);

#endif /* CAMPAIGN_CONSUMER_GATE_H */
