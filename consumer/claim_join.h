/*
 * claim_join.h - messages that were sent at the first attempt, written down by one update.
 *
 * Most are, and an update for each of them costs MongoDB four times as much. Touches no server.
 */
#ifndef CAMPAIGN_CONSUMER_CLAIM_JOIN_H
#define CAMPAIGN_CONSUMER_CLAIM_JOIN_H

#include "claim_change.h"

/*
 * The end of the changes from `first` on whose messages that were sent can be joined: of one class
 * of a campaign, under one claim, by rising seqs with little between them. Others may be among
 * them.
 */
int claim_join_end(const ClaimChange *changes, int first, int count);

/*
 * The one update, of many documents, for those from `first` to `end` that were sent: both are
 * appended to. It leaves alone whatever lies between them, whoever has claimed it. Returns how many
 * documents it is for; if these are few, it is not worth it, and nothing is appended: 0.
 */
int claim_join(const ClaimChange *changes, int first, int end, bson_t *filter, bson_t *update);

#endif /* CAMPAIGN_CONSUMER_CLAIM_JOIN_H */
