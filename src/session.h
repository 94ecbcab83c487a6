/*
 * session.h - the session of a background worker: how it connects, and short
 * transactions with prepared statements in it.
 *
 * SPI only. Errors are PostgreSQL's: a worker that does not catch them ends and is
 * started again.
 */
#ifndef CAMPAIGN_SESSION_H
#define CAMPAIGN_SESSION_H

#include "postgres.h"

#include "executor/spi.h"

#define SESSION_ROLE		  "campaign_worker"
#define SESSION_ARGUMENTS_MAX 6

/* A statement, prepared when it is first used and kept as long as the process lives. */
typedef struct SessionQuery
{
	const char *text;
	int argument_count;
	Oid types[SESSION_ARGUMENTS_MAX];
	SPIPlanPtr plan;
} SessionQuery;

/* The initial value of one: its text, and the types of its arguments. */
#define SESSION_QUERY(query, ...)                                                                  \
	{                                                                                              \
		.text = (query), .argument_count = lengthof(((Oid[]){InvalidOid, ##__VA_ARGS__})) - 1,     \
		.types = {                                                                                 \
			__VA_ARGS__                                                                            \
		}                                                                                          \
	}

/*
 * Signals, its place among the workers (roster.h), and a connection to the database that bgw_extra
 * names, as SESSION_ROLE. Settings of the database or the role that are meant for people (timeouts,
 * read only, search_path) have no effect. A cancel (SIGINT) is ignored.
 */
void session_start(void);

/* Sets a setting for the session, as SET does. */
void session_set(const char *name, const char *value);

/*
 * Whether the extension is in this database, in the version of this library; in a transaction of
 * its own. With another version nothing may be called: the campaign worker says once, with a
 * WARNING, what has to be done, and the caller looks again later.
 */
bool session_ready(void);

/* Reads the configuration again if a SIGHUP asked for it; true if one did. */
bool session_reload(void);

/* A transaction with a snapshot and SPI; its end, with the memory context from before. */
void session_begin(void);
void session_finish(void);

/*
 * Executes a SELECT; the rows are in SPI_tuptable. `nulls` as for SPI_execute_plan(); NULL: no
 * argument is.
 */
void session_execute(SessionQuery *query, Datum *values, const char *nulls);

/* A column (from 1) of a row of the result. An error if it is NULL. */
Datum session_column(uint64 row, int number);

/* The same, as a string that fits into `size` bytes with its NUL. */
void session_column_text(uint64 row, int number, char *out, size_t size);

#endif /* CAMPAIGN_SESSION_H */
