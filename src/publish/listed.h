/*
 * listed.h - a filter that rules out most numbers that are on no suppression list, so that a list
 * of a million does not cost a look at its index for each recipient.
 *
 * It knows too much at times, never too little: what it does not rule out is looked up.
 */
#ifndef CAMPAIGN_LISTED_H
#define CAMPAIGN_LISTED_H

#include "postgres.h"

/*
 * Whether it can be asked, and from which horizon on it has to be told what was put on a list (a
 * Datum of pg_snapshot).
 */
bool listed_ready(Datum *since);

/* Takes over what was put on a list up to a new horizon. */
void listed_add(Datum numbers, Datum horizon);

/* Many numbers were put on a list: the filter is to be built again. */
void listed_forget(void);

/* False: this number was on no list at the last horizon. */
bool listed_possible(int64 digits);

/* So many recipients were looked up without it: once it pays, reads the next page of the lists. */
void listed_missed(int recipients);

#endif /* CAMPAIGN_LISTED_H */
