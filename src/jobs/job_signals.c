/*
 * job_signals.c - what a transaction that commits does to job workers: wakes one, interrupts one.
 *
 * Must never do anything in a commit callback but set latches and send signals.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "job_slots.h"

/* Of the (sub)transaction that asked for it: one that is rolled back interrupts nobody. */
typedef struct Interrupt
{
	SubTransactionId subtransaction;
	char job_id[JOB_ID_MAX + 1];
} Interrupt;

/* What the current transaction does if it commits. */
static bool wake_pending = false;
static List *interrupts_pending = NIL; /* Interrupt *, in TopTransactionContext */
static bool callback_registered = false;

PG_FUNCTION_INFO_V1(campaign_job_wake);
PG_FUNCTION_INFO_V1(campaign_job_interrupt);

static void carry_out_pending(void)
{
	ListCell *cell;

	if (wake_pending)
		job_slots_wake();
	foreach (cell, interrupts_pending)
	{
		job_slots_interrupt(((Interrupt *) lfirst(cell))->job_id);
	}
}

static void on_transaction_end(XactEvent event, void *argument)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			carry_out_pending();
			/* FALLTHROUGH */
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			wake_pending = false;
			interrupts_pending = NIL;
			break;
		default:
			break;
	}
}

static void on_subtransaction_end(SubXactEvent event, SubTransactionId own_id,
								  SubTransactionId parent_id, void *argument)
{
	ListCell *cell;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	foreach (cell, interrupts_pending)
	{
		Interrupt *interrupt = lfirst(cell);

		if (interrupt->subtransaction != own_id)
			continue;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			interrupt->subtransaction = parent_id;
		else
			interrupts_pending = foreach_delete_current(interrupts_pending, cell);
	}
}

static void register_callback(void)
{
	if (callback_registered)
		return;
	RegisterXactCallback(on_transaction_end, NULL);
	RegisterSubXactCallback(on_subtransaction_end, NULL);
	callback_registered = true;
}

void job_slots_wake_at_commit(void)
{
	if (!job_slots_exist())
		return;
	register_callback();
	wake_pending = true;
}

Datum campaign_job_wake(PG_FUNCTION_ARGS)
{
	job_slots_wake_at_commit();
	PG_RETURN_VOID();
}

Datum campaign_job_interrupt(PG_FUNCTION_ARGS)
{
	char *job_id = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Interrupt *interrupt;
	MemoryContext old;

	if (!job_slots_exist() || job_id[0] == '\0')
		PG_RETURN_BOOL(false);
	register_callback();
	old = MemoryContextSwitchTo(TopTransactionContext);
	interrupt = palloc0(sizeof(Interrupt));
	interrupt->subtransaction = GetCurrentSubTransactionId();
	strlcpy(interrupt->job_id, job_id, sizeof(interrupt->job_id));
	interrupts_pending = lappend(interrupts_pending, interrupt);
	MemoryContextSwitchTo(old);
	PG_RETURN_BOOL(job_slots_find(job_id));
}
