/*
 * replay_pace.c - when the next dead letter of a campaign may follow; see replay_pace.h.
 */
#include "replay_pace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)

#define ROOM_AT_FIRST 32

bool replay_pace_reserve(ReplayPace *pace)
{
	int room = pace->room == 0 ? ROOM_AT_FIRST : 2 * pace->room;
	ReplayWait *waits;

	if (pace->count < pace->room)
		return true;
	waits = realloc(pace->waits, (size_t) room * sizeof(*waits));
	if (waits == NULL)
		return false;
	pace->waits = waits;
	pace->room = room;
	return true;
}

void replay_pace_free(ReplayPace *pace)
{
	free(pace->waits);
	*pace = (ReplayPace){0};
}

void replay_pace_note(ReplayPace *pace, const char *campaign_id, int64_t recipients,
					  int64_t thousandths, int64_t now_us)
{
	int place = 0;
	ReplayWait *wait;

	while (place < pace->count && strcmp(pace->waits[place].campaign_id, campaign_id) != 0)
		place++;
	if (thousandths <= 0 || place == pace->room)
		return;
	if (place == pace->count)
		pace->count++;
	wait = &pace->waits[place];
	snprintf(wait->campaign_id, sizeof(wait->campaign_id), "%s", campaign_id);
	wait->recipients = recipients;
	wait->since_us = now_us;
	wait->until_us = now_us + recipients * 1000 * SECOND_US / thousandths;
}

int64_t replay_pace_next(ReplayPace *pace, int64_t now_us)
{
	int64_t next_us = INT64_MAX;
	int kept = 0;

	for (int i = 0; i < pace->count; i++)
	{
		if (pace->waits[i].until_us <= now_us)
			continue;
		if (pace->waits[i].until_us < next_us)
			next_us = pace->waits[i].until_us;
		pace->waits[kept++] = pace->waits[i];
	}
	pace->count = kept;
	return next_us;
}
