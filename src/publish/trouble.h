/*
 * trouble.h - what the worker waits for, for campaign_health().
 */
#ifndef CAMPAIGN_TROUBLE_H
#define CAMPAIGN_TROUBLE_H

#include "worker_state.h"

/* Writes down what has changed since the last turn; cheap if nothing has. Lowers *wake_at. */
void trouble_write(Worker *worker, int64 *wake_at);

#endif /* CAMPAIGN_TROUBLE_H */
