/*
 * readback.c - where a campaign stands; see readback.h.
 *
 * Must never be used while the chunk holds documents of the campaign that are
 * already counted in its `next`: MongoDB does not have them yet.
 */
#include "readback.h"

#include <string.h>

static bool step_open(Pipeline *pipeline, Error *error)
{
	return report_open(pipeline->report, pipeline->batch.campaign_id, pipeline->standing.classes,
					   error);
}

static bool step_through(Pipeline *pipeline, Error *error)
{
	Standing *standing = &pipeline->standing;

	for (int class = 0; class < MESSAGE_CLASSES; class ++)
	{
		standing->through[class] = 0;
		if (standing->classes[class].known &&
			!store_through(pipeline->store, pipeline->batch.campaign_id, (MessageClass) class,
						   standing->classes[class].stored_through, &standing->through[class],
						   error))
			return false;
	}
	return true;
}

/* What MongoDB has and PostgreSQL does not know of. */
static bool step_report_through(Pipeline *pipeline, Error *error)
{
	const Standing *standing = &pipeline->standing;
	Range items[MESSAGE_CLASSES];
	RangeList ranges = {.items = items};
	int64_t completed = 0;

	for (int class = 0; class < MESSAGE_CLASSES; class ++)
	{
		Range *range = &items[ranges.count];

		if (standing->through[class] <= standing->classes[class].stored_through)
			continue;
		memcpy(range->campaign_id, pipeline->batch.campaign_id, sizeof(range->campaign_id));
		range->class = (MessageClass) class;
		range->first_seq = 1;
		range->last_seq = standing->through[class];
		range->first_document = 0;
		ranges.count++;
	}
	if (ranges.count == 0)
		return true;
	if (!report_stored(pipeline->report, &ranges, &completed, error))
		return false;
	pipeline_completed(pipeline, completed);
	return true;
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

static void remember(Pipeline *pipeline)
{
	const Standing *standing = &pipeline->standing;
	OrderCampaign *campaign = order_find(pipeline->order, pipeline->batch.campaign_id);

	if (campaign == NULL)
		campaign = order_add(pipeline->order, pipeline->batch.campaign_id);
	campaign->read_ms = retry_now_ms();
	for (int class = 0; class < MESSAGE_CLASSES; class ++)
	{
		campaign->classes[class].known = standing->classes[class].known;
		campaign->classes[class].total = standing->classes[class].total;
		campaign->classes[class].next = standing->through[class] + 1;
	}
}

Outcome readback_campaign(Pipeline *pipeline, bool *flush)
{
	/* One query at a time on the connection: the report on its way goes first. */
	Outcome outcome = pipeline_settle(pipeline);

	if (outcome == OUTCOME_OK && !receive_is_open(pipeline->receive))
	{
		*flush = true;
		return OUTCOME_OK;
	}
	if (outcome == OUTCOME_OK)
		outcome = pipeline_persist(pipeline, SERVER_POSTGRESQL, step_open);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (!is_known(&pipeline->standing))
	{
		order_forget(pipeline->order, pipeline->batch.campaign_id);
		return OUTCOME_OK;
	}
	if (pipeline->ordered)
	{
		outcome = pipeline_persist(pipeline, SERVER_MONGODB, step_through);
		if (outcome == OUTCOME_OK)
			outcome = pipeline_persist(pipeline, SERVER_POSTGRESQL, step_report_through);
	}
	if (outcome == OUTCOME_OK)
		remember(pipeline);
	return outcome;
}
