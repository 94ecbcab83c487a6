/*
 * pgconn.h - a connection to PostgreSQL that is waited for with a deadline, of
 * the consumer's lanes and of the mailer.
 *
 * No statement of its own but what makes the session: report.c and the mailer's
 * queue.c have those.
 */
#ifndef CAMPAIGN_CONSUMER_POSTGRES_H
#define CAMPAIGN_CONSUMER_POSTGRES_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "contract/error.h"

typedef struct Postgres
{
	const char *url;	  /* secret */
	const char *program;  /* the application_name */
	const char *role;	  /* who to log in as, for errors */
	int timeout_s;		  /* to connect */
	void (*tick)(void *); /* called about every second of a wait; NULL: not */
	void *tick_argument;
	PGconn *connection; /* NULL: none */
} Postgres;

typedef struct PostgresStatement
{
	const char *name;
	const char *sql;
	int parameters;
} PostgresStatement;

/* Opens the connection (blocks up to its timeout), unless it is open. */
bool postgres_open(Postgres *postgres, Error *error);

void postgres_close(Postgres *postgres);

/* Open, as far as is known. */
bool postgres_is_open(const Postgres *postgres);

/* Makes a statement known to the session. */
bool postgres_prepare(Postgres *postgres, const PostgresStatement *statement, Error *error);

/* Sends a prepared statement; postgres_result() waits for the answer. */
bool postgres_send(Postgres *postgres, const PostgresStatement *statement,
				   const char *const *values, Error *error);

/*
 * The answer of what was sent; the caller clears it. NULL and *error: with
 * ERROR_REFUSED the session is fine, and this statement failed; else the
 * connection is closed, and nobody knows what the server has done.
 */
PGresult *postgres_result(Postgres *postgres, const char *what, Error *error);

/* A statement, or several in one string, without parameters; the last one's answer. */
PGresult *postgres_execute(Postgres *postgres, const char *what, const char *sql, Error *error);

/* Whether the login may execute a function, given by its signature. */
bool postgres_may_execute(Postgres *postgres, const char *signature, Error *error);

#endif /* CAMPAIGN_CONSUMER_POSTGRES_H */
