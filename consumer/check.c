/*
 * check.c - `--check`; see check.h.
 *
 * Must never leave anything behind but the queues, which are declared as the
 * consumer would: only so a queue with other arguments shows.
 */
#include "check.h"

#include <mongoc/mongoc.h>
#include <stdio.h>
#include <string.h>

#include "indexes.h"
#include "program/check_line.h"
#include "report.h"
#include "store.h"
#include "store_uri.h"

/* One host of the URL; its queues are declared, too. */
static bool check_host(const Config *config, const BrokerUrl *url, unsigned turn, char *without,
					   Error *error)
{
	BrokerOptions options = {.connection_name = "campaign-consumer --check",
							 .heartbeat = config->heartbeat_s,
							 .timeout_ms = config->timeout_s * 1000,
							 .turn = turn};
	amqp_connection_state_t connection;
	bool done;

	if (*config->ca_file != '\0')
		options.ca_file = config->ca_file;
	connection = broker_open(url, &options, error);
	if (connection == NULL)
		return false;
	done = broker_declare(connection, NULL, without, error);
	broker_close(connection, done);
	return done;
}

/* One of several hosts is enough to work; the others are named only by their number. */
static bool check_broker(const Config *config, const BrokerUrl *url, char *detail, Error *error)
{
	char without[MESSAGE_QUEUE_NAME_MAX] = "";
	char others[64] = "";
	size_t length;
	int answering = 0;
	unsigned turn = 0;

	for (int host = 0; host < url->host_count; host++)
	{
		if (!check_host(config, url, (unsigned) host, without, error))
			continue;
		if (answering++ == 0)
			turn = (unsigned) host;
	}
	if (answering == 0)
		return false;
	if (url->host_count > 1)
		snprintf(others, sizeof(others), ", %d of %d hosts answer", answering, url->host_count);
	broker_url_describe(url, turn, detail, CHECK_LINE_DETAIL_SIZE);
	length = strlen(detail);
	snprintf(detail + length, CHECK_LINE_DETAIL_SIZE - length,
			 "%s, exchanges and queues are in place%s%s", others,
			 *without != '\0' ? ", but with RabbitMQ's delivery limit: " : "", without);
	return true;
}

/* What the server says of itself. */
static bool check_hello(const bson_t *reply, const char *database, char *detail, Error *error)
{
	bson_iter_t iter;
	const char *set = NULL;

	if (bson_iter_init_find(&iter, reply, "setName") && BSON_ITER_HOLDS_UTF8(&iter))
		set = bson_iter_utf8(&iter, NULL);
	if (set == NULL && !(bson_iter_init_find(&iter, reply, "msg") && BSON_ITER_HOLDS_UTF8(&iter) &&
						 strcmp(bson_iter_utf8(&iter, NULL), "isdbgrid") == 0))
		return error_set(error, ERROR_REFUSED,
						 "not a replica set: start it with --replSet, even if it has one node");
	snprintf(detail, CHECK_LINE_DETAIL_SIZE,
			 "%s %s, database %s, writes wait for the majority's journal",
			 set != NULL ? "replica set" : "sharded cluster", set != NULL ? set : "", database);
	return true;
}

/* A majority read fails if there is no majority to read from. */
static bool check_majority(Store *store, Error *error)
{
	int64_t highest;

	return store_prepare(store, error) &&
		   store_highest(store, "check", MESSAGE_CLASS_NORMAL, &highest, error);
}

static bool check_mongodb(const Config *config, char *detail, Error *error)
{
	mongoc_uri_t *uri = store_uri(config, error);
	mongoc_client_t *client;
	bson_t *command = BCON_NEW("isMaster", BCON_INT32(1));
	bson_t reply = BSON_INITIALIZER;
	bson_error_t reason = {0};
	Store *store = NULL;
	bool done = false;

	client = uri == NULL ? NULL : mongoc_client_new_from_uri_with_error(uri, &reason);

	if (client == NULL)
	{
		if (uri != NULL)
			error_set(error, ERROR_UNREACHABLE, "cannot find the servers: %s", reason.message);
	}
	else
	{
		bson_destroy(&reply);
		if (!mongoc_client_command_simple(client, "admin", command, NULL, &reply, &reason))
			error_set(error, ERROR_UNREACHABLE, "%s", reason.message);
		else if (check_hello(&reply, store_database(uri), detail, error))
		{
			store = store_new(config, error);
			done = store != NULL && check_majority(store, error) && indexes_check(config, error);
		}
	}
	store_free(store);
	bson_destroy(&reply);
	bson_destroy(command);
	mongoc_client_destroy(client);
	mongoc_uri_destroy(uri);
	return done;
}

static bool check_postgresql(const Config *config, char *detail, Error *error)
{
	static const char fates[] = "campaign.report_fates(text[],text[],bigint[],bigint[],text[],"
								"boolean[],text,jsonb,bigint,bigint,bigint)";
	static const char *const signatures[] = {
		"campaign.report_open(text)",
		"campaign.report_checked(text[],text[],bigint[],bigint[],text[],boolean[])",
		"campaign.report_stopped(text[])", "campaign.report_gap(text,text,bigint)",
		"campaign.report_conflict(text,text,bigint,text)", "campaign.proof_next(timestamptz)",
		/* Only senders need these. */
		"campaign.sender_begin(text,text,text,jsonb,text,text)",
		"campaign.sender_away(text,bigint,boolean)", fates};
	size_t count = sizeof(signatures) / sizeof(*signatures);
	PgConnection postgres = report_pgconn(config);
	bool done = pgconn_open(&postgres, error);

	if (!gateway_at(config->gateway)->sends)
		count -= 3;
	for (size_t i = 0; done && i < count; i++)
		done = pgconn_may_execute(&postgres, signatures[i], error);
	if (done)
	{
		/* A read-only server would find no campaign, and says so. */
		PGresult *result = pgconn_execute(&postgres, "cannot report",
										  "SELECT FROM campaign.report_open('check')", error);

		done = result != NULL;
		PQclear(result);
	}
	if (done)
	{
		/* Columns that an extension from before this program has not. */
		PGresult *result =
			pgconn_execute(&postgres, "the extension may be older than this program",
						   "SELECT stopped.cancelled, checked.left_out FROM "
						   "campaign.report_stopped('{}') AS stopped, "
						   "campaign.report_checked('{}', '{}', '{}', '{}', '{}', '{}') AS checked",
						   error);

		done = result != NULL;
		PQclear(result);
	}
	if (done)
		snprintf(detail, CHECK_LINE_DETAIL_SIZE, "%s:%s/%s as %s, may report",
				 PQhost(postgres.connection), PQport(postgres.connection),
				 PQdb(postgres.connection), PQuser(postgres.connection));
	pgconn_close(&postgres);
	return done;
}

ErrorCode check_all(const Config *config, const BrokerUrl *url)
{
	ErrorCode worst = ERROR_NONE;
	char detail[CHECK_LINE_DETAIL_SIZE];
	Error error = {0};
	bool done;

	done = check_broker(config, url, detail, &error);
	check_line_print(SERVER_RABBITMQ, done, detail, &error, &worst);
	done = check_mongodb(config, detail, &error);
	check_line_print(SERVER_MONGODB, done, detail, &error, &worst);
	done = check_postgresql(config, detail, &error);
	check_line_print(SERVER_POSTGRESQL, done, detail, &error, &worst);
	return worst;
}
