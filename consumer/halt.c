/*
 * halt.c - campaigns that are paused, cancelled or outside their send window; see halt.h.
 *
 * A delivery of a halted campaign is not kept until somebody resumes it: it would
 * block the queue for all the others. It is looked up in MongoDB, reported if it
 * is there (a crash between store and report), and acknowledged; a campaign that
 * is resumed is published again from the end of what was reported. So a delivery
 * may be left out only on an answer that was asked for after it had been
 * received: what comes later may have been published by the resume.
 */
#include "halt.h"

#include "counters.h"
#include "gap.h"
#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "resume.h"
#include "settle.h"

/* An answer holds so long. With the insert that follows it, a pause takes less than a second. */
#define ANSWER_MS 250

static bool is_stored(const Chunk *chunk, const Range *range)
{
	return range->first_document + range_documents(range) <= chunk->stored;
}

static bool is_due(Pipeline *pipeline)
{
	const Chunk *chunk = pipeline->chunk;
	int64_t now_ms = clock_ms();

	for (int i = 0; i < chunk->ranges.count; i++)
	{
		const Range *range = &chunk->ranges.items[i];
		const PositionCampaign *campaign;

		if (is_stored(chunk, range) || range->halted)
			continue;
		if (range->doubtful)
			return true;
		campaign = position_find(pipeline->positions, range->campaign_id);
		if (campaign == NULL || now_ms - campaign->asked_ms >= ANSWER_MS)
			return true;
	}
	return false;
}

static bool step_ask(Pipeline *pipeline, void *unused, Error *error)
{
	(void) unused;
	return report_halted(pipeline->report, &pipeline->chunk->ranges, error);
}

static void remember(Pipeline *pipeline, const char *campaign_id, bool halted, int64_t asked_ms)
{
	PositionCampaign *campaign = position_find(pipeline->positions, campaign_id);

	if (campaign == NULL)
		return;
	if (campaign->halted && !halted)
	{
		/* What it stands at is read back before anything is stored. */
		position_forget(pipeline->positions, campaign_id);
		return;
	}
	campaign->halted = halted;
	campaign->asked_ms = asked_ms;
}

static void mark_range(Pipeline *pipeline, Range *range, bool halted)
{
	if (range->halted || is_stored(pipeline->chunk, range))
		return;
	/* Admitted without its order being looked at: it cannot be stored either. */
	range->resumed = range->doubtful && !halted && pipeline->ordered;
	range->halted = halted || range->resumed;
	SOMETIMES_IF(halted, "consumer.halted");
	SOMETIMES_IF(range->resumed, "consumer.resumed_meanwhile");
	range->doubtful = false;
	pipeline->chunk->look |= range->halted;
}

Outcome halt_check(Pipeline *pipeline)
{
	RangeList *ranges = &pipeline->chunk->ranges;
	/* It may be called between two attempts at another server, whose waits go on growing. */
	Retry retry = pipeline->retry;
	int64_t asked_ms;
	Outcome outcome;

	if (!is_due(pipeline))
		return OUTCOME_OK;
	/* One query at a time on the connection: the report on its way goes first. */
	outcome = settle(pipeline);
	asked_ms = clock_ms();
	if (outcome == OUTCOME_OK)
		outcome = attempt(pipeline, SERVER_POSTGRESQL, step_ask, NULL);
	pipeline->retry = retry;
	if (outcome != OUTCOME_OK)
		return outcome;
	for (int i = 0; i < ranges->count; i++)
	{
		Range *range = &ranges->items[i];
		bool halted = report_is_halted(pipeline->report, range->campaign_id);

		remember(pipeline, range->campaign_id, halted, asked_ms);
		mark_range(pipeline, range, halted);
	}
	return OUTCOME_OK;
}

Outcome halt_look(Pipeline *pipeline, int64_t *asked_ms)
{
	RangeList *ranges = &pipeline->chunk->ranges;
	int64_t now_ms = clock_ms();
	Outcome outcome;

	if (now_ms - *asked_ms < ANSWER_MS)
		return OUTCOME_OK;
	outcome = attempt_once(pipeline, SERVER_POSTGRESQL, step_ask, NULL);
	if (outcome != OUTCOME_OK)
		return outcome;
	*asked_ms = now_ms;
	for (int i = 0; i < ranges->count; i++)
	{
		Range *range = &ranges->items[i];
		bool halted = report_is_halted(pipeline->report, range->campaign_id);

		remember(pipeline, range->campaign_id, halted, now_ms);
		range->halted |= halted;
	}
	return OUTCOME_OK;
}

static Outcome ask_again(Pipeline *pipeline, const Range *range)
{
	const PositionCampaign *campaign;
	bool broker_lost = false;
	Outcome outcome = resume_campaign(pipeline, range->campaign_id, &broker_lost);

	/* Without the connection nothing is acknowledged: it comes again by itself. */
	if (outcome != OUTCOME_OK || broker_lost)
		return outcome;
	campaign = position_find(pipeline->positions, range->campaign_id);
	if (campaign == NULL || campaign->halted)
		return OUTCOME_OK;
	return gap_report(pipeline, range->campaign_id, range->class,
					  campaign->classes[range->class].next);
}

Outcome halt_ask_for_dropped(Pipeline *pipeline)
{
	const RangeList *resumed = &pipeline->chunk->resumed;
	Outcome outcome = OUTCOME_OK;

	for (int i = 0; outcome == OUTCOME_OK && i < resumed->count; i++)
		outcome = ask_again(pipeline, &resumed->items[i]);
	return outcome;
}
