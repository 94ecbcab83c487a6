/*
 * attempt.c - one step against a server, repeated until it is done; see attempt.h.
 *
 * Must never give a step up for an error that waiting or somebody's help makes
 * go away, unless the queue can be given back.
 */
#include "attempt.h"

#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "program/stop.h"
#include "waiting.h"

/* The one place that says what follows from an error. */
static const struct
{
	Outcome server;	  /* talking to a server failed */
	Outcome delivery; /* the delivery itself is wrong */
} OUTCOMES[] = {
	[ERROR_NONE] = {OUTCOME_OK, OUTCOME_OK},
	/* main.c has checked them: a file that they name is being replaced. */
	[ERROR_CONFIG] = {OUTCOME_RETRY, OUTCOME_FATAL},
	[ERROR_UNREACHABLE] = {OUTCOME_RETRY, OUTCOME_RETRY},
	/* Passwords and rights are changed on the running server, too. */
	[ERROR_REFUSED] = {OUTCOME_RETRY, OUTCOME_RETRY},
	[ERROR_LOCKED] = {OUTCOME_RETRY, OUTCOME_RETRY},
	[ERROR_PROTOCOL] = {OUTCOME_RETRY, OUTCOME_REJECT},
	[ERROR_MEMORY] = {OUTCOME_FATAL, OUTCOME_FATAL},
};

Outcome attempt_delivery_outcome(ErrorCode code)
{
	return OUTCOMES[code].delivery;
}

static Outcome try(Pipeline *pipeline, Server server, AttemptStep step, void *argument,
				   Error *error)
{
	Outcome outcome;

	*error = (Error){0};
	if (server == SERVER_MONGODB)
		waiting_began(pipeline->lane);
	if (step(pipeline, argument, error))
	{
		health_back(server, pipeline->lane);
		if (server == SERVER_MONGODB)
			waiting_ended(pipeline->lane);
		return OUTCOME_OK;
	}
	outcome = OUTCOMES[error->code].server;
	if (outcome != OUTCOME_RETRY)
		pipeline->error = *error;
	else if (stop_requested())
		outcome = OUTCOME_STOP;
	else
		health_away(server, pipeline->lane, error);
	return outcome;
}

Outcome attempt_once(Pipeline *pipeline, Server server, AttemptStep step, void *argument)
{
	Error error;

	return try(pipeline, server, step, argument, &error);
}

static bool step_wait_longer(Pipeline *pipeline, void *unused, Error *error)
{
	(void) unused;
	return store_wait_longer(pipeline->store, error);
}

/* Another consumer would find MongoDB as slow as we do, and what was inserted so far is there. */
static bool is_slow(Pipeline *pipeline, Server server, int64_t waited_ms)
{
	if (server != SERVER_MONGODB || !store_may_be_slow(pipeline->store, waited_ms))
		return false;
	receive_heartbeat(pipeline->receive);
	if (attempt_once(pipeline, server, step_wait_longer, NULL) != OUTCOME_OK)
		return false;
	log_line(LOG_WARNING, "MongoDB is slow: its answers are waited for longer",
			 {"queue", pipeline->queue, 0}, {"waited_ms", NULL, waited_ms});
	return true;
}

Outcome attempt(Pipeline *pipeline, Server server, AttemptStep step, void *argument)
{
	return attempt_guarded(pipeline, server, step, argument, NULL);
}

/* Whether the queue is to be given back; `deadline_ms` is when, unless that is put off. */
static bool is_over(Pipeline *pipeline, Server server, const Error *error, int64_t started_ms,
					int64_t *deadline_ms)
{
	const int64_t hold_ms = pipeline->config->hold_s * INT64_C(1000);

	/*
	 * Another consumer would meet the same client, and the lane that waits would come back long
	 * after it. Each try takes a while of its own: the first wait between them is long enough.
	 */
	if (error->code == ERROR_LOCKED)
	{
		SOMETIMES("consumer.waits_for_a_client");
		retry_reset(&pipeline->retry);
		*deadline_ms = clock_ms() + hold_ms;
		return false;
	}
	/* The broker of the dead letters is the same one for every consumer. */
	if (server == SERVER_RABBITMQ || !receive_is_open(pipeline->receive) ||
		clock_ms() < *deadline_ms)
		return false;
	if (!is_slow(pipeline, server, clock_ms() - started_ms))
		return true;
	*deadline_ms = clock_ms() + hold_ms;
	return false;
}

Outcome attempt_guarded(Pipeline *pipeline, Server server, AttemptStep step, void *argument,
						Outcome (*guard)(Pipeline *pipeline))
{
	int64_t started_ms = clock_ms();
	int64_t deadline_ms = started_ms + pipeline->config->hold_s * INT64_C(1000);
	Error error;
	Outcome outcome;

	while ((outcome = try(pipeline, server, step, argument, &error)) == OUTCOME_RETRY)
	{
		if (is_over(pipeline, server, &error, started_ms, &deadline_ms))
		{
			SOMETIMES("consumer.given_back");
			return OUTCOME_RELEASE;
		}
		if (!retry_wait(&pipeline->retry))
		{
			SOMETIMES("consumer.stopped_in_a_retry");
			return OUTCOME_STOP;
		}
		receive_heartbeat(pipeline->receive);
		outcome = guard == NULL ? OUTCOME_OK : guard(pipeline);
		if (outcome != OUTCOME_OK)
			return outcome;
		started_ms = clock_ms();
	}
	if (outcome == OUTCOME_OK)
		retry_reset(&pipeline->retry);
	return outcome;
}
