/*
 * ranges.h - PostgreSQL's text of a set of seqs, an int8multirange: {[1,4),[9,11)}.
 */
#ifndef CAMPAIGN_CONSUMER_RANGES_H
#define CAMPAIGN_CONSUMER_RANGES_H

#include <stdint.h>

/* The last seq of the range that holds `seq`; 0 if none does. `text` NULL: the empty set. */
int64_t ranges_end(const char *text, int64_t seq);

#endif /* CAMPAIGN_CONSUMER_RANGES_H */
