/*
 * sender.h - a sending lane as PostgreSQL knows it: registered as long as its
 * session lives, with what it holds, what it has done, and the fates it reports.
 *
 * Everything goes through the session of the lane's reports: a claim lives as
 * long as that session, and so must nothing be sent once it is another one.
 */
#ifndef CAMPAIGN_CONSUMER_SENDER_H
#define CAMPAIGN_CONSUMER_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "chunk.h"
#include "config.h"
#include "contract/error.h"
#include "report.h"

typedef struct Sender Sender;

/* All must outlive it. NULL when out of memory. */
Sender *sender_new(const Config *config, const char *queue, Report *report);
void sender_free(Sender *sender);

/* The id of the session; "" before the first. */
const char *sender_id(const Sender *sender);

/*
 * Tells what is about to be claimed. Marks the places of the chunk whose fate was reported before:
 * `decided` has an element for each.
 */
bool sender_hold(Sender *sender, const Chunk *chunk, uint8_t *decided, Error *error);

/* Which of `count` senders live; the ids have CLAIM_SENDER_LENGTH characters. */
bool sender_living(Sender *sender, const char (*ids)[CLAIM_SENDER_LENGTH + 1], int count,
				   bool *living, Error *error);

/*
 * Tells for how long the provider has taken nothing, in milliseconds; -1: it does. `holds`: what
 * this lane holds it goes on holding.
 */
bool sender_away(Sender *sender, int64_t away_ms, bool holds, Error *error);

/* What the next report says besides the ranges; `fates`: JSON, an object with the
 * array "fates", copied. False: no memory. */
bool sender_fates(Sender *sender, const char *fates, int64_t processed, int64_t failed,
				  int64_t sending_us);

/*
 * What the fates quote of others, in ASCII from now on: a database whose encoding lacks a character
 * refuses all of them. False: they were so already.
 */
bool sender_simplify_fates(Sender *sender);

#endif /* CAMPAIGN_CONSUMER_SENDER_H */
