/*
 * pgconn.c - connecting, sending, waiting; see pgconn.h.
 *
 * Must never wait without a deadline, nor use a connection after a failure: the
 * next use opens a new one.
 */
#include "pgconn.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "retry.h"
#include "sometimes.h"
#include "stop.h"

#define ANSWER_TIMEOUT_MS	 60000 /* a lock may be held for a while */
#define STATEMENT_TIMEOUT_MS "50000"
#define STOP_TIMEOUT_MS		 5000 /* once a stop was requested */

#define STATE_READ_ONLY	   "25006"
#define STATE_LOCK_TIMEOUT "55P03"
#define STATE_CLASS_DATA   "22"

/* The first line of what libpq says: the rest guesses at reasons. */
static bool failed(Error *error, ErrorCode code, const char *what, const char *text)
{
	return error_set(error, code, "%s: %.*s", what, (int) strcspn(text, "\n"), text);
}

/* Without this, libpq writes notices to standard error, past the log. */
static void ignore_notice(void *unused, const char *text)
{
	(void) unused;
	log_line(LOG_DEBUG, text, {"server", "PostgreSQL", 0});
}

/* libpq gives no SQLSTATE here; an answering server says FATAL. */
static ErrorCode connection_error_code(const char *text)
{
	bool refused = strstr(text, "FATAL:") != NULL && strstr(text, "starting up") == NULL &&
				   strstr(text, "shutting down") == NULL && strstr(text, "recovery mode") == NULL;

	return refused ? ERROR_REFUSED : ERROR_UNREACHABLE;
}

bool pgconn_is_open(const PgConnection *postgres)
{
	return postgres->connection != NULL && PQstatus(postgres->connection) == CONNECTION_OK;
}

void pgconn_close(PgConnection *postgres)
{
	PQfinish(postgres->connection);
	postgres->connection = NULL;
}

/* Sets the error and drops the connection: nothing is known of its state. */
static bool lost(PgConnection *postgres, const char *what, const char *text, Error *error)
{
	(void) failed(error, ERROR_UNREACHABLE, what, text);
	pgconn_close(postgres);
	return false;
}

/* An SQL error: the connection is fine, but somebody has to act, or to end a transaction. */
static bool refused(PgConnection *postgres, const PGresult *result, const char *what, Error *error)
{
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	ErrorCode code = ERROR_REFUSED;

	if (state != NULL && strcmp(state, STATE_LOCK_TIMEOUT) == 0)
		code = ERROR_LOCKED;
	snprintf(postgres->sqlstate, sizeof(postgres->sqlstate), "%s", state != NULL ? state : "");
	return error_set(error, code, "%s: %s (SQLSTATE %s)", what,
					 text != NULL ? text : "unknown error", state != NULL ? state : "unknown");
}

/* Another server is the primary now: only a new connection finds it. */
static bool is_read_only(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state != NULL && strcmp(state, STATE_READ_ONLY) == 0;
}

/* Waits until the answer has arrived whole. */
static bool await(PgConnection *postgres, const char *what, Error *error)
{
	int64_t limit_ms = postgres->answer_timeout_s * INT64_C(1000);
	int64_t deadline = clock_ms() + (limit_ms > 0 ? limit_ms : ANSWER_TIMEOUT_MS);
	bool stopping = false;

	while (PQisBusy(postgres->connection))
	{
		struct pollfd wait[2] = {{.fd = PQsocket(postgres->connection), .events = POLLIN},
								 {.fd = stop_descriptor(), .events = POLLIN}};

		if (!stopping && stop_requested())
		{
			stopping = true;
			if (deadline > clock_ms() + STOP_TIMEOUT_MS)
				deadline = clock_ms() + STOP_TIMEOUT_MS;
		}
		if (clock_ms() >= deadline)
		{
			SOMETIMES("program.no_answer");
			return lost(postgres, what, "no answer", error);
		}
		/* The stop is readable for ever: look at it once. */
		if (poll(wait, stopping ? 1 : 2, 1000) == 0 && postgres->tick != NULL)
			postgres->tick(postgres->tick_argument);
		if (wait[0].revents != 0 && !PQconsumeInput(postgres->connection))
			return lost(postgres, what, PQerrorMessage(postgres->connection), error);
	}
	return true;
}

bool pgconn_is_answered(PgConnection *postgres, int wait_ms)
{
	int64_t until_ms = clock_ms() + wait_ms;

	while (PQisBusy(postgres->connection))
	{
		struct pollfd wait = {.fd = PQsocket(postgres->connection), .events = POLLIN};

		if (poll(&wait, 1, (int) clock_left_ms(until_ms)) > 0 &&
			!PQconsumeInput(postgres->connection))
			return true;
		if (clock_ms() >= until_ms)
			return !PQisBusy(postgres->connection);
	}
	return true;
}

PGresult *pgconn_result(PgConnection *postgres, const char *what, Error *error)
{
	PGresult *result = NULL;
	PGresult *next;

	for (;;)
	{
		if (!await(postgres, what, error))
		{
			PQclear(result);
			return NULL;
		}
		next = PQgetResult(postgres->connection);
		if (next == NULL)
			break;
		PQclear(result);
		result = next;
	}
	if (result != NULL &&
		(PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK))
		return result;
	if (result == NULL || PQstatus(postgres->connection) != CONNECTION_OK)
		(void) lost(postgres, what, PQerrorMessage(postgres->connection), error);
	else if (is_read_only(result))
	{
		SOMETIMES("program.read_only");
		(void) lost(postgres, what, PQresultErrorMessage(result), error);
	}
	else
		(void) refused(postgres, result, what, error);
	PQclear(result);
	return NULL;
}

bool pgconn_refused_data(const PgConnection *postgres, const Error *error)
{
	return pgconn_is_open(postgres) && error->code == ERROR_REFUSED &&
		   strncmp(postgres->sqlstate, STATE_CLASS_DATA, strlen(STATE_CLASS_DATA)) == 0;
}

bool pgconn_prepare(PgConnection *postgres, const PgStatement *statement, Error *error)
{
	PGresult *result;

	if (postgres->pooled)
		return true;
	if (!PQsendPrepare(postgres->connection, statement->name, statement->sql, statement->parameters,
					   NULL))
		return lost(postgres, statement->name, PQerrorMessage(postgres->connection), error);
	result = pgconn_result(postgres, statement->name, error);
	PQclear(result);
	return result != NULL;
}

bool pgconn_send(PgConnection *postgres, const PgStatement *statement, const char *const *values,
				 Error *error)
{
	int sent = postgres->pooled
				   ? PQsendQueryParams(postgres->connection, statement->sql, statement->parameters,
									   NULL, values, NULL, NULL, 0)
				   : PQsendQueryPrepared(postgres->connection, statement->name,
										 statement->parameters, values, NULL, NULL, 0);

	if (sent)
		return true;
	return lost(postgres, statement->name, PQerrorMessage(postgres->connection), error);
}

PGresult *pgconn_execute(PgConnection *postgres, const char *what, const char *sql, Error *error)
{
	if (PQsendQuery(postgres->connection, sql))
		return pgconn_result(postgres, what, error);
	(void) lost(postgres, what, PQerrorMessage(postgres->connection), error);
	return NULL;
}

/*
 * Behind pgbouncer, the process id that libpq has is not one of the server's. In its transaction
 * mode nothing may be left in the session: no setting, no prepared statement. A pooler lets us in
 * before it has a session for us, so these are waited for like any other answer.
 */
static bool begin_session(PgConnection *postgres, Error *error)
{
	PGresult *result =
		pgconn_execute(postgres, "cannot connect", "SELECT pg_catalog.pg_backend_pid()", error);

	if (result == NULL)
		return false;
	postgres->pooled =
		strtol(PQgetvalue(result, 0, 0), NULL, 10) != PQbackendPID(postgres->connection);
	PQclear(result);
	SOMETIMES_IF(postgres->pooled, "program.pooled");
	if (postgres->pooled)
		return true;
	/*
	 * A statement that we have given up on must not go on waiting in the server with its locks.
	 * Behind a pooler the setting would stay with whoever has the session next.
	 */
	result = pgconn_execute(postgres, "cannot connect",
							"SET statement_timeout = " STATEMENT_TIMEOUT_MS, error);
	PQclear(result);
	return result != NULL;
}

bool pgconn_open(PgConnection *postgres, Error *error)
{
	char timeout[12];
	/* What comes before dbname is a default, which the URL may override. */
	const char *const names[] = {"application_name", "connect_timeout", "keepalives_idle",
								 "keepalives_interval", "keepalives_count", "tcp_user_timeout",
								 "client_encoding",
								 /* After a failover, the old primary must not be used. */
								 "target_session_attrs", "dbname", NULL};
	const char *const values[] = {postgres->program, timeout, "10",			"5",		   "3",
								  "30000",			 "UTF8",  "read-write", postgres->url, NULL};
	PGconn *connection;

	if (pgconn_is_open(postgres))
		return true;
	pgconn_close(postgres);
	snprintf(timeout, sizeof(timeout), "%d", postgres->timeout_s);
	connection = PQconnectdbParams(names, values, 1);
	if (connection == NULL)
		return error_set(error, ERROR_MEMORY, "out of memory");
	if (PQstatus(connection) != CONNECTION_OK)
	{
		const char *text = PQerrorMessage(connection);

		(void) failed(error, connection_error_code(text), "cannot connect", text);
		PQfinish(connection);
		return false;
	}
	(void) PQsetNoticeProcessor(connection, ignore_notice, NULL);
	postgres->connection = connection;
	if (begin_session(postgres, error))
		return true;
	/* Whatever it said: the next try may find another session. */
	pgconn_close(postgres);
	error->code = ERROR_UNREACHABLE;
	return false;
}

bool pgconn_keep_session(PgConnection *postgres, Error *error)
{
	/* As on our side. While an answer is on its way, nothing but the last one notices the end. */
	static const char sql[] = "SET idle_session_timeout = 0; SET tcp_keepalives_idle = 10; "
							  "SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; "
							  "SET tcp_user_timeout = 30000";
	PGresult *result = pgconn_execute(postgres, "cannot keep the session", sql, error);

	PQclear(result);
	return result != NULL;
}

bool pgconn_may_execute(PgConnection *postgres, const char *signature, Error *error)
{
	static const char sql[] = "SELECT has_schema_privilege('campaign', 'USAGE') AND "
							  "has_function_privilege(($1::regprocedure)::oid, 'EXECUTE')";
	const char *values[] = {signature};
	PGresult *result;
	bool done;

	if (!PQsendQueryParams(postgres->connection, sql, 1, NULL, values, NULL, NULL, 0))
		return lost(postgres, signature, PQerrorMessage(postgres->connection), error);
	result = pgconn_result(postgres, signature, error);
	if (result == NULL)
		return false;
	done = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
	if (!done)
		error_set(error, ERROR_REFUSED, "%s may not execute %s: log in as %s",
				  PQuser(postgres->connection), signature, postgres->role);
	PQclear(result);
	return done;
}
