/*
 * request.c - campaign.request_body(): the JSON that a request over HTTP has sent, as PostgREST
 * binds it to its statement, before PostgreSQL makes columns and arguments of it. What is made
 * of it is decided by sql/50_api_types.sql.
 *
 * Must never fail because there is no body: the same functions are called from SQL.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/params.h"
#include "tcop/pquery.h"
#include "utils/portal.h"

PG_FUNCTION_INFO_V1(campaign_request_body);

/* The first parameter of the type json of the statement that the client has sent; NULL without
 * one. It belongs to the statement, and lives as long. */
Datum campaign_request_body(PG_FUNCTION_ARGS)
{
	ParamListInfo sent = ActivePortal == NULL ? NULL : ActivePortal->portalParams;

	for (int i = 0; sent != NULL && i < sent->numParams; i++)
		if (sent->params[i].ptype == JSONOID && !sent->params[i].isnull)
			PG_RETURN_DATUM(sent->params[i].value);
	PG_RETURN_NULL();
}
