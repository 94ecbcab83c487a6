/*
 * attempt.h - one step against a server, repeated until it is done: what
 * follows from an error stands in one table here.
 */
#ifndef CAMPAIGN_CONSUMER_ATTEMPT_H
#define CAMPAIGN_CONSUMER_ATTEMPT_H

#include "contract/error.h"
#include "lane_state.h"
#include "program/health.h"

/* What follows from how a step ended; the table is in attempt.c. */
typedef enum Outcome
{
	OUTCOME_OK,		 /* go on, in the end: ack */
	OUTCOME_RETRY,	 /* wait and do it again */
	OUTCOME_REJECT,	 /* to the dead letters, then as if stored */
	OUTCOME_RELEASE, /* give the queue back: nothing is acked, all of it comes again */
	OUTCOME_FATAL,	 /* the program ends with an error */
	OUTCOME_STOP	 /* a stop was requested while waiting; nothing is acked */
} Outcome;

/* `argument` is the step's own: what it works on besides the lane, or its result. */
typedef bool (*AttemptStep)(Pipeline *pipeline, void *argument, Error *error);

/* Once, with its line in the log if that is news. */
Outcome attempt_once(Pipeline *pipeline, Server server, AttemptStep step, void *argument);

/*
 * Repeats the step until its outcome is not RETRY. OUTCOME_RELEASE if a store has failed for
 * CAMPAIGN_HOLD seconds while the lane has a queue, which another consumer could serve; not if
 * MongoDB only lets us wait, or if PostgreSQL waits for a client: then it is repeated until that
 * ends its transaction.
 */
Outcome attempt(Pipeline *pipeline, Server server, AttemptStep step, void *argument);

/* As attempt(), and `guard` is called before each repetition: its outcome ends it, if not OK. */
Outcome attempt_guarded(Pipeline *pipeline, Server server, AttemptStep step, void *argument,
						Outcome (*guard)(Pipeline *pipeline));

/* The outcome of an error that is in a delivery itself. */
Outcome attempt_delivery_outcome(ErrorCode code);

#endif /* CAMPAIGN_CONSUMER_ATTEMPT_H */
