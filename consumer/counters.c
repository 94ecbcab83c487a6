/*
 * counters.c - totals over all lanes and the progress line; see counters.h.
 */
#include "counters.h"

#include <inttypes.h>
#include <stdio.h>

#include "program/clock.h"
#include "program/log.h"
#include "program/retry.h"

Counters counters;

void counters_show(void)
{
	static int64_t last_documents;
	static int64_t last_ms;
	int64_t documents = counters.documents;
	int64_t now_ms = clock_ms();
	int64_t elapsed_ms = now_ms - last_ms;
	char line[160];

	if (!log_is_terminal())
		return;
	snprintf(line, sizeof(line),
			 "%" PRId64 " stored, %" PRId64 "/s, %" PRId64 " campaigns sent, %" PRId64
			 " dead letters",
			 documents,
			 last_ms == 0 || elapsed_ms <= 0 ? 0 : (documents - last_documents) * 1000 / elapsed_ms,
			 (int64_t) counters.campaigns, (int64_t) counters.dead);
	last_documents = documents;
	last_ms = now_ms;
	log_progress(line);
}
