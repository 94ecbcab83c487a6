/*
 * waiting.c - see waiting.h.
 *
 * On a connection of its own, twice an outage: that of the reports has one on its way just
 * then, most of the time. Nothing depends on it: a failure is tried again with the next step.
 */
#include "waiting.h"

#include <inttypes.h>
#include <stdio.h>

#include "program/clock.h"

#define WAITING_TELL_MS	  1000 /* between two attempts */
#define WAITING_TIMEOUT_S 2

static const PgStatement STATEMENT = {
	"report_waiting", "SELECT campaign.report_waiting($1::text, $2::text, $3::int8)", 3};

/* waiting_ms NULL: no longer. False if PostgreSQL did not take it. */
static bool tell(const Pipeline *pipeline, const char *waiting_ms)
{
	PgConnection postgres = report_pgconn(pipeline->config);
	const char *values[] = {pipeline->queue, "MongoDB", waiting_ms};
	PGresult *result = NULL;
	Error error = {0};

	postgres.timeout_s = WAITING_TIMEOUT_S;
	postgres.answer_timeout_s = WAITING_TIMEOUT_S;
	if (pgconn_open(&postgres, &error) && pgconn_prepare(&postgres, &STATEMENT, &error) &&
		pgconn_send(&postgres, &STATEMENT, values, &error))
		result = pgconn_result(&postgres, STATEMENT.name, &error);
	pgconn_close(&postgres);
	PQclear(result);
	return result != NULL;
}

static bool due(Waiting *waiting)
{
	int64_t now = clock_ms();

	if (now < waiting->tell_ms)
		return false;
	waiting->tell_ms = now + WAITING_TELL_MS;
	return true;
}

void waiting_began(Pipeline *pipeline)
{
	Waiting *waiting = &pipeline->waiting;
	char digits[24];

	if (waiting->since_ms == 0)
		waiting->since_ms = clock_ms();
	if (waiting->told || !due(waiting))
		return;
	snprintf(digits, sizeof(digits), "%" PRId64, clock_ms() - waiting->since_ms);
	waiting->told = tell(pipeline, digits);
	/* Even if it came to nothing: the answer may have been lost. */
	waiting->clean = false;
}

void waiting_ended(Pipeline *pipeline)
{
	Waiting *waiting = &pipeline->waiting;

	waiting->since_ms = 0;
	waiting->told = false;
	/* What a lane before this one has told, too. */
	if (waiting->clean || !due(waiting))
		return;
	waiting->clean = tell(pipeline, NULL);
}
