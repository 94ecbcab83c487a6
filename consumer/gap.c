/*
 * gap.c - asking for what is missing; see gap.h.
 */
#include "gap.h"

#include "program/log.h"

typedef struct Gap
{
	const char *campaign_id;
	MessageClass class;
	int64_t next;
} Gap;

static bool step_gap(Pipeline *pipeline, void *argument, Error *error)
{
	const Gap *gap = argument;

	return report_gap(pipeline->report, gap->campaign_id, gap->class, gap->next, error);
}

Outcome gap_report(Pipeline *pipeline, const char *campaign_id, MessageClass class, int64_t next)
{
	Gap gap = {.campaign_id = campaign_id, .class = class, .next = next};
	Outcome outcome = attempt(pipeline, SERVER_POSTGRESQL, step_gap, &gap);

	if (outcome == OUTCOME_OK)
		log_line(LOG_INFO, "a gap: asked for what is missing", {"campaign", campaign_id, 0},
				 {"class", message_class_name(class), 0}, {"next", NULL, next});
	return outcome;
}
