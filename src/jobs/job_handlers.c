/*
 * job_handlers.c - the handlers of the shipped types that are written in C:
 * between the queue and the pure computations of fibonacci.c and pi.c.
 *
 * Must answer to a cancel and to a shutdown within a moment, even in the middle
 * of a long computation.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/wait_event.h"

#include "fibonacci.h"
#include "job_slots.h"
#include "pi.h"
#include "program/clock.h"

#define COUNTDOWN_STEP_MS 1000

PG_FUNCTION_INFO_V1(campaign_job_countdown);
PG_FUNCTION_INFO_V1(campaign_job_fibonacci);
PG_FUNCTION_INFO_V1(campaign_job_pi);

/* A number of the metadata, which the type's prepare function has checked. */
static double meta_number(Jsonb *meta, const char *key)
{
	JsonbValue value;

	if (getKeyJsonValueFromContainer(&meta->root, key, strlen(key), &value) == NULL ||
		value.type != jbvNumeric)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("metadata: \"%s\" must be a number", key)));
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(value.val.numeric)));
}

Datum campaign_job_countdown(PG_FUNCTION_ARGS)
{
	char *job_id = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Jsonb *meta = PG_GETARG_JSONB_P(1);
	double total_ms = meta_number(meta, "seconds") * 1000;
	int64 start_ms = clock_ms();

	for (;;)
	{
		int64 elapsed_ms = clock_ms() - start_ms;
		double left_ms = total_ms - (double) elapsed_ms;

		CHECK_FOR_INTERRUPTS();
		if (left_ms <= 0)
			break;
		job_slots_progress(job_id, (int) (100 * (double) elapsed_ms / total_ms));
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 (long) ceil(Min(left_ms, COUNTDOWN_STEP_MS)), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	PG_RETURN_JSONB_P(meta);
}

/* Computations --------------------------------------------------------------------------------- */

/* The context is the job's id. */
static bool keep_going(void *context, int percent)
{
	job_slots_progress(context, percent);
	/* A process that outlives the postmaster keeps the next one from starting. */
	return !QueryCancelPending && !ProcDiePending && PostmasterIsAlive();
}

static void require_done(ComputationResult result)
{
	if (result == COMPUTATION_DONE)
		return;
	CHECK_FOR_INTERRUPTS();
	if (!PostmasterIsAlive())
		proc_exit(1);
	ereport(ERROR, (errcode(result == COMPUTATION_NO_MEMORY ? ERRCODE_OUT_OF_MEMORY
							: result == COMPUTATION_STOPPED ? ERRCODE_OPERATOR_INTERVENTION
															: ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("computation: %s", computation_text(result))));
}

static Datum answer(const char *key, long number, const char *digits)
{
	return DirectFunctionCall1(
		jsonb_in,
		CStringGetDatum(psprintf("{\"%s\": %ld, \"value\": \"%s\"}", key, number, digits)));
}

Datum campaign_job_fibonacci(PG_FUNCTION_ARGS)
{
	char *job_id = text_to_cstring(PG_GETARG_TEXT_PP(0));
	long n = (long) meta_number(PG_GETARG_JSONB_P(1), "n");
	size_t size = FIBONACCI_SIZE(Min(Max(n, 0), FIBONACCI_N_MAX));
	char *digits = palloc(size);

	require_done(fibonacci(n, keep_going, job_id, digits, size));
	return answer("n", n, digits);
}

Datum campaign_job_pi(PG_FUNCTION_ARGS)
{
	char *job_id = text_to_cstring(PG_GETARG_TEXT_PP(0));
	long count = (long) meta_number(PG_GETARG_JSONB_P(1), "digits");
	size_t size = PI_SIZE(Min(Max(count, 0), PI_DIGITS_MAX));
	char *digits = palloc(size);

	require_done(pi_decimals(count, keep_going, job_id, digits, size));
	return answer("digits", count, digits);
}
