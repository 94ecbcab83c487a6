/*
 * turn.c - when a lane may store; see turn.h.
 *
 * A lane that waits for its turn asks MongoDB for nothing, so it would not notice that MongoDB is
 * silent before its turn comes: with a turn for one lane only, the last of five would keep its
 * queue for five times as long as CAMPAIGN_HOLD.
 */
#include "turn.h"

#include "gate.h"
#include "halt.h"
#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"

#define GATE_WAIT_MS 100 /* for other lanes' inserts; then it is asked again whether to store */

static bool step_prove(Pipeline *pipeline, void *unused, Error *error)
{
	(void) unused;
	return store_prove(pipeline->store, error);
}

/* Nobody has stored anything for CAMPAIGN_HOLD seconds: whoever waits for them asks for itself. */
static Outcome ask_for_oneself(Pipeline *pipeline)
{
	Outcome outcome;

	if (!receive_is_open(pipeline->receive))
		return OUTCOME_OK;
	outcome = attempt_once(pipeline, SERVER_MONGODB, step_prove, NULL);
	if (outcome != OUTCOME_RETRY)
		return outcome;
	SOMETIMES("consumer.given_back_at_the_gate");
	log_line(LOG_WARNING, "MongoDB answers no lane", {"queue", pipeline->queue, 0});
	return OUTCOME_RELEASE;
}

Outcome turn_take(Pipeline *pipeline)
{
	const int64_t hold_ms = pipeline->config->hold_s * INT64_C(1000);
	int64_t moved_ms = clock_ms();
	unsigned done = gate_done();
	Outcome outcome;

	while ((outcome = halt_check(pipeline)) == OUTCOME_OK && !gate_enter(GATE_WAIT_MS))
	{
		receive_heartbeat(pipeline->receive);
		if (gate_done() == done && clock_ms() - moved_ms < hold_ms)
			continue;
		if (gate_done() == done)
			outcome = ask_for_oneself(pipeline);
		if (outcome != OUTCOME_OK)
			break;
		moved_ms = clock_ms();
		done = gate_done();
	}
	return outcome;
}
