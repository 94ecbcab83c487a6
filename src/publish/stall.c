/*
 * stall.c - suspicions of a loss, and the waits between them; see stall.h.
 */
#include "stall.h"

void stall_postpone(Stall *stall, int timeout_s, int64_t now)
{
	int doublings = stall->rewinds < STALL_DOUBLINGS ? stall->rewinds : STALL_DOUBLINGS;

	stall->suspect_at = now + (((int64_t) timeout_s * 1000) << doublings);
}

void stall_end(Stall *stall, int timeout_s, int64_t now)
{
	stall->rewinds = 0;
	stall_postpone(stall, timeout_s, now);
}

bool stall_found(Stall *stall, bool rewound)
{
	bool is_new = rewound && stall->rewinds == 0;

	if (rewound)
		stall->rewinds++;
	return is_new;
}
