/*
 * outage.c - a provider that takes nothing; see outage.h.
 *
 * The gateway decides (breaker.h). What was claimed and not begun has been given back by then, so
 * that another sender, with another provider, can have the queue. Nothing depends on what
 * PostgreSQL is told here: it forgets it with the session, and is told again before each wait.
 */
#include "outage.h"

#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "program/stop.h"
#include "send_state.h"

#define WAIT_MAX_MS	 600000 /* a provider may ask for more */
#define WAIT_SAID_MS 3000	/* a shorter pause is usual */

/* Why the provider takes nothing; NULL: it does. */
static const char *away(const Pipeline *pipeline, int64_t *wait_ms)
{
	const Sending *sending = pipeline->sending;

	*wait_ms = 0;
	if (sending == NULL || sending->gateway->away == NULL)
		return NULL;
	return sending->gateway->away(sending->self, wait_ms);
}

bool outage_holds(const Pipeline *pipeline)
{
	int64_t wait_ms;

	return away(pipeline, &wait_ms) != NULL && wait_ms > 0;
}

bool outage_lasts(const Pipeline *pipeline)
{
	int64_t wait_ms;

	return away(pipeline, &wait_ms) != NULL;
}

static bool tell(Pipeline *pipeline, int64_t since_ms, bool holds, Error *error)
{
	int64_t away_ms = since_ms == 0 ? -1 : clock_ms() - since_ms;

	return sender_away(pipeline->sending->sender, away_ms, holds, error);
}

static bool step_tell(Pipeline *pipeline, void *unused, Error *error)
{
	(void) unused;
	return tell(pipeline, pipeline->sending->away_ms, false, error);
}

static bool step_tell_wait(Pipeline *pipeline, void *unused, Error *error)
{
	(void) unused;
	return tell(pipeline, pipeline->sending->waits_ms, true, error);
}

void outage_say_wait(Pipeline *pipeline)
{
	Sending *sending = pipeline->sending;
	int64_t since_ms = 0;
	const char *reason =
		sending->gateway->waits == NULL ? NULL : sending->gateway->waits(sending->self, &since_ms);

	if ((reason != NULL) == (sending->waits_ms != 0) || sending->away_ms != 0 ||
		(reason != NULL && clock_ms() - since_ms < WAIT_SAID_MS))
		return;
	if (reason != NULL)
		log_line(LOG_WARNING, "the provider has asked for a pause, and takes nothing: waiting",
				 {"queue", pipeline->queue, 0}, {"reason", reason, 0});
	else
		log_line(LOG_INFO, "the provider takes messages again", {"queue", pipeline->queue, 0},
				 {"away_ms", NULL, clock_ms() - sending->waits_ms});
	sending->waits_ms = reason != NULL ? since_ms : 0;
	(void) attempt_once(pipeline, SERVER_POSTGRESQL, step_tell_wait, NULL);
}

void outage_look(Pipeline *pipeline)
{
	Sending *sending = pipeline->sending;
	int64_t wait_ms;
	const char *reason = away(pipeline, &wait_ms);
	int64_t before_ms = sending->away_ms;

	pipeline->chunk->single = reason != NULL;
	if (reason == NULL)
		outage_say_wait(pipeline);
	if ((reason != NULL) == (before_ms != 0))
		return;
	if (reason != NULL)
	{
		SOMETIMES("consumer.provider_away");
		sending->away_ms = sending->waits_ms != 0 ? sending->waits_ms : clock_ms();
		sending->waits_ms = 0;
		log_line(LOG_WARNING,
				 "the provider takes nothing: holding back, and trying one message at a time",
				 {"queue", pipeline->queue, 0}, {"reason", reason, 0});
		return;
	}
	sending->away_ms = 0;
	log_line(LOG_INFO, "the provider takes messages again", {"queue", pipeline->queue, 0},
			 {"away_ms", NULL, clock_ms() - before_ms});
	(void) attempt_once(pipeline, SERVER_POSTGRESQL, step_tell, NULL);
}

bool outage_keeps_session(const Pipeline *pipeline)
{
	const Sending *sending = pipeline->sending;

	/* What is held is told to be given back before the wait, unless the queue is left alone. */
	return sending != NULL && sending->held_back && sending->claims_ended &&
		   sending->away_ms != 0 && pipeline->fruitless < 2;
}

bool outage_released(Pipeline *pipeline)
{
	bool released = pipeline->sending != NULL && pipeline->sending->held_back;

	if (released)
		pipeline->sending->held_back = false;
	return released;
}

Outcome outage_wait(Pipeline *pipeline)
{
	int64_t wait_ms;

	if (away(pipeline, &wait_ms) == NULL)
		return OUTCOME_OK;
	pipeline->chunk->single = true;
	if (attempt_once(pipeline, SERVER_POSTGRESQL, step_tell, NULL) == OUTCOME_FATAL)
		return OUTCOME_FATAL;
	(void) away(pipeline, &wait_ms);
	return stop_wait((int) (wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS)) ? OUTCOME_OK
																			: OUTCOME_STOP;
}
