/*
 * guard.h - errors of one campaign stay its own.
 */
#ifndef CAMPAIGN_GUARD_H
#define CAMPAIGN_GUARD_H

#include "worker_state.h"

typedef bool (*GuardAction)(Worker *worker, Stream *stream);

/*
 * Does something for one stream. If that ends in an error, the stream is set aside for a while, and
 * false comes back: what is wrong with one campaign must not stop the others.
 */
bool guard_stream(Worker *worker, Stream *stream, GuardAction action);

/*
 * The same for what belongs to no campaign: an error is a WARNING about `what`, and false comes
 * back.
 */
bool guard_action(Worker *worker, const char *what, bool (*action)(Worker *, void *),
				  void *argument);

#endif /* CAMPAIGN_GUARD_H */
