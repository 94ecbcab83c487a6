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

#define WAIT_MAX_MS 600000 /* a provider may ask for more */

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

static bool step_tell(Pipeline *pipeline, void *unused, Error *error)
{
	const Sending *sending = pipeline->sending;
	int64_t away_ms = sending->away_ms == 0 ? -1 : clock_ms() - sending->away_ms;

	(void) unused;
	return sender_away(sending->sender, away_ms, error);
}

void outage_look(Pipeline *pipeline)
{
	Sending *sending = pipeline->sending;
	int64_t wait_ms;
	const char *reason = away(pipeline, &wait_ms);
	int64_t before_ms = sending->away_ms;

	pipeline->chunk->single = reason != NULL;
	if ((reason != NULL) == (before_ms != 0))
		return;
	if (reason != NULL)
	{
		SOMETIMES("consumer.provider_away");
		sending->away_ms = clock_ms();
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
