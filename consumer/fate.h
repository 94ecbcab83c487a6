/*
 * fate.h - what became of the documents of a chunk: into MongoDB, and for
 * PostgreSQL's next report.
 */
#ifndef CAMPAIGN_CONSUMER_FATE_H
#define CAMPAIGN_CONSUMER_FATE_H

#include "attempt.h"
#include "lane_state.h"

/*
 * Writes the results into the documents, and takes back the claims on those that were not begun.
 * Goes on without the queue if that takes long: another sender waits for this one meanwhile.
 */
Outcome fate_write(Pipeline *pipeline);

/*
 * Whether something of the chunk may still be sent: it came back from the gateway without having
 * been begun, or the provider takes nothing and it may be tried again. Such a chunk is not done.
 */
bool fate_is_open(Pipeline *pipeline);

/* Takes what was not begun out of the chunk's ranges, and hands the fates of the rest to the
 * report. */
Outcome fate_tell(Pipeline *pipeline);

#endif /* CAMPAIGN_CONSUMER_FATE_H */
