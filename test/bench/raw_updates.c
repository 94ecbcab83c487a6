/*
 * raw_updates.c - one UPDATE of one row and its COMMIT at a time, by several
 * connections: what a job cannot be cheaper than, because its end is written so.
 *
 *     raw_updates TABLE CONNECTIONS COUNT      (DATABASE_URL)
 *
 * TABLE has rows with the ids 1 to COUNT and a column `status`; each is updated
 * once. The connections are made and the statement is prepared before the clock
 * starts; synchronous_commit is on.
 *
 * links: libpq -lpthread
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <string.h>

#include "clock.h"

#define CONNECTIONS_MAX 64

typedef struct Client
{
	PGconn *connection;
	pthread_t thread;
	long first;
	long step;
	long count;
} Client;

static void check(PGconn *connection, PGresult *result)
{
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		clock_fail("update", PQerrorMessage(connection));
	PQclear(result);
}

static PGconn *open_connection(const char *table)
{
	PGconn *connection = PQconnectdb(getenv("DATABASE_URL"));
	char *name;
	char text[256];

	if (PQstatus(connection) != CONNECTION_OK)
		clock_fail("connect", PQerrorMessage(connection));
	name = PQescapeIdentifier(connection, table, strlen(table));
	if (name == NULL)
		clock_fail("table", PQerrorMessage(connection));
	(void) snprintf(text, sizeof(text), "UPDATE %s SET status = 'finished' WHERE id = $1::bigint",
					name);
	PQfreemem(name);
	check(connection, PQexec(connection, "SET synchronous_commit = on"));
	check(connection, PQprepare(connection, "update", text, 1, NULL));
	return connection;
}

static void *update_all(void *argument)
{
	Client *client = argument;

	for (long id = client->first; id <= client->count; id += client->step)
	{
		char text[24];
		const char *values[1] = {text};
		PGresult *result;

		(void) snprintf(text, sizeof(text), "%ld", id);
		result = PQexecPrepared(client->connection, "update", 1, values, NULL, NULL, 0);
		if (PQresultStatus(result) != PGRES_COMMAND_OK || strcmp(PQcmdTuples(result), "1") != 0)
			clock_fail("update", PQerrorMessage(client->connection));
		PQclear(result);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static Client clients[CONNECTIONS_MAX];
	long connections;
	double start;

	if (argc != 4 || getenv("DATABASE_URL") == NULL)
		clock_fail("usage", "raw_updates TABLE CONNECTIONS COUNT");
	connections = clock_argument(argv[2]);
	if (connections > CONNECTIONS_MAX)
		clock_fail(argv[2], "too many connections");
	for (long i = 0; i < connections; i++)
		clients[i] = (Client){.connection = open_connection(argv[1]),
							  .first = i + 1,
							  .step = connections,
							  .count = clock_argument(argv[3])};

	start = clock_seconds();
	for (long i = 0; i < connections; i++)
		if (pthread_create(&clients[i].thread, NULL, update_all, &clients[i]) != 0)
			clock_fail("thread", "cannot be started");
	for (long i = 0; i < connections; i++)
		(void) pthread_join(clients[i].thread, NULL);
	clock_print(clock_seconds() - start);

	for (long i = 0; i < connections; i++)
		PQfinish(clients[i].connection);
	return 0;
}
