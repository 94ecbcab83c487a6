/*
 * halt.c - campaigns that are paused, cancelled, behind their deadline or outside
 * their send window; see halt.h.
 *
 * A delivery of a halted campaign is not kept until somebody resumes it: it would
 * block the queue for all the others. It is looked up in MongoDB, reported if it
 * is there (a crash between store and report), and acknowledged; a campaign that
 * is resumed is published again from the end of what was reported. So a delivery
 * may be left out only on an answer that was asked for after it had been
 * received: what comes later may have been published by the resume.
 *
 * A deadline is a halt that nobody ends: the worker publishes again what was not
 * stored, without recipients. That alone is taken and reported.
 */
#include "halt.h"

#include <string.h>

#include "counters.h"
#include "gap.h"
#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "resume.h"
#include "send_state.h"
#include "settle.h"

/* An answer holds so long. With the insert that follows it, a pause takes less than a second. */
#define ANSWER_MS 250

/* It comes sooner, or something is wrong; so long the gateway is left alone. */
#define ANSWER_WAIT_MS 20

/* An answer that was on its way for so long says little about now. */
#define ANSWER_STALE_MS 1000

static bool is_stored(const Chunk *chunk, const Range *range)
{
	return range->first_document + range_documents(range) <= chunk->stored;
}

/* Where the campaign stands is read back: what was admitted of it is not stored. */
static void expire(Pipeline *pipeline, Range *range)
{
	range->halted = true;
	range->ended = true;
	range->doubtful = false;
	position_forget(pipeline->positions, range->campaign_id);
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
		if (range_has_expired(range, now_ms))
			return true;
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
	return report_stopped(pipeline->report, &pipeline->chunk->ranges, error);
}

static void remember(Pipeline *pipeline, const char *campaign_id, ReportStop stop, int64_t asked_ms)
{
	PositionCampaign *campaign = position_find(pipeline->positions, campaign_id);

	if (campaign == NULL)
		return;
	if (campaign->halted && !stop.halted)
	{
		/* What it stands at is read back before anything is stored. */
		position_forget(pipeline->positions, campaign_id);
		return;
	}
	campaign->halted = stop.halted;
	campaign->valid_until_ms = report_deadline(asked_ms, stop.valid_ms);
	campaign->asked_ms = asked_ms;
}

static void mark_range(Pipeline *pipeline, Range *range, bool halted)
{
	if (range->halted || is_stored(pipeline->chunk, range))
		return;
	if (!halted && range_has_expired(range, clock_ms()))
	{
		SOMETIMES("consumer.expired");
		expire(pipeline, range);
		pipeline->chunk->look = true;
		return;
	}
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
		ReportStop stop = report_stop_of(pipeline->report, range->campaign_id);

		range->valid_until_ms = report_deadline(asked_ms, stop.valid_ms);
		remember(pipeline, range->campaign_id, stop, asked_ms);
		range->ended |= stop.cancelled;
		mark_range(pipeline, range, stop.halted);
	}
	return OUTCOME_OK;
}

int halt_count(const Pipeline *pipeline)
{
	const RangeList *ranges = &pipeline->chunk->ranges;
	int count = 0;

	for (int i = 0; i < ranges->count; i++)
		count += ranges->items[i].halted;
	return count;
}

bool halt_is_marked(const Pipeline *pipeline, int place)
{
	const RangeList *ranges = &pipeline->chunk->ranges;
	int i = ranges->count - 1;

	while (ranges->items[i].first_document > place)
		i--;
	return ranges->items[i].halted;
}

bool halt_covers(Pipeline *pipeline, Range *range)
{
	if (!range->halted && range_has_expired(range, clock_ms()))
	{
		SOMETIMES("consumer.expired_while_sending");
		expire(pipeline, range);
	}
	return range->halted;
}

/* Sends the question. */
static bool step_send(Pipeline *pipeline, void *unused, Error *error)
{
	(void) unused;
	return report_stopped_ask(pipeline->report, &pipeline->chunk->ranges, error);
}

static bool step_take(Pipeline *pipeline, void *unused, Error *error)
{
	(void) unused;
	return report_stopped_take(pipeline->report, error);
}

static bool step_give_up(Pipeline *pipeline, void *unused, Error *error)
{
	(void) unused;
	report_disconnect(pipeline->report);
	return error_set(error, ERROR_UNREACHABLE, "report_stopped: no answer");
}

/* What the answer says to what was asked then. */
static void mark_stopped(Pipeline *pipeline, int64_t asked_ms)
{
	RangeList *ranges = &pipeline->chunk->ranges;

	for (int i = 0; i < ranges->count; i++)
	{
		Range *range = &ranges->items[i];
		ReportStop stop = report_stop_of(pipeline->report, range->campaign_id);

		range->valid_until_ms = report_deadline(asked_ms, stop.valid_ms);
		remember(pipeline, range->campaign_id, stop, asked_ms);
		range->halted |= stop.halted;
		range->ended |= stop.cancelled;
	}
}

static Outcome take_answer(Pipeline *pipeline, HaltQuestion *question)
{
	int64_t limit_ms = pipeline->config->hold_s * INT64_C(1000);
	bool answered = report_stopped_is_answered(pipeline->report, ANSWER_WAIT_MS);
	Outcome outcome;

	SOMETIMES_IF(!answered, "consumer.sends_while_it_asks");
	if (!answered && clock_ms() - question->asked_ms < limit_ms)
		return OUTCOME_OK;
	outcome = attempt_once(pipeline, SERVER_POSTGRESQL, answered ? step_take : step_give_up, NULL);
	if (outcome == OUTCOME_OK)
	{
		mark_stopped(pipeline, question->asked_ms);
		question->known_ms = question->asked_ms;
	}
	question->asked_ms = 0;
	return outcome;
}

static Outcome ask(Pipeline *pipeline, HaltQuestion *question)
{
	int64_t now_ms = clock_ms();
	Outcome outcome = attempt_once(pipeline, SERVER_POSTGRESQL, step_send, NULL);

	if (outcome == OUTCOME_OK)
		question->asked_ms = now_ms;
	return outcome;
}

/*
 * Of an answer that was held up on its way, once: where each one takes so long, a pause does, and
 * sending goes on.
 */
static bool is_asked_again(HaltQuestion *question)
{
	bool was_slow = question->slow;

	question->slow = clock_ms() - question->known_ms >= ANSWER_STALE_MS;
	SOMETIMES_IF(question->slow, "consumer.late_answer");
	return question->slow && !was_slow;
}

static void look_at_deadlines(Pipeline *pipeline)
{
	RangeList *ranges = &pipeline->chunk->ranges;

	for (int i = 0; i < ranges->count; i++)
		(void) halt_covers(pipeline, &ranges->items[i]);
}

Outcome halt_look(Pipeline *pipeline, HaltQuestion *question)
{
	Outcome outcome = OUTCOME_OK;

	look_at_deadlines(pipeline);
	if (question->asked_ms == 0)
	{
		if (clock_ms() - question->known_ms < ANSWER_MS)
			return OUTCOME_OK;
		outcome = ask(pipeline, question);
	}
	if (outcome == OUTCOME_OK)
		outcome = take_answer(pipeline, question);
	if (outcome == OUTCOME_OK && question->asked_ms == 0 && is_asked_again(question))
		outcome = ask(pipeline, question);
	/* The answer may have been waited for. */
	look_at_deadlines(pipeline);
	return outcome;
}

void halt_look_end(Pipeline *pipeline, HaltQuestion *question)
{
	if (question->asked_ms != 0)
		(void) attempt_once(pipeline, SERVER_POSTGRESQL, step_take, NULL);
	question->asked_ms = 0;
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

/* A body brings many ranges where recipients between them are left out. */
static bool is_first_of_its_class(const RangeList *list, int place)
{
	const Range *range = &list->items[place];

	for (int i = place - 1; i >= 0; i--)
	{
		const Range *before = &list->items[i];

		if (before->class == range->class && strcmp(before->campaign_id, range->campaign_id) == 0)
			return false;
	}
	return true;
}

/* Once for each class: every question makes the worker begin again. */
Outcome halt_ask_for_dropped(Pipeline *pipeline)
{
	const RangeList *resumed = &pipeline->chunk->resumed;
	Outcome outcome = OUTCOME_OK;

	for (int i = 0; outcome == OUTCOME_OK && i < resumed->count; i++)
	{
		if (is_first_of_its_class(resumed, i))
			outcome = ask_again(pipeline, &resumed->items[i]);
	}
	return outcome;
}
