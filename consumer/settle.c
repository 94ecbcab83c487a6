/*
 * settle.c - report, then ack; see settle.h.
 *
 * Must never ack a delivery before PostgreSQL has answered for all of it.
 */
#include "settle.h"

#include "counters.h"
#include "look.h"
#include "mark.h"
#include "outage.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "program/stop.h"
#include "send_state.h"

/* All deliveries come again on the next connection: their tags mean nothing any more. */
static void forget_deliveries(Pipeline *pipeline)
{
	pipeline->in_hand = false;
	pipeline->chunk->tag = 0;
	pipeline->pending.tag = 0;
	/* Another consumer may have the queue meanwhile: what we remember grows old. */
	position_clear(pipeline->positions);
}

void settle_broker_lost(Pipeline *pipeline, const Error *error)
{
	SOMETIMES("consumer.broker_lost");
	SOMETIMES_IF(pipeline->pending.active, "consumer.broker_lost_before_the_ack");
	forget_deliveries(pipeline);
	if (!stop_requested())
		health_away(SERVER_RABBITMQ, pipeline->lane, error);
}

void settle_release(Pipeline *pipeline)
{
	receive_close(pipeline->receive);
	forget_deliveries(pipeline);
	chunk_reset(pipeline->chunk);
	mark_forget(pipeline);
	if (!outage_keeps_session(pipeline))
		report_disconnect(pipeline->report);
	/* A provider that takes nothing is waited for otherwise. */
	pipeline->fruitless += !outage_released(pipeline);
	pipeline->pending.active = false;
	log_line(LOG_INFO, "gave the queue back", {"queue", pipeline->queue, 0});
}

void settle_acknowledge(Pipeline *pipeline, uint64_t tag)
{
	Error error = {0};

	if (tag == 0 || !receive_is_open(pipeline->receive))
		return;
	if (receive_ack(pipeline->receive, tag, &error))
		pipeline->fruitless = 0;
	else
		settle_broker_lost(pipeline, &error);
}

static void note_completed(const Pipeline *pipeline, int64_t campaigns)
{
	if (campaigns <= 0)
		return;
	counters.campaigns += campaigns;
	log_line(LOG_INFO, "sent", {"campaigns", NULL, campaigns}, {"queue", pipeline->queue, 0});
}

static bool report_once(Pipeline *pipeline, int64_t *completed, Error *error)
{
	return (report_is_pending(pipeline->report) ||
			report_send(pipeline->report, &pipeline->pending.ranges, &pipeline->pending.checked,
						error)) &&
		   report_collect(pipeline->report, completed, error);
}

/* A provider may say what the database cannot store: what became of its messages must be. */
static bool can_be_simplified(Pipeline *pipeline, const Error *error)
{
	if (pipeline->sending == NULL || !report_refused_data(pipeline->report, error) ||
		!sender_simplify_fates(pipeline->sending->sender))
		return false;
	SOMETIMES("consumer.words_refused");
	return true;
}

static bool step_report(Pipeline *pipeline, void *unused, Error *error)
{
	int64_t completed = 0;
	bool done = report_once(pipeline, &completed, error);

	(void) unused;
	if (!done && can_be_simplified(pipeline, error))
		done = report_once(pipeline, &completed, error);
	if (done)
		note_completed(pipeline, completed);
	return done;
}

void settle_begin(Pipeline *pipeline)
{
	Error error;

	chunk_copy_ranges(&pipeline->pending.ranges, &pipeline->chunk->ranges);
	pipeline->pending.tag = pipeline->chunk->tag;
	pipeline->pending.checked.count = 0;
	pipeline->pending.active = true;
	/* A failure shows again in settle(), which repeats it until it succeeds. */
	(void) report_send(pipeline->report, &pipeline->pending.ranges, &pipeline->pending.checked,
					   &error);
}

/* Until no campaign waits for a look any more. */
static Outcome report(Pipeline *pipeline)
{
	ReportUnchecked unchecked;
	Outcome outcome;

	do
	{
		outcome = attempt(pipeline, SERVER_POSTGRESQL, step_report, NULL);
		if (outcome != OUTCOME_OK || !report_unchecked(pipeline->report, 0, &unchecked))
			return outcome;
		outcome = look_at_unchecked(pipeline);
	} while (outcome == OUTCOME_OK);
	return outcome;
}

Outcome settle(Pipeline *pipeline)
{
	Outcome outcome;

	if (!pipeline->pending.active)
		return OUTCOME_OK;
	outcome = report(pipeline);
	if (outcome != OUTCOME_OK)
		return outcome;
	pipeline->pending.active = false;
	settle_acknowledge(pipeline, pipeline->pending.tag);
	return OUTCOME_OK;
}
