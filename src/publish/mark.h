/*
 * mark.h - writes down what the broker has confirmed.
 */
#ifndef CAMPAIGN_MARK_H
#define CAMPAIGN_MARK_H

#include "worker_state.h"

/* Marks what is due; lowers *wake_at to when the next one is. */
void mark_streams(Worker *worker, int64 *wake_at);

#endif /* CAMPAIGN_MARK_H */
