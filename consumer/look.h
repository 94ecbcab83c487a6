/*
 * look.h - before a campaign ends: does MongoDB still hold all of it?
 *
 * It may have been restored from a backup, or somebody deleted documents, since
 * they were reported. What is missing is published again, and the campaign does
 * not end.
 */
#ifndef CAMPAIGN_CONSUMER_LOOK_H
#define CAMPAIGN_CONSUMER_LOOK_H

#include "attempt.h"
#include "lane_state.h"

/*
 * Looks at the campaigns that PostgreSQL asks for (report_unchecked()) and puts
 * them among pipeline->pending.checked: the report can be sent again.
 */
Outcome look_at_unchecked(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_LOOK_H */
