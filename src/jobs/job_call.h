/*
 * job_call.h - calls a function that somebody has registered, with the rights
 * of that function's owner.
 */
#ifndef CAMPAIGN_JOB_CALL_H
#define CAMPAIGN_JOB_CALL_H

#include "postgres.h"

/*
 * Calls the handler of this qualified name, f(text, jsonb) RETURNS jsonb: as its owner, with
 * search_path pg_catalog, pg_temp. Deferred triggers are fired, cursors closed, temporary tables
 * dropped, and every setting that it changes put back. An error if there is no such function.
 * *is_null: it returned NULL.
 *
 * In a subtransaction, outside of any query. If the handler raises an error, the caller ends the
 * subtransaction, and with it the owner's rights and the changed settings.
 */
Datum job_call_handler(const char *name, const char *job_id, Datum meta, bool *is_null);

#endif /* CAMPAIGN_JOB_CALL_H */
