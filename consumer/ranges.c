/*
 * ranges.c - the text of a set of seqs; see ranges.h.
 */
#include "ranges.h"

#include <stdlib.h>
#include <string.h>

/* The server writes discrete ranges in one form only: from the first one, to before the last one.
 */
int64_t ranges_end(const char *text, int64_t seq)
{
	const char *at = text;

	while (at != NULL && (at = strchr(at, '[')) != NULL)
	{
		char *end;
		int64_t first = strtoll(at + 1, &end, 10);
		int64_t behind = *end == ',' ? strtoll(end + 1, &end, 10) : first;

		if (seq >= first && seq < behind)
			return behind - 1;
		at = end;
	}
	return 0;
}
