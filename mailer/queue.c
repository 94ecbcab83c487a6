/*
 * queue.c - the mailer's SQL; see queue.h.
 *
 * Must never leave a transaction open on an error: the connection is closed, which
 * rolls it back.
 */
#include "queue.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "program/stop.h"

static const PgStatement CLAIM = {
	"mail_claim",
	"SELECT id, email, attempt, priority, seq, kind, code, company, inviter, stale "
	"FROM campaign.mail_claim($1::integer, $2::bigint, $3::boolean)",
	3};
static const PgStatement BEGIN = {"mail_begin", "SELECT campaign.mail_begin($1::text)", 1};
static const PgStatement SENT = {"mail_sent", "SELECT campaign.mail_sent($1::text, $2::text)", 2};
static const PgStatement FAILED = {
	"mail_failed", "SELECT campaign.mail_failed($1::text, $2::text, $3::boolean)", 3};
static const PgStatement RELEASE = {"mail_release", "SELECT campaign.mail_release($1::text)", 1};
static const PgStatement NEXT = {"mail_next", "SELECT campaign.mail_next()", 0};

/*
 * A mail is being sent while its transaction is open and idle, for ten minutes and more: no limit
 * that a role, a database or postgresql.conf sets may end it then, or the mail would be sent twice.
 * Serializable transactions would fail when two mailers claim at once; without a synchronous
 * commit, a crash of the server would forget that a mail was sent. set_config() for what
 * pg_settings has: transaction_timeout is of PostgreSQL 17.
 */
static const char SESSION[] =
	"SET search_path = pg_catalog, pg_temp; "
	"SELECT set_config(s.name, v.setting, false) FROM pg_settings s JOIN (VALUES "
	"('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'), "
	"('lock_timeout', '0'), ('default_transaction_isolation', 'read committed'), "
	"('default_transaction_deferrable', 'off')) v (name, setting) ON v.name = s.name; "
	"SELECT set_config('synchronous_commit', 'on', false) "
	"WHERE current_setting('synchronous_commit') = 'off'; "
	"LISTEN campaign_mail";

Queue queue_new(const Config *config)
{
	return (Queue){.postgres = {.url = config->database_url,
								.program = "campaign-mailer",
								.role = "campaign_mailer",
								.timeout_s = config->timeout_s},
				   .longest_wait_ms = config->poll_interval_s * INT64_C(1000)};
}

void queue_close(Queue *queue)
{
	pgconn_close(&queue->postgres);
	/* Whatever comes next may be another server. */
	queue->place_known = false;
}

static bool execute(Queue *queue, const char *what, const char *sql, Error *error)
{
	PGresult *result = pgconn_execute(&queue->postgres, what, sql, error);

	PQclear(result);
	return result != NULL;
}

bool queue_ready(Queue *queue, Error *error)
{
	static const PgStatement *const statements[] = {&CLAIM,	 &BEGIN,   &SENT,
													&FAILED, &RELEASE, &NEXT};
	bool done;

	if (pgconn_is_open(&queue->postgres))
		return true;
	/* While a mail is being sent, its lock keeps others from taking it. */
	done = pgconn_open(&queue->postgres, error) && pgconn_keep_session(&queue->postgres, error) &&
		   execute(queue, "listen", SESSION, error);
	for (size_t i = 0; done && i < sizeof(statements) / sizeof(*statements); i++)
		done = pgconn_prepare(&queue->postgres, statements[i], error);
	if (!done)
		queue_close(queue);
	return done;
}

/* A statement's answer. Whatever fails, the connection is closed: it may be in a transaction. */
static PGresult *ask(Queue *queue, const PgStatement *statement, const char *const *values,
					 Error *error)
{
	PGresult *result = NULL;

	if (pgconn_send(&queue->postgres, statement, values, error))
		result = pgconn_result(&queue->postgres, statement->name, error);
	if (result == NULL)
		queue_close(queue);
	return result;
}

/* A truncated address would be another one: too long becomes empty, which is refused. */
static void copy(char *out, size_t size, const char *text)
{
	if ((size_t) snprintf(out, size, "%s", text) >= size)
		out[0] = '\0';
}

/* Milliseconds until the next mail is due, at most `longest`. */
static bool ask_next(Queue *queue, int longest, int *wait_ms, Error *error)
{
	PGresult *result = ask(queue, &NEXT, NULL, error);
	double due_ms;

	if (result == NULL)
		return false;
	*wait_ms = longest;
	if (PQntuples(result) == 1 && !PQgetisnull(result, 0, 0))
	{
		/* Rounded up: waking too early would find nothing. */
		due_ms = ceil(strtod(PQgetvalue(result, 0, 0), NULL) * 1000);
		if (due_ms < longest)
			*wait_ms = due_ms > 0 ? (int) due_ms : 0;
	}
	PQclear(result);
	return true;
}

/* Takes the first mail, or, if the place is known and `behind`, the first one behind it. */
static bool claim(Queue *queue, bool behind, QueueMail *mail, bool *found, Error *error)
{
	char priority[16];
	char seq[24];
	const char *values[] = {NULL, NULL, queue->above ? "true" : "false"};
	PGresult *result;

	snprintf(priority, sizeof(priority), "%d", queue->priority);
	snprintf(seq, sizeof(seq), "%" PRId64, queue->seq);
	if (behind)
	{
		values[0] = priority;
		values[1] = seq;
	}
	result = ask(queue, &CLAIM, values, error);
	if (result == NULL)
		return false;
	*found = PQntuples(result) == 1;
	if (*found)
	{
		copy(mail->id, sizeof(mail->id), PQgetvalue(result, 0, 0));
		copy(mail->email, sizeof(mail->email), PQgetvalue(result, 0, 1));
		mail->attempt = atoi(PQgetvalue(result, 0, 2));
		mail->priority = atoi(PQgetvalue(result, 0, 3));
		mail->seq = strtoll(PQgetvalue(result, 0, 4), NULL, 10);
		copy(mail->kind, sizeof(mail->kind), PQgetvalue(result, 0, 5));
		copy(mail->code, sizeof(mail->code), PQgetvalue(result, 0, 6));
		copy(mail->company, sizeof(mail->company), PQgetvalue(result, 0, 7));
		copy(mail->inviter, sizeof(mail->inviter), PQgetvalue(result, 0, 8));
		copy(mail->stale, sizeof(mail->stale), PQgetvalue(result, 0, 9));
	}
	PQclear(result);
	return true;
}

/* Behind the last mail that we got, which is where the next one is most of the time. */
static bool claim_next(Queue *queue, QueueMail *mail, bool *found, Error *error)
{
	int64_t started_ms = clock_ms();

	*found = false;
	if (!queue->place_known)
		return true;
	if (!claim(queue, true, mail, found, error))
		return false;
	if (clock_ms() - started_ms >= LOOKS_COSTLY_MS)
		queue->above = false;
	/* One of a higher priority came between. */
	if (*found && mail->priority == queue->priority)
		queue->seq = mail->seq;
	return true;
}

/*
 * From the beginning, with those whose time has come, and those that somebody has left behind. As
 * long as a snapshot is old, this reads over all that was sent since, and is done less often.
 */
static bool look(Queue *queue, QueueMail *mail, bool *found, int longest, int *wait_ms,
				 Error *error)
{
	int64_t started_ms = clock_ms();

	queue->above = true;
	if (!claim(queue, false, mail, found, error) ||
		(!*found && !ask_next(queue, longest, wait_ms, error)))
		return false;
	if (*found)
	{
		queue->place_known = true;
		queue->priority = mail->priority;
		queue->seq = mail->seq;
	}
	looks_note(&queue->looks, started_ms, queue->longest_wait_ms);
	return true;
}

bool queue_claim(Queue *queue, QueueMail *mail, bool *found, int longest, int *wait_ms,
				 Error *error)
{
	*found = false;
	*wait_ms = 0;
	if (clock_ms() < queue->looks.due_ms && !claim_next(queue, mail, found, error))
		return false;
	if (*found)
		return true;
	if (!queue->place_known || clock_ms() >= queue->looks.affordable_ms)
		return look(queue, mail, found, longest, wait_ms, error);
	*wait_ms = (int) clock_left_ms(queue->looks.affordable_ms);
	if (*wait_ms > longest)
		*wait_ms = longest;
	return true;
}

/* A COMMIT that became a ROLLBACK has lost what was reported. */
static bool commit(Queue *queue, Error *error)
{
	PGresult *result = pgconn_execute(&queue->postgres, "commit", "COMMIT", error);
	bool done = result != NULL && strcmp(PQcmdStatus(result), "COMMIT") == 0;

	if (result != NULL && !done)
		error_set(error, ERROR_PROTOCOL, "commit: the transaction was rolled back");
	PQclear(result);
	if (!done)
		queue_close(queue);
	return done;
}

bool queue_begin(Queue *queue, const QueueMail *mail, bool *ours, Error *error)
{
	const char *values[] = {mail->id};
	PGresult *result;

	if (!execute(queue, "begin", "BEGIN", error))
	{
		queue_close(queue);
		return false;
	}
	result = ask(queue, &BEGIN, values, error);
	if (result == NULL)
		return false;
	*ours = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
	PQclear(result);
	return *ours || commit(queue, error);
}

static bool end(Queue *queue, const PgStatement *statement, const char *const *values, Error *error)
{
	PGresult *result = ask(queue, statement, values, error);

	PQclear(result);
	return result != NULL && commit(queue, error);
}

/*
 * As end(), with a text of the server's in values[1]. A database whose encoding lacks one of its
 * characters refuses it; what became of the mail must be stored nevertheless, else the mail would
 * be sent again and again. The savepoint keeps the row locked meanwhile.
 */
static bool end_with_text(Queue *queue, const PgStatement *statement, const char **values,
						  Error *error)
{
	PGresult *result = NULL;

	if (execute(queue, "savepoint", "SAVEPOINT text", error) &&
		pgconn_send(&queue->postgres, statement, values, error))
		result = pgconn_result(&queue->postgres, statement->name, error);
	if (result == NULL && pgconn_refused_data(&queue->postgres, error) &&
		execute(queue, "savepoint", "ROLLBACK TO SAVEPOINT text", error))
	{
		SOMETIMES("mailer.text_refused");
		values[1] = "the server's answer cannot be stored in this database";
		return end(queue, statement, values, error);
	}
	PQclear(result);
	if (result == NULL)
		queue_close(queue);
	return result != NULL && commit(queue, error);
}

bool queue_sent(Queue *queue, const QueueMail *mail, const char *answer, Error *error)
{
	const char *values[] = {mail->id, answer};

	return end_with_text(queue, &SENT, values, error);
}

bool queue_failed(Queue *queue, const QueueMail *mail, const char *reason, bool final, Error *error)
{
	const char *values[] = {mail->id, reason, final ? "true" : "false"};

	return end_with_text(queue, &FAILED, values, error);
}

bool queue_release(Queue *queue, const QueueMail *mail, Error *error)
{
	const char *values[] = {mail->id};

	/* It is the next one again; those of a higher priority are looked for anyway. */
	if (mail->priority == queue->priority)
		queue->seq = mail->seq - 1;
	return end(queue, &RELEASE, values, error);
}

static bool take_notifications(Queue *queue)
{
	PGnotify *notification;
	bool any = false;

	while ((notification = PQnotifies(queue->postgres.connection)) != NULL)
	{
		PQfreemem(notification);
		any = true;
	}
	return any;
}

bool queue_wait(Queue *queue, int wait_ms, bool *idle, Error *error)
{
	PGconn *connection = queue->postgres.connection;
	struct pollfd wait[2] = {{.fd = PQsocket(connection), .events = POLLIN},
							 {.fd = stop_descriptor(), .events = POLLIN}};

	*idle = false;
	/* One may have come together with the last answer. */
	if (take_notifications(queue))
		return true;
	*idle = poll(wait, 2, wait_ms) == 0;
	if (wait[0].revents == 0)
		return true;
	if (!PQconsumeInput(connection) || PQstatus(connection) != CONNECTION_OK)
	{
		error_set(error, ERROR_UNREACHABLE, "%.*s", (int) strcspn(PQerrorMessage(connection), "\n"),
				  PQerrorMessage(connection));
		queue_close(queue);
		return false;
	}
	(void) take_notifications(queue);
	return true;
}

bool queue_check(Queue *queue, Error *error)
{
	static const char *const signatures[] = {"campaign.mail_claim(integer,bigint,boolean)",
											 "campaign.mail_begin(text)",
											 "campaign.mail_sent(text,text)",
											 "campaign.mail_failed(text,text,boolean)",
											 "campaign.mail_release(text)",
											 "campaign.mail_next()"};
	bool done = pgconn_open(&queue->postgres, error);

	for (size_t i = 0; done && i < sizeof(signatures) / sizeof(*signatures); i++)
		done = pgconn_may_execute(&queue->postgres, signatures[i], error);
	return done;
}
