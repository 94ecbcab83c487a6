/*
 * plpgsql_http.c - the language of the functions behind HTTP: PL/pgSQL, but that an error leaves
 * them with a code of which PostgREST makes the right status.
 *
 * In the functions themselves this would be the same exception handler in each, and a
 * subtransaction for each request. The functions for SQL go on to raise what SQL callers look for.
 *
 * An error that has no status here was not written for the client, and its detail may hold the
 * row that failed (a violated check): only its code and message get out.
 */
#include "postgres.h"

#include "fmgr.h"

#include "raise.h"

#define STATUS(a, b, c) MAKE_SQLSTATE('P', 'T', a, b, c)

PG_FUNCTION_INFO_V1(campaign_plpgsql_http);

static const struct
{
	int code;
	int status;
} STATUSES[] = {
	{ERRCODE_INVALID_PARAMETER_VALUE, STATUS('4', '2', '2')},
	{ERRCODE_FOREIGN_KEY_VIOLATION, STATUS('4', '2', '2')},
	{ERRCODE_PROGRAM_LIMIT_EXCEEDED, STATUS('4', '2', '2')},
	{ERRCODE_UNIQUE_VIOLATION, STATUS('4', '0', '9')},
	{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, STATUS('4', '0', '9')},
	{ERRCODE_NO_DATA_FOUND, STATUS('4', '0', '4')},
};

/* 0: none. */
static int status_of(int code)
{
	if (strncmp(unpack_sql_state(code), "PT", 2) == 0)
		return code;
	for (size_t i = 0; i < lengthof(STATUSES); i++)
	{
		if (STATUSES[i].code == code)
			return STATUSES[i].status;
	}
	return 0;
}

/* What is an argument in SQL is a field of the body here. */
static const char *hint_for_client(const char *hint)
{
	static const char argument[] = "pass skip_invalid => true";
	const char *found = hint != NULL ? strstr(hint, argument) : NULL;

	if (found == NULL)
		return hint;
	return psprintf("%.*ssend \"skip_invalid\": true%s", (int) (found - hint), hint,
					found + strlen(argument));
}

/* Does not return. */
static void raise_for_client(const ErrorData *error)
{
	int status = status_of(error->sqlerrcode);

	if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED)
		raise_error(STATUS('5', '0', '3'), pstrdup("another request is working on the same thing"),
					NULL, "Nothing was changed. Try again.");
	if (status == 0)
		raise_error(error->sqlerrcode, error->message, NULL, NULL);
	raise_error(status, error->message, error->detail, hint_for_client(error->hint));
}

/* The handler of the language: runs the function that PostgreSQL wants to call. */
Datum campaign_plpgsql_http(PG_FUNCTION_ARGS)
{
	static PGFunction plpgsql = NULL;
	MemoryContext context = CurrentMemoryContext;
	volatile Datum result = (Datum) 0;

	if (plpgsql == NULL)
		plpgsql = load_external_function("$libdir/plpgsql", "plpgsql_call_handler", true, NULL);
	PG_TRY();
	{
		result = plpgsql(fcinfo);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		/* WHEN OTHERS would not catch these either. */
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			error->sqlerrcode == ERRCODE_ASSERT_FAILURE)
			PG_RE_THROW();
		FlushErrorState();
		raise_for_client(error);
	}
	PG_END_TRY();
	return result;
}
