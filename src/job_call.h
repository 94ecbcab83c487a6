/*
 * job_call.h - calls a function that somebody has registered, with the rights
 * of that function's owner.
 */
#ifndef CAMPAIGN_JOB_CALL_H
#define CAMPAIGN_JOB_CALL_H

#include "postgres.h"

/*
 * Calls the function of this qualified name with these arguments (jsonb is what it must return):
 * as its owner, with search_path pg_catalog, pg_temp, and with every setting that it changes put
 * back afterwards. An error if there is no such function. *is_null: it returned NULL.
 *
 * If the function raises an error, the caller's (sub)transaction ends, and with it the owner's
 * rights and the changed settings.
 */
Datum job_call(const char *name, int argument_count, const Oid *types, Datum *arguments,
			   bool *is_null);

#endif /* CAMPAIGN_JOB_CALL_H */
