/*
 * suppressed.h - which recipients are on a suppression list at the instant of publishing.
 */
#ifndef CAMPAIGN_SUPPRESSED_H
#define CAMPAIGN_SUPPRESSED_H

#include "outbox.h"

/*
 * Marks those of the recipients from first_seq on that must not be sent to, between session_begin()
 * and session_finish(): whoever has opted out by now is seen. What it does not mark is handed to
 * the broker in the same turn, or looked at again.
 */
void suppressed_look(const char *campaign_id, MessageClass class, int64 first_seq,
					 OutboxRecipient *recipients, int count);

#endif /* CAMPAIGN_SUPPRESSED_H */
