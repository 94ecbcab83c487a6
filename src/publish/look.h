/*
 * look.h - the worker's looks at the tables.
 */
#ifndef CAMPAIGN_LOOK_H
#define CAMPAIGN_LOOK_H

#include "worker_state.h"

/* Takes over what the tables say, if it is time for that; a slice of it, if it is much. */
void look_at_tables(Worker *worker);

#endif /* CAMPAIGN_LOOK_H */
