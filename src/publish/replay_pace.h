/*
 * replay_pace.h - dead letters that are published again keep to the limits of their campaigns.
 *
 * Pure; times are those of clock_us(). A dead letter comes in one, however many recipients it has:
 * what is bounded is how soon the next one of the same campaign may follow. Campaigns that have to
 * wait hold up no other.
 */
#ifndef CAMPAIGN_REPLAY_PACE_H
#define CAMPAIGN_REPLAY_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "contract/message.h"

typedef struct ReplayWait
{
	char campaign_id[MESSAGE_ID_MAX + 1];
	int64_t recipients; /* of the dead letter that was published */
	int64_t since_us;
	int64_t until_us; /* by the limit that it had then; a higher one ends it sooner */
} ReplayWait;

/* As many as there are campaigns that wait: with room for some only, these would hold up all
 * others. */
typedef struct ReplayPace
{
	ReplayWait *waits;
	int count;
	int room;
} ReplayPace;

/* Makes room for another campaign. False if memory is short. */
bool replay_pace_reserve(ReplayPace *pace);

/* Gives all of it back. */
void replay_pace_free(ReplayPace *pace);

/* A dead letter with so many recipients was published; thousandths: of a recipient a second; 0: no
 * limit. There must be room for it. */
void replay_pace_note(ReplayPace *pace, const char *campaign_id, int64_t recipients,
					  int64_t thousandths, int64_t now_us);

/* Forgets those that have waited long enough. Returns when the next one has; INT64_MAX: none waits.
 */
int64_t replay_pace_next(ReplayPace *pace, int64_t now_us);

#endif /* CAMPAIGN_REPLAY_PACE_H */
