/*
 * resume.c - where a campaign stands; see resume.h.
 *
 * Must never be used while the chunk holds documents of the campaign that are
 * already counted in its `next`: MongoDB does not have them yet.
 */
#include "resume.h"

#include <string.h>

#include "gap.h"
#include "program/clock.h"
#include "program/sometimes.h"
#include "ranges.h"
#include "settle.h"

static bool step_position(Pipeline *pipeline, void *argument, Error *error)
{
	Standing *standing = argument;

	return report_position(pipeline->report, standing->campaign_id, standing->classes, error);
}

static bool step_highest(Pipeline *pipeline, void *argument, Error *error)
{
	Standing *standing = argument;

	for (int class = 0; class < MESSAGE_CLASSES; class ++)
	{
		standing->highest[class] = 0;
		if (standing->classes[class].known &&
			!store_highest(pipeline->store, standing->campaign_id, (MessageClass) class,
						   &standing->highest[class], error))
			return false;
	}
	return true;
}

/*
 * The first seq that has to be stored. What was reported is stored, unless MongoDB has lost it.
 * What MongoDB has beyond that (a crash between store and report, or somebody else's documents) is
 * inserted once more: only the duplicate key and the comparison that follows tell which it is.
 */
static int64_t next_seq(const Standing *standing, int class)
{
	int64_t reported = standing->classes[class].stored_through;
	int64_t highest = standing->highest[class];
	int64_t parked;

	/* What MongoDB refused is not in it, and is done. */
	while ((parked = ranges_end(standing->classes[class].failed, highest + 1)) != 0)
	{
		SOMETIMES("consumer.resumed_behind_parked");
		highest = parked;
	}
	SOMETIMES_IF(highest > reported, "consumer.resumed_before_unreported");
	return (highest < reported ? highest : reported) + 1;
}

static bool is_known(const Standing *standing)
{
	for (int class = 0; class < MESSAGE_CLASSES; class ++)
	{
		if (standing->classes[class].known)
			return true;
	}
	return false;
}

/*
 * A class whose batches do not come any more (VIP, while NORMAL runs) would stay without what
 * MongoDB has lost of it.
 */
static Outcome report_losses(Pipeline *pipeline, const Standing *standing)
{
	Outcome outcome = OUTCOME_OK;

	for (int class = 0; outcome == OUTCOME_OK && class < MESSAGE_CLASSES; class ++)
	{
		int64_t next = next_seq(standing, class);

		if (next > standing->classes[class].stored_through)
			continue;
		SOMETIMES("consumer.shrunk");
		outcome = gap_report(pipeline, standing->campaign_id, (MessageClass) class, next);
	}
	return outcome;
}

/* What the first insert behind it will rely on: mark.c looks for it again. */
static void note_behind(PositionCampaign *campaign, const Standing *standing)
{
	uint8_t prefix[MESSAGE_DOCUMENT_PREFIX_SIZE];

	campaign->unmarked = false;
	message_document_prefix(standing->campaign_id, prefix);
	for (int class = 0; class < MESSAGE_CLASSES; class ++)
	{
		if (standing->highest[class] == 0)
			continue;
		message_document_id(prefix, (MessageClass) class, standing->highest[class],
							campaign->behind);
		campaign->unmarked = true;
	}
}

static void remember(Pipeline *pipeline, const Standing *standing)
{
	PositionCampaign *campaign = position_find(pipeline->positions, standing->campaign_id);

	if (campaign == NULL)
		campaign = position_add(pipeline->positions, standing->campaign_id);
	campaign->read_ms = clock_ms();
	campaign->asked_ms = standing->asked_ms;
	campaign->halted = false;
	campaign->valid_until_ms = INT64_MAX;
	campaign->followed = true;
	note_behind(campaign, standing);
	for (int class = 0; class < MESSAGE_CLASSES; class ++)
	{
		campaign->classes[class].known = standing->classes[class].known;
		campaign->classes[class].total = standing->classes[class].total;
		campaign->classes[class].next = next_seq(standing, class);
		campaign->classes[class].suppressed = 0;
		campaign->followed &= campaign->classes[class].next == 1;
		SOMETIMES_IF(campaign->classes[class].next > 1, "consumer.resumed");
		campaign->halted |= standing->classes[class].halted;
		if (standing->classes[class].known)
			campaign->valid_until_ms =
				report_deadline(standing->asked_ms, standing->classes[class].valid_ms);
	}
}

Outcome resume_campaign(Pipeline *pipeline, const char *campaign_id, bool *broker_lost)
{
	/* One query at a time on the connection: the report on its way goes first. */
	Outcome outcome = settle(pipeline);
	Standing standing = {.campaign_id = campaign_id, .asked_ms = clock_ms()};

	if (outcome == OUTCOME_OK && !receive_is_open(pipeline->receive))
	{
		*broker_lost = true;
		return OUTCOME_OK;
	}
	if (outcome == OUTCOME_OK)
		outcome = attempt(pipeline, SERVER_POSTGRESQL, step_position, &standing);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (!is_known(&standing))
	{
		position_forget(pipeline->positions, campaign_id);
		return OUTCOME_OK;
	}
	if (pipeline->ordered)
		outcome = attempt(pipeline, SERVER_MONGODB, step_highest, &standing);
	if (outcome == OUTCOME_OK && pipeline->ordered)
		outcome = report_losses(pipeline, &standing);
	if (outcome == OUTCOME_OK)
		remember(pipeline, &standing);
	return outcome;
}
