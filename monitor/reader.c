/*
 * reader.c - the connection's thread; see reader.h.
 *
 * Must never hold the mutex while it waits for the server.
 */
#include "reader.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "program/check_line.h"
#include "program/clock.h"
#include "program/health.h"
#include "program/pgconn.h"
#include "program/retry.h"
#include "program/stop.h"
#include "watched.h"

/* A verb waits for whoever holds the campaign. */
#define ANSWER_TIMEOUT_S 30
/* Of what ended unheard, behind a pooler or without notifications, this often. */
#define ENDED_EVERY_MS 10000
/* health.c tells threads apart; here is one. */
#define LANE 0

static const char SESSION[] = "SET search_path = pg_catalog, pg_temp; LISTEN campaign_progress";
static const PgStatement LOOK = {"monitor", MODEL_SQL, 4};
/* Its errors are shown with the name in front. */
static const PgStatement CONTROL = {"not done",
									"SELECT campaign.monitor_control($1::text, $2::text)", 2};
static const char SIGNATURE[] = "campaign.monitor(integer,integer,text[],text)";

struct Reader
{
	const Config *config;
	PgConnection postgres;
	Watched watched;
	int64_t ended_ms; /* when to look for the last ended campaigns again */
	Retry retry;
	pthread_t thread;
	atomic_bool running;
	int ordered;	/* eventfd: there is an order */
	int descriptor; /* eventfd: there is news */
	pthread_mutex_t mutex;
	ReaderNews news; /* with the mutex */
	Orders orders;	 /* with the mutex */
};

static void ring(int descriptor)
{
	uint64_t one = 1;

	/* It can only fail when it is readable already. */
	if (write(descriptor, &one, sizeof(one)) < 0)
		return;
}

static void silence(int descriptor)
{
	uint64_t count;

	if (read(descriptor, &count, sizeof(count)) < 0)
		return;
}

/* Hands over a model, or what went wrong. */
static void publish(Reader *reader, Model *model, const Error *trouble)
{
	pthread_mutex_lock(&reader->mutex);
	if (model != NULL)
	{
		model_free(reader->news.model);
		reader->news.model = model;
	}
	if (trouble->code != ERROR_NONE && reader->news.trouble.code == ERROR_NONE)
		reader->news.trouble_ms = clock_ms();
	reader->news.trouble = *trouble;
	pthread_mutex_unlock(&reader->mutex);
	ring(reader->descriptor);
}

/* The order whose turn it is; it has to be answered. False: none waits. */
static bool next_order(Reader *reader, KeysOrder *order)
{
	bool found;

	pthread_mutex_lock(&reader->mutex);
	found = orders_next(&reader->orders, order);
	pthread_mutex_unlock(&reader->mutex);
	return found;
}

/* What became of the order whose turn it is: the new status, or the error. */
static void answer(Reader *reader, const char *status, const Error *error)
{
	pthread_mutex_lock(&reader->mutex);
	orders_answer(&reader->orders, status, error);
	pthread_mutex_unlock(&reader->mutex);
	ring(reader->descriptor);
}

/* Nobody expects what was asked for without a server to happen later, when it is back. */
static void refuse_orders(Reader *reader, const Error *error)
{
	KeysOrder order;
	Error refusal;

	error_set(&refusal, error->code, "not done: %.400s", error->text);
	while (next_order(reader, &order))
		answer(reader, "", &refusal);
}

static void postgresql_is_away(Reader *reader, const Error *error)
{
	pgconn_close(&reader->postgres);
	health_away(SERVER_POSTGRESQL, LANE, error);
	publish(reader, NULL, error);
	refuse_orders(reader, error);
	(void) retry_wait(&reader->retry);
}

static void name_server(Reader *reader)
{
	PGconn *connection = reader->postgres.connection;

	pthread_mutex_lock(&reader->mutex);
	snprintf(reader->news.server, sizeof(reader->news.server), "%s:%s/%s", PQhost(connection),
			 PQport(connection), PQdb(connection));
	pthread_mutex_unlock(&reader->mutex);
}

/* Behind a pooler somebody else would have the session next. */
static bool listen_to(Reader *reader, Error *error)
{
	PGresult *result;

	if (reader->postgres.pooled)
		return true;
	result = pgconn_execute(&reader->postgres, "listen", SESSION, error);
	PQclear(result);
	return result != NULL;
}

static bool connect_reader(Reader *reader, Error *error)
{
	Error away;

	if (pgconn_is_open(&reader->postgres))
		return true;
	if (!pgconn_open(&reader->postgres, error) ||
		!pgconn_may_execute(&reader->postgres, SIGNATURE, error) || !listen_to(reader, error))
		return false;
	/* What has ended since is not known. */
	reader->ended_ms = 0;
	name_server(reader);
	if (!pgconn_prepare(&reader->postgres, &LOOK, error) ||
		!pgconn_prepare(&reader->postgres, &CONTROL, error))
		return false;
	error_set(&away, ERROR_UNREACHABLE, "PostgreSQL was away");
	refuse_orders(reader, &away);
	return true;
}

static PGresult *ask(Reader *reader, const PgStatement *statement, const char *const *values,
					 Error *error)
{
	if (!pgconn_send(&reader->postgres, statement, values, error))
		return NULL;
	return pgconn_result(&reader->postgres, statement->name, error);
}

/* What is shown must not vanish when it has ended at the next look: nobody may be listening. */
static void watch_shown(Reader *reader, const Model *model)
{
	for (size_t i = model->count; i > 0; i--)
		watched_add(&reader->watched, model->campaigns[i - 1].id);
}

static bool look(Reader *reader, Error *error)
{
	const Config *config = reader->config;
	bool ended = clock_ms() >= reader->ended_ms;
	char rows[12];
	char count[12];
	char watched[WATCHED_ARRAY_SIZE];
	const char *values[] = {rows, count, watched,
							*config->campaign != '\0' ? config->campaign : NULL};
	PGresult *result;
	Model *model;

	snprintf(rows, sizeof(rows), "%d", config->rows);
	snprintf(count, sizeof(count), "%d", ended ? config->ended : 0);
	watched_array(&reader->watched, watched);
	result = ask(reader, &LOOK, values, error);
	if (result == NULL || (model = model_read(result, error)) == NULL)
		return false;
	watch_shown(reader, model);
	if (ended)
		reader->ended_ms = clock_ms() + ENDED_EVERY_MS;
	health_back(SERVER_POSTGRESQL, LANE);
	retry_reset(&reader->retry);
	publish(reader, model, &(Error){0});
	return true;
}

/* An order is carried out once: nobody knows what an answer that did not come would have been. */
static bool carry_out(Reader *reader, const KeysOrder *order, Error *error)
{
	const char *values[] = {order->id, order->verb};
	PGresult *result = ask(reader, &CONTROL, values, error);

	answer(reader, result != NULL ? PQgetvalue(result, 0, 0) : "", error);
	PQclear(result);
	/* A verb that is refused leaves the session as it was. */
	return pgconn_is_open(&reader->postgres);
}

/* All that wait, one after the other. False: the connection is lost. */
static bool carry_out_all(Reader *reader, Error *error)
{
	KeysOrder order;

	while (!stop_requested() && next_order(reader, &order))
	{
		*error = (Error){0};
		if (!carry_out(reader, &order, error))
			return false;
	}
	return true;
}

/* Until the next tick or an order; hears meanwhile. False: the connection is lost. */
static bool wait_for_tick(Reader *reader, int64_t tick_ms, Error *error)
{
	while (!stop_requested() && clock_ms() < tick_ms)
	{
		PGconn *connection = reader->postgres.connection;
		struct pollfd wait[3] = {{.fd = PQsocket(connection), .events = POLLIN},
								 {.fd = stop_descriptor(), .events = POLLIN},
								 {.fd = reader->ordered, .events = POLLIN}};
		PGnotify *told;

		(void) poll(wait, 3, (int) clock_left_ms(tick_ms));
		if (wait[0].revents != 0 && !PQconsumeInput(connection))
			return error_set(error, ERROR_UNREACHABLE, "the connection is lost: %.*s",
							 (int) strcspn(PQerrorMessage(connection), "\n"),
							 PQerrorMessage(connection));
		while ((told = PQnotifies(connection)) != NULL)
		{
			if (!watched_hear(&reader->watched, told->extra))
				reader->ended_ms = 0;
			PQfreemem(told);
		}
		if (wait[2].revents != 0)
			break;
	}
	silence(reader->ordered);
	return true;
}

static void *run(void *argument)
{
	Reader *reader = argument;

	while (!stop_requested())
	{
		int64_t tick_ms = clock_ms() + reader->config->interval_s * INT64_C(1000);
		Error error = {0};

		if (!connect_reader(reader, &error) || !look(reader, &error) ||
			!wait_for_tick(reader, tick_ms, &error) || !carry_out_all(reader, &error))
			postgresql_is_away(reader, &error);
	}
	pgconn_close(&reader->postgres);
	atomic_store(&reader->running, false);
	ring(reader->descriptor);
	return NULL;
}

static PgConnection connection_for(const Config *config)
{
	return (PgConnection){.url = config->database_url,
						  .program = "campaign-monitor",
						  .role = "campaign_monitor",
						  .timeout_s = config->timeout_s,
						  .answer_timeout_s = ANSWER_TIMEOUT_S};
}

static void reader_free(Reader *reader)
{
	if (reader->ordered >= 0)
		close(reader->ordered);
	if (reader->descriptor >= 0)
		close(reader->descriptor);
	model_free(reader->news.model);
	pthread_mutex_destroy(&reader->mutex);
	free(reader);
}

Reader *reader_start(const Config *config, Error *error)
{
	Reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	reader->config = config;
	reader->postgres = connection_for(config);
	reader->ordered = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	reader->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void) pthread_mutex_init(&reader->mutex, NULL);
	atomic_store(&reader->running, true);
	if (reader->ordered < 0 || reader->descriptor < 0 ||
		pthread_create(&reader->thread, NULL, run, reader) != 0)
	{
		error_set(error, ERROR_MEMORY, "cannot start a thread: %s", strerror(errno));
		reader_free(reader);
		return NULL;
	}
	return reader;
}

int reader_descriptor(const Reader *reader)
{
	return reader->descriptor;
}

void reader_take(Reader *reader, ReaderNews *news)
{
	silence(reader->descriptor);
	pthread_mutex_lock(&reader->mutex);
	*news = reader->news;
	reader->news.model = NULL;
	pthread_mutex_unlock(&reader->mutex);
}

bool reader_order(Reader *reader, const KeysOrder *order)
{
	bool added;

	pthread_mutex_lock(&reader->mutex);
	added = orders_add(&reader->orders, order);
	pthread_mutex_unlock(&reader->mutex);
	ring(reader->ordered);
	return added;
}

bool reader_take_answer(Reader *reader, OrdersAnswer *answer)
{
	bool found;

	pthread_mutex_lock(&reader->mutex);
	found = orders_take_answer(&reader->orders, answer);
	pthread_mutex_unlock(&reader->mutex);
	return found;
}

bool reader_is_running(const void *reader)
{
	return atomic_load(&((const Reader *) reader)->running);
}

void reader_finish(Reader *reader)
{
	(void) pthread_join(reader->thread, NULL);
	reader_free(reader);
}

bool reader_check(const Config *config, char *detail, Error *error)
{
	PgConnection postgres = connection_for(config);
	bool done = pgconn_open(&postgres, error) && pgconn_may_execute(&postgres, SIGNATURE, error);

	if (done)
		snprintf(detail, CHECK_LINE_DETAIL_SIZE, "%s:%s/%s as %s, may read campaigns",
				 PQhost(postgres.connection), PQport(postgres.connection),
				 PQdb(postgres.connection), PQuser(postgres.connection));
	pgconn_close(&postgres);
	return done;
}
