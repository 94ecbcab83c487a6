/*
 * patience.c - the clock of a mail's dialogue; see patience.h.
 */
#include "patience.h"

#include "program/clock.h"
#include "program/sometimes.h"
#include "program/stop.h"

/*
 * Once a stop was requested. The program ends after 8.5 seconds (program.c), of which PostgreSQL
 * needs some. A server that has the whole mail gets all the others: not waited for, the mail is
 * sent again.
 */
#define STOP_MS		4000
#define STOP_END_MS 7000

void patience_begin(Patience *patience)
{
	patience->stop_ms = 0;
	patience->bytes = 0;
	patience->too_slow_s = 0;
	patience_step(patience);
}

void patience_step(Patience *patience)
{
	patience->step_ms = clock_ms();
}

static int limit_s(const Config *config, DialogPhase phase)
{
	switch (phase)
	{
		case DIALOG_CONNECT:
			return config->timeout_s;
		case DIALOG_END:
			return config->answer_timeout_s;
		default:
			return config->send_timeout_s;
	}
}

long patience_longest_s(const Config *config)
{
	return 10L + config->timeout_s + config->send_timeout_s + config->answer_timeout_s;
}

static bool stop_is_due(Patience *patience, DialogPhase phase)
{
	int limit_ms = phase == DIALOG_END ? STOP_END_MS : STOP_MS;

	if (!stop_requested())
		return false;
	if (patience->stop_ms == 0)
		patience->stop_ms = clock_ms();
	return clock_ms() - patience->stop_ms >= limit_ms;
}

static bool server_is_too_slow(Patience *patience, DialogPhase phase, int64_t bytes)
{
	int seconds = limit_s(patience->config, phase);

	if (bytes > patience->bytes)
	{
		patience->bytes = bytes;
		patience_step(patience);
	}
	if (clock_ms() - patience->step_ms < seconds * INT64_C(1000))
		return false;
	SOMETIMES("mailer.patience_ended");
	patience->too_slow_s = seconds;
	return true;
}

bool patience_is_over(Patience *patience, DialogPhase phase, int64_t bytes)
{
	return stop_is_due(patience, phase) || server_is_too_slow(patience, phase, bytes);
}
