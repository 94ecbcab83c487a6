/*
 * report.c - the lane's PostgreSQL connection; see report.h.
 *
 * Must never wait without a deadline, nor use a connection after a failure: the
 * next use opens a new one.
 */
#include "report.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "retry.h"
#include "stop.h"

#define ANSWER_TIMEOUT_MS	 60000 /* a lock may be held for a while */
#define STATEMENT_TIMEOUT_MS "50000"
#define STOP_TIMEOUT_MS		 5000 /* once a stop was requested */

typedef struct Statement
{
	const char *name;
	const char *sql;
	int parameters;
} Statement;

static const Statement OPEN = {
	"report_open", "SELECT class, total, stored_through FROM campaign.report_open($1::text)", 1};
static const Statement STORED = {
	"report_stored",
	"SELECT campaign.report_stored($1::text[], $2::text[], $3::int8[], $4::int8[])", 4};
static const Statement GAP = {"report_gap",
							  "SELECT campaign.report_gap($1::text, $2::text, $3::int8)", 3};
static const Statement CONFLICT = {
	"report_conflict", "SELECT campaign.report_conflict($1::text, $2::text, $3::int8, $4::text)",
	4};

/* One array parameter in PostgreSQL's text form. */
typedef struct Array
{
	char *text;
	size_t length;
} Array;

struct Report
{
	const Config *config;
	void (*tick)(void *);
	void *tick_argument;
	PGconn *connection;
	bool pending;
	Array arrays[4];
};

/* Bytes one range takes in the longest array: an id or a number, and a comma. */
#define ARRAY_ITEM_SIZE (MESSAGE_ID_MAX + 1)

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

PGconn *report_connect(const Config *config, Error *error)
{
	char timeout[12];
	/* What stands before dbname is a default, which the URL may override. */
	const char *const names[] = {"application_name",	"connect_timeout",	"keepalives_idle",
								 "keepalives_interval", "keepalives_count", "tcp_user_timeout",
								 "client_encoding",		"dbname",			NULL};
	const char *const values[] = {"campaign-consumer",	timeout, "10", "5", "3", "30000", "UTF8",
								  config->database_url, NULL};
	PGconn *connection;

	snprintf(timeout, sizeof(timeout), "%d", config->timeout_s);
	connection = PQconnectdbParams(names, values, 1);
	if (connection != NULL && PQstatus(connection) == CONNECTION_OK)
	{
		(void) PQsetNoticeProcessor(connection, ignore_notice, NULL);
		/* A statement that we have given up must not go on waiting in the server with its locks. */
		PQclear(PQexec(connection, "SET statement_timeout = " STATEMENT_TIMEOUT_MS));
		return connection;
	}
	if (connection == NULL)
		error_set(error, ERROR_MEMORY, "out of memory");
	else
	{
		/* libpq gives no SQLSTATE here; an answering server says FATAL. */
		const char *text = PQerrorMessage(connection);

		bool refused = strstr(text, "FATAL:") != NULL && strstr(text, "starting up") == NULL &&
					   strstr(text, "shutting down") == NULL &&
					   strstr(text, "recovery mode") == NULL;

		(void) failed(error, refused ? ERROR_REFUSED : ERROR_UNREACHABLE, "cannot connect", text);
	}
	PQfinish(connection);
	return NULL;
}

Report *report_new(const Config *config, void (*tick)(void *), void *tick_argument)
{
	Report *report = calloc(1, sizeof(*report));

	if (report == NULL)
		return NULL;
	report->config = config;
	report->tick = tick;
	report->tick_argument = tick_argument;
	for (int i = 0; i < 4; i++)
	{
		report->arrays[i].text = malloc((size_t) config->batch_documents * ARRAY_ITEM_SIZE + 3);
		if (report->arrays[i].text == NULL)
		{
			report_free(report);
			return NULL;
		}
	}
	return report;
}

static void disconnect(Report *report)
{
	PQfinish(report->connection);
	report->connection = NULL;
	report->pending = false;
}

void report_free(Report *report)
{
	if (report == NULL)
		return;
	disconnect(report);
	for (int i = 0; i < 4; i++)
		free(report->arrays[i].text);
	free(report);
}

/* Sets the error and drops the connection: nothing is known of its state. */
static bool lost(Report *report, const char *what, const char *text, Error *error)
{
	(void) failed(error, ERROR_UNREACHABLE, what, text);
	disconnect(report);
	return false;
}

/* An SQL error: the connection is fine, but somebody has to act. */
static bool refused(const PGresult *result, const char *what, Error *error)
{
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return error_set(error, ERROR_REFUSED, "%s: %s (SQLSTATE %s)", what,
					 text != NULL ? text : "unknown error", state != NULL ? state : "unknown");
}

/* Waits until the answer has arrived whole. */
static bool await(Report *report, const char *what, Error *error)
{
	int64_t deadline = retry_now_ms() + ANSWER_TIMEOUT_MS;
	bool stopping = false;

	while (PQisBusy(report->connection))
	{
		struct pollfd wait[2] = {{.fd = PQsocket(report->connection), .events = POLLIN},
								 {.fd = stop_descriptor(), .events = POLLIN}};

		if (!stopping && stop_requested())
		{
			stopping = true;
			if (deadline > retry_now_ms() + STOP_TIMEOUT_MS)
				deadline = retry_now_ms() + STOP_TIMEOUT_MS;
		}
		if (retry_now_ms() >= deadline)
			return lost(report, what, "no answer", error);
		/* The stop is readable for ever: look at it once. */
		if (poll(wait, stopping ? 1 : 2, 1000) == 0)
			report->tick(report->tick_argument);
		if (wait[0].revents != 0 && !PQconsumeInput(report->connection))
			return lost(report, what, PQerrorMessage(report->connection), error);
	}
	return true;
}

/* Takes the answer of the query that was sent; NULL and *error on failure. */
static PGresult *take_result(Report *report, const char *what, Error *error)
{
	PGresult *result = NULL;
	PGresult *next;

	for (;;)
	{
		if (!await(report, what, error))
		{
			PQclear(result);
			return NULL;
		}
		next = PQgetResult(report->connection);
		if (next == NULL)
			break;
		PQclear(result);
		result = next;
	}
	if (result != NULL &&
		(PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK))
		return result;
	if (result == NULL || PQstatus(report->connection) != CONNECTION_OK)
		(void) lost(report, what, PQerrorMessage(report->connection), error);
	else
		(void) refused(result, what, error);
	PQclear(result);
	return NULL;
}

static bool prepare(Report *report, const Statement *statement, Error *error)
{
	PGresult *result;

	if (!PQsendPrepare(report->connection, statement->name, statement->sql, statement->parameters,
					   NULL))
		return lost(report, statement->name, PQerrorMessage(report->connection), error);
	result = take_result(report, statement->name, error);
	PQclear(result);
	return result != NULL;
}

bool report_ready(Report *report, Error *error)
{
	if (report->connection != NULL && PQstatus(report->connection) == CONNECTION_OK)
		return true;
	disconnect(report);
	report->connection = report_connect(report->config, error);
	if (report->connection == NULL)
		return false;
	if (prepare(report, &OPEN, error) && prepare(report, &STORED, error) &&
		prepare(report, &GAP, error) && prepare(report, &CONFLICT, error))
		return true;
	/* Half prepared is not ready: start over next time. */
	disconnect(report);
	return false;
}

static bool send_query(Report *report, const Statement *statement, const char *const *values,
					   Error *error)
{
	if (!report_ready(report, error))
		return false;
	if (!PQsendQueryPrepared(report->connection, statement->name, statement->parameters, values,
							 NULL, NULL, 0))
		return lost(report, statement->name, PQerrorMessage(report->connection), error);
	return true;
}

/* One query and its answer. */
static PGresult *query(Report *report, const Statement *statement, const char *const *values,
					   Error *error)
{
	if (!send_query(report, statement, values, error))
		return NULL;
	return take_result(report, statement->name, error);
}

bool report_open(Report *report, const char *campaign_id, ReportClass classes[MESSAGE_CLASSES],
				 Error *error)
{
	const char *values[] = {campaign_id};
	PGresult *result = query(report, &OPEN, values, error);

	if (result == NULL)
		return false;
	memset(classes, 0, MESSAGE_CLASSES * sizeof(*classes));
	for (int row = 0; row < PQntuples(result); row++)
	{
		const char *name = PQgetvalue(result, row, 0);
		MessageClass class;

		if (!message_class_parse(name, strlen(name), &class))
			continue;
		classes[class].known = true;
		classes[class].total = strtoll(PQgetvalue(result, row, 1), NULL, 10);
		classes[class].stored_through = strtoll(PQgetvalue(result, row, 2), NULL, 10);
	}
	PQclear(result);
	return true;
}

static void array_add_text(Array *array, const char *text)
{
	size_t length = strlen(text);

	/* Ids and class names need no quotes: [A-Za-z0-9] only, checked by decode.c. */
	memcpy(array->text + array->length, text, length);
	array->length += length;
	array->text[array->length++] = ',';
}

static void array_add_number(Array *array, int64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, number);
	array_add_text(array, digits);
}

bool report_send(Report *report, const RangeList *ranges, Error *error)
{
	const char *values[4];

	for (int i = 0; i < 4; i++)
	{
		report->arrays[i].text[0] = '{';
		report->arrays[i].length = 1;
	}
	for (int i = 0; i < ranges->count; i++)
	{
		const Range *range = &ranges->items[i];

		array_add_text(&report->arrays[0], range->campaign_id);
		array_add_text(&report->arrays[1], message_class_name(range->class));
		array_add_number(&report->arrays[2], range->first_seq);
		array_add_number(&report->arrays[3], range->last_seq);
	}
	for (int i = 0; i < 4; i++)
	{
		Array *array = &report->arrays[i];

		/* The last comma becomes the closing brace. */
		memcpy(array->text + array->length - 1, "}", 2);
		values[i] = array->text;
	}
	report->pending = send_query(report, &STORED, values, error);
	return report->pending;
}

bool report_collect(Report *report, int64_t *completed, Error *error)
{
	PGresult *result = take_result(report, STORED.name, error);

	report->pending = false;
	if (result == NULL)
		return false;
	if (PQntuples(result) == 1 && PQnfields(result) == 1)
		*completed = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return true;
}

bool report_is_pending(const Report *report)
{
	return report->pending;
}

bool report_gap(Report *report, const char *campaign_id, MessageClass class, int64_t next,
				Error *error)
{
	char digits[24];
	const char *values[] = {campaign_id, message_class_name(class), digits};
	PGresult *result;

	snprintf(digits, sizeof(digits), "%" PRId64, next);
	result = query(report, &GAP, values, error);
	PQclear(result);
	return result != NULL;
}

bool report_conflict(Report *report, const char *campaign_id, MessageClass class, int64_t seq,
					 const char *reason, Error *error)
{
	char digits[24];
	const char *values[] = {campaign_id, message_class_name(class), digits, reason};
	PGresult *result;

	snprintf(digits, sizeof(digits), "%" PRId64, seq);
	result = query(report, &CONFLICT, values, error);
	PQclear(result);
	return result != NULL;
}
