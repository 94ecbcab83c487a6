/*
 * pgconn.h - a connection to PostgreSQL that is waited for with a deadline, of
 * the consumer's lanes and of the mailer.
 *
 * Its only statements are those that set up and check the session; report.c and the
 * mailer's queue.c have the others.
 */
#ifndef CAMPAIGN_PROGRAM_PGCONN_H
#define CAMPAIGN_PROGRAM_PGCONN_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "contract/error.h"

typedef struct PgConnection
{
	const char *url;	  /* secret */
	const char *program;  /* the application_name */
	const char *role;	  /* role to log in as, for errors */
	int timeout_s;		  /* to connect */
	int answer_timeout_s; /* for an answer; 0: a minute */
	void (*tick)(void *); /* called about every second of a wait; NULL: not */
	void *tick_argument;
	PGconn *connection; /* NULL: none */
	char sqlstate[6];	/* of the last statement that the server refused */
	bool pooled;		/* a pooler is between: each transaction may have another session */
} PgConnection;

typedef struct PgStatement
{
	const char *name;
	const char *sql;
	int parameters;
} PgStatement;

/*
 * Opens the connection (blocks up to its timeout), unless it is open. A pooler may let it wait for
 * its session: no longer than for any other answer.
 */
bool pgconn_open(PgConnection *postgres, Error *error);

void pgconn_close(PgConnection *postgres);

/* Open, as far as is known. */
bool pgconn_is_open(const PgConnection *postgres);

/* Prepares a statement in the session, unless a pooler may give it another session later. */
bool pgconn_prepare(PgConnection *postgres, const PgStatement *statement, Error *error);

/* Sends a statement that was prepared; pgconn_result() waits for the answer. */
bool pgconn_send(PgConnection *postgres, const PgStatement *statement, const char *const *values,
				 Error *error);

/* Waits up to `wait_ms` for the answer. True: pgconn_result() has it, or an error, at once. */
bool pgconn_is_answered(PgConnection *postgres, int wait_ms);

/*
 * The answer of what was sent; the caller clears it. NULL and *error: with
 * ERROR_REFUSED or ERROR_LOCKED the session is fine, and this statement failed; else the
 * connection is closed, and nobody knows what the server has done.
 */
PGresult *pgconn_result(PgConnection *postgres, const char *what, Error *error);

/* The statement that failed so was refused because of its data (SQLSTATE class 22). */
bool pgconn_refused_data(const PgConnection *postgres, const Error *error);

/* A statement, or several in one string, without parameters; the answer to the last one. */
PGresult *pgconn_execute(PgConnection *postgres, const char *what, const char *sql, Error *error);

/*
 * For a session that others wait for: no limit that a role, a database or postgresql.conf sets ends
 * it while it is idle, and if this machine vanishes, the server ends it within half a minute.
 */
bool pgconn_keep_session(PgConnection *postgres, Error *error);

/* Whether the login may execute a function, given by its signature. */
bool pgconn_may_execute(PgConnection *postgres, const char *signature, Error *error);

#endif /* CAMPAIGN_PROGRAM_PGCONN_H */
