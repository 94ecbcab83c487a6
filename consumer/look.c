/*
 * look.c - the look at MongoDB before a campaign ends; see look.h.
 *
 * Counting costs a tenth of storing. So a class that this lane has stored from
 * its first recipient to its last one without a break (mark.c watches for
 * one), and in order, is only looked at where MongoDB would lose first: at
 * its end. Whatever else there is, small or unordered or known only since a
 * restart, is counted. Where recipients were refused, a count does not say
 * who is there: another document may be in the place of one of them. Then the
 * seqs are read.
 */
#include "look.h"

#include <string.h>

#include "gap.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "ranges.h"

/* At most so many are counted at once: a count has to end before the socket's time does. */
#define WINDOW 1000000

/* So many seqs are read at once. */
#define PIECE 10000

/* Up to here a count costs no more than the question. */
#define SMALL 1000

typedef struct Look
{
	ReportUnchecked class;
	int64_t at;		   /* the windows in front of it are counted */
	int64_t missing;   /* in them */
	int64_t first_low; /* the first missing one is at first_low … first_high; 0: none yet */
	int64_t first_high;
	int64_t highest;
	RangesWalk allowed; /* what need not be there */
} Look;

static int64_t end_of_window(const Look *look)
{
	int64_t end = look->at + WINDOW - 1;

	return end < look->class.total ? end : look->class.total;
}

static bool step_count(Pipeline *pipeline, void *argument, Error *error)
{
	Look *look = argument;
	int64_t end = end_of_window(look);
	int64_t expected = end - look->at + 1;
	int64_t count = 0;

	if (!store_count(pipeline->store, look->class.campaign_id, look->class.class, look->at, end,
					 &count, error))
		return false;
	if (count < expected && look->first_low == 0)
	{
		look->first_low = look->at;
		look->first_high = end;
	}
	look->missing += expected - count;
	look->at = end + 1;
	return true;
}

/* Half of where the first missing one may be. */
static bool step_halve(Pipeline *pipeline, void *argument, Error *error)
{
	Look *look = argument;
	int64_t middle = look->first_low + (look->first_high - look->first_low) / 2;
	int64_t count = 0;

	if (!store_count(pipeline->store, look->class.campaign_id, look->class.class, look->first_low,
					 middle, &count, error))
		return false;
	if (count < middle - look->first_low + 1)
		look->first_high = middle;
	else
		look->first_low = middle + 1;
	return true;
}

static bool step_end(Pipeline *pipeline, void *argument, Error *error)
{
	Look *look = argument;

	return store_highest(pipeline->store, look->class.campaign_id, look->class.class,
						 &look->highest, error);
}

static bool is_followed(Pipeline *pipeline, const Look *look)
{
	const PositionCampaign *campaign = position_find(pipeline->positions, look->class.campaign_id);

	/* What PostgreSQL does not expect in MongoDB has to be what this lane has not stored. */
	return pipeline->ordered && look->class.total > SMALL && campaign != NULL &&
		   campaign->followed && campaign->classes[look->class.class].next > look->class.total &&
		   campaign->classes[look->class.class].suppressed == look->class.failed;
}

static Outcome count_class(Pipeline *pipeline, Look *look)
{
	Outcome outcome = OUTCOME_OK;

	look->at = 1;
	while (outcome == OUTCOME_OK && look->at <= look->class.total)
	{
		outcome = attempt(pipeline, SERVER_MONGODB, step_count, look);
		receive_heartbeat(pipeline->receive);
	}
	return outcome;
}

static Outcome find_first_missing(Pipeline *pipeline, Look *look)
{
	Outcome outcome = OUTCOME_OK;

	while (outcome == OUTCOME_OK && look->first_low < look->first_high)
		outcome = attempt(pipeline, SERVER_MONGODB, step_halve, look);
	return outcome;
}

static bool step_allowed(Pipeline *pipeline, void *argument, Error *error)
{
	Look *look = argument;
	ReportClass classes[MESSAGE_CLASSES];

	if (!report_position(pipeline->report, look->class.campaign_id, classes, error))
		return false;
	look->allowed = ranges_walk(classes[look->class.class].failed);
	return true;
}

/* Leaves in first_low the first one of a piece that is missing; 0: none. */
static bool step_read(Pipeline *pipeline, void *argument, Error *error)
{
	Look *look = argument;
	int64_t end = look->at + PIECE - 1;

	if (end > look->class.total)
		end = look->class.total;
	if (!store_missing(pipeline->store, look->class.campaign_id, look->class.class, look->at, end,
					   &look->allowed, &look->first_low, error))
		return false;
	look->at = end + 1;
	return true;
}

/* As find_first_missing(), if some need not be there; first_low 0: all others are. */
static Outcome read_first_missing(Pipeline *pipeline, Look *look)
{
	Outcome outcome = attempt(pipeline, SERVER_POSTGRESQL, step_allowed, look);

	look->at = look->first_low;
	look->first_low = 0;
	while (outcome == OUTCOME_OK && look->first_low == 0 && look->at <= look->class.total)
	{
		outcome = attempt(pipeline, SERVER_MONGODB, step_read, look);
		receive_heartbeat(pipeline->receive);
	}
	return outcome;
}

static bool step_absent(Pipeline *pipeline, void *argument, Error *error)
{
	Look *look = argument;
	ReportClass classes[MESSAGE_CLASSES];
	int64_t absent;

	if (!report_position(pipeline->report, look->class.campaign_id, classes, error))
		return false;
	while ((absent = ranges_end(classes[look->class.class].failed, look->highest + 1)) != 0)
		look->highest = absent;
	return true;
}

/* The last document that MongoDB has, and behind it what it does not have to have. */
static Outcome find_end(Pipeline *pipeline, Look *look)
{
	Outcome outcome = attempt(pipeline, SERVER_MONGODB, step_end, look);

	if (outcome == OUTCOME_OK && look->class.failed > 0 && look->highest < look->class.total)
		outcome = attempt(pipeline, SERVER_POSTGRESQL, step_absent, look);
	return outcome;
}

/* Recipients that MongoDB refused are not in it: the campaign will be failed, not sent. */
static Outcome look_at_class(Pipeline *pipeline, const ReportUnchecked *class)
{
	Look look = {.class = *class};
	Outcome outcome;

	if (is_followed(pipeline, &look))
	{
		outcome = find_end(pipeline, &look);
		if (outcome != OUTCOME_OK || look.highest >= class->total)
			return outcome;
		SOMETIMES("consumer.look_found_no_end");
	}
	outcome = count_class(pipeline, &look);
	if (outcome != OUTCOME_OK || look.missing <= class->left_out)
		return outcome;
	outcome = class->failed > 0 ? read_first_missing(pipeline, &look)
								: find_first_missing(pipeline, &look);
	if (outcome != OUTCOME_OK || look.first_low == 0)
		return outcome;
	SOMETIMES("consumer.look_found_a_loss");
	log_line(LOG_WARNING, "MongoDB lacks documents that were stored",
			 {"campaign", class->campaign_id, 0}, {"class", message_class_name(class->class), 0},
			 {"missing", NULL, look.missing});
	outcome = gap_report(pipeline, class->campaign_id, class->class, look.first_low);
	/* What is about to be reported may be among what is missing: it must not be reported again. */
	return outcome == OUTCOME_OK ? OUTCOME_RELEASE : outcome;
}

static void note_checked(CampaignList *checked, const char *campaign_id)
{
	if (checked->count > 0 && strcmp(checked->ids[checked->count - 1], campaign_id) == 0)
		return;
	memcpy(checked->ids[checked->count++], campaign_id, strlen(campaign_id) + 1);
}

Outcome look_at_unchecked(Pipeline *pipeline)
{
	ReportUnchecked class;

	for (int i = 0; report_unchecked(pipeline->report, i, &class); i++)
	{
		Outcome outcome = look_at_class(pipeline, &class);

		if (outcome != OUTCOME_OK)
			return outcome;
		note_checked(&pipeline->pending.checked, class.campaign_id);
	}
	return OUTCOME_OK;
}
