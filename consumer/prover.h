/*
 * prover.h - the thread that makes proofs while the lanes have nothing to do: those that
 * campaign_verify() asks for, and with --verify-sent one of each campaign that was sent.
 *
 * It holds no queue and has connections of its own, so that no message ever waits for a proof.
 */
#ifndef CAMPAIGN_CONSUMER_PROVER_H
#define CAMPAIGN_CONSUMER_PROVER_H

#include <stdbool.h>

#include "config.h"
#include "contract/error.h"

typedef struct Prover Prover;

/* NULL and *error if it cannot be started. `config` must outlive it. */
Prover *prover_start(const Config *config, Error *error);

/* False once it has ended, after a stop was requested. */
bool prover_running(const Prover *prover);

/* Waits for it, and frees it. */
void prover_finish(Prover *prover);

#endif /* CAMPAIGN_CONSUMER_PROVER_H */
