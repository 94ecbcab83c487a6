/*
 * ranges.h - PostgreSQL's text of a set of seqs, an int8multirange: {[1,4),[9,11)}.
 */
#ifndef CAMPAIGN_CONSUMER_RANGES_H
#define CAMPAIGN_CONSUMER_RANGES_H

#include <stdint.h>

/* The last seq of the range that holds `seq`; 0 if none does. `text` NULL: the empty set. */
int64_t ranges_end(const char *text, int64_t seq);

/* Where a walk through a set is, which may be a long one. */
typedef struct RangesWalk
{
	const char *at; /* behind the range in hand */
	int64_t first;
	int64_t behind;
} RangesWalk;

/* Of `text`, which must outlive it; NULL: the empty set. */
RangesWalk ranges_walk(const char *text);

/* The first seq from `seq` on that is not in the set. `seq` may not be lower than in the call
 * before. */
int64_t ranges_skip(RangesWalk *walk, int64_t seq);

#endif /* CAMPAIGN_CONSUMER_RANGES_H */
