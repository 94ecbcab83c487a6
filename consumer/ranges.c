/*
 * ranges.c - the text of a set of seqs; see ranges.h.
 */
#include "ranges.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

RangesWalk ranges_walk(const char *text)
{
	return (RangesWalk){.at = text};
}

/*
 * The server writes discrete ranges in one form only: from the first one, to before the last one,
 * in their order.
 */
static bool next_range(RangesWalk *walk)
{
	const char *at = walk->at != NULL ? strchr(walk->at, '[') : NULL;
	char *end;

	walk->at = at;
	if (at == NULL)
		return false;
	walk->first = strtoll(at + 1, &end, 10);
	walk->behind = *end == ',' ? strtoll(end + 1, &end, 10) : walk->first;
	walk->at = end;
	return true;
}

int64_t ranges_skip(RangesWalk *walk, int64_t seq)
{
	while (walk->behind <= seq)
	{
		if (!next_range(walk))
			return seq;
	}
	return seq >= walk->first ? walk->behind : seq;
}

int64_t ranges_end(const char *text, int64_t seq)
{
	RangesWalk walk = ranges_walk(text);
	int64_t behind = ranges_skip(&walk, seq);

	return behind > seq ? behind - 1 : 0;
}
