/*
 * send.h - from rows to the broker.
 */
#ifndef CAMPAIGN_SEND_H
#define CAMPAIGN_SEND_H

#include "worker_state.h"

/* Sends what the streams may send. */
void send_streams(Worker *worker);

#endif /* CAMPAIGN_SEND_H */
