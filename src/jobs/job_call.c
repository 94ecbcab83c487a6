/*
 * job_call.c - calls registered functions; see job_call.h.
 *
 * Must never call one with the rights of the caller: whoever may register a
 * type would have the worker's or the extension owner's.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/portal.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "job_call.h"

PG_FUNCTION_INFO_V1(campaign_job_prepare);

/*
 * The function and its owner, as they are now: both may have changed since it was registered.
 * Without looking at the rights of the caller, who may not even see into that schema: the owner's
 * count, and the owner has registered it.
 */
static Oid find_function(const char *name, int argument_count, const Oid *types, Oid *owner)
{
	List *names = stringToQualifiedNameList(name
#if PG_VERSION_NUM >= 160000
											,
											NULL
#endif
	);
	Oid schema = get_namespace_oid(strVal(linitial(names)), true);
	Oid function = InvalidOid;
	HeapTuple tuple = NULL;
	Form_pg_proc row;
	bool fits;

	if (OidIsValid(schema) && list_length(names) == 2)
		tuple = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum(strVal(lsecond(names))),
								PointerGetDatum(buildoidvector(types, argument_count)),
								ObjectIdGetDatum(schema));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("function %s, which a job type names, does not exist", name)));
	row = (Form_pg_proc) GETSTRUCT(tuple);
	function = row->oid;
	*owner = row->proowner;
	fits = row->prorettype == JSONBOID && !row->proretset && row->prokind == PROKIND_FUNCTION;
	ReleaseSysCache(tuple);
	if (!fits)
		ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
						errmsg("function %s does not return jsonb", name)));
	return function;
}

static Datum call(Oid function, int argument_count, Datum *arguments, bool *is_null)
{
	LOCAL_FCINFO(fcinfo, FUNC_MAX_ARGS);
	FmgrInfo flinfo;
	Datum result;

	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, argument_count, InvalidOid, NULL, NULL);
	for (int i = 0; i < argument_count; i++)
	{
		fcinfo->args[i].value = arguments[i];
		fcinfo->args[i].isnull = false;
	}
	result = FunctionCallInvoke(fcinfo);
	*is_null = fcinfo->isnull;
	return result;
}

/* `restriction`: of the security context; `end`: what else is done as the owner, or NULL. */
static Datum call_as_owner(const char *name, int argument_count, const Oid *types, Datum *arguments,
						   int restriction, void (*end)(void), bool *is_null)
{
	Oid owner;
	Oid function = find_function(name, argument_count, types, &owner);
	int nest_level = NewGUCNestLevel();
	int old_context;
	Oid old_user;
	Datum result;

	GetUserIdAndSecContext(&old_user, &old_context);
	SetUserIdAndSecContext(owner, old_context | restriction);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	result = call(function, argument_count, arguments, is_null);
	/* It may lie in a temporary table. */
	if (!*is_null)
		result = PointerGetDatum(PG_DETOAST_DATUM_COPY(result));
	CommandCounterIncrement();
	if (end != NULL)
		end();
	/* "false": what the function has set is put back, even with SET and not SET LOCAL. */
	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(old_user, old_context);
	return result;
}

/*
 * At the commit, deferred triggers and the queries of cursors WITH HOLD would be run with the
 * worker's rights, and nothing could be written down any more about what they fail with. Temporary
 * tables would be there for the next job, which may be somebody else's.
 */
static void leave_nothing(void)
{
	AfterTriggerFireDeferred();
	PortalHashTableDeleteAll();
	ResetTempTableNamespace();
}

Datum job_call_handler(const char *name, const char *job_id, Datum meta, bool *is_null)
{
	static const Oid types[] = {TEXTOID, JSONBOID};
	Datum arguments[] = {CStringGetTextDatum(job_id), meta};

	return call_as_owner(name, lengthof(types), types, arguments, SECURITY_LOCAL_USERID_CHANGE,
						 leave_nothing, is_null);
}

/* Restricted: it can leave nothing behind that runs with the caller's rights at its commit. */
Datum campaign_job_prepare(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {JSONBOID};
	Datum arguments[1];
	Datum result;
	bool is_null;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	arguments[0] = PG_GETARG_DATUM(1);
	result =
		call_as_owner(text_to_cstring(PG_GETARG_TEXT_PP(0)), lengthof(types), types, arguments,
					  SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION, NULL, &is_null);
	if (is_null)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}
