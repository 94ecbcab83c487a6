/*
 * deliver.c - the mailer's loop; see deliver.h.
 *
 * Must never report a mail as sent before the SMTP server has accepted it. If
 * PostgreSQL cannot be told then, it is told when it is back (taken.h); only another mailer, or
 * this one started again, sends the mail once more, with the same Message-ID.
 */
#include "deliver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail.h"
#include "program/health.h"
#include "program/log.h"
#include "program/retry.h"
#include "program/sometimes.h"
#include "program/stop.h"
#include "queue.h"
#include "smtp.h"
#include "taken.h"

/* How long the connection to the SMTP server is kept between two mails. */
#define IDLE_CONNECTION_MS 5000
/* The wait when mails are due that another mailer is sending. */
#define BUSY_MS 100
/* health.c tells threads apart; here is one. */
#define LANE 0
/* How often in a row the server may close on a mail before other mails get their turn. */
#define PATIENCE 3

struct Deliver
{
	const Config *config;
	const TextsSet *texts;
	MailSender sender;
	Queue queue;
	Smtp *smtp;
	Retry postgresql_retry;
	Retry smtp_retry;
	char closed_on[QUEUE_ID_SIZE]; /* the mail that the server last closed on */
	int closed_times;			   /* how often in a row */
	Taken taken;
	pthread_t thread;
	atomic_bool running;
	int64_t sent;
};

/* PostgreSQL failed: logs that once, drops the connection, and pauses. */
static void postgresql_is_away(Deliver *deliver, const Error *error)
{
	queue_close(&deliver->queue);
	health_away(SERVER_POSTGRESQL, LANE, error);
	(void) retry_wait(&deliver->postgresql_retry);
}

static void postgresql_is_back(Deliver *deliver)
{
	health_back(SERVER_POSTGRESQL, LANE);
	retry_reset(&deliver->postgresql_retry);
}

static void smtp_is_back(Deliver *deliver)
{
	health_back(SERVER_SMTP, LANE);
	retry_reset(&deliver->smtp_retry);
}

static void log_mail(LogLevel level, const char *message, const QueueMail *queued,
					 const Error *error)
{
	if (error == NULL)
		log_line(level, message, {"job", queued->id, 0}, {"attempt", NULL, queued->attempt});
	else
		log_line(level, message, {"job", queued->id, 0}, {"attempt", NULL, queued->attempt},
				 {"error", error->text, 0});
}

/* The SMTP server has the mail; false and *error if PostgreSQL could not be told. */
static bool report_sent(Deliver *deliver, const QueueMail *queued, const char *answer, Error *error)
{
	if (!queue_sent(&deliver->queue, queued, answer, error))
	{
		SOMETIMES("mailer.not_told");
		taken_remember(&deliver->taken, queued->id, answer);
		log_mail(LOG_WARNING, "mail sent, but PostgreSQL could not be told yet", queued, error);
		return false;
	}
	taken_forget(&deliver->taken, queued->id);
	deliver->sent++;
	log_mail(LOG_INFO, "mail sent", queued, NULL);
	return true;
}

static bool report_failed(Deliver *deliver, const QueueMail *queued, const Error *reason,
						  bool final, Error *error)
{
	log_mail(LOG_WARNING, "mail failed", queued, reason);
	return queue_failed(&deliver->queue, queued, reason->text, final, error);
}

/* The server is away: no attempt of this mail is counted. */
static bool report_away(Deliver *deliver, const QueueMail *queued, const Error *reason,
						Error *error)
{
	SOMETIMES("mailer.server_away");
	health_away(SERVER_SMTP, LANE, reason);
	if (!queue_release(&deliver->queue, queued, error))
		return false;
	(void) retry_wait(&deliver->smtp_retry);
	return true;
}

/*
 * A server that closes may be away, or may close on this mail every time. The released mail is
 * first in the queue again, so it would hold up all others for ever: in the end an attempt is
 * counted, and the mail waits like any other that was refused.
 */
static bool report_closed(Deliver *deliver, const QueueMail *queued, const Error *reason,
						  Error *error)
{
	if (strcmp(deliver->closed_on, queued->id) != 0)
	{
		snprintf(deliver->closed_on, sizeof(deliver->closed_on), "%s", queued->id);
		deliver->closed_times = 0;
	}
	if (deliver->closed_times++ < PATIENCE)
		return report_away(deliver, queued, reason, error);
	SOMETIMES("mailer.closed_again_and_again");
	deliver->closed_on[0] = '\0';
	return report_failed(deliver, queued, reason, false, error);
}

/* False and *reason; ERROR_PROTOCOL: no later attempt would do better. */
static bool write_mail(const Deliver *deliver, const QueueMail *queued, Mail *mail, Error *reason)
{
	const TextsValues values = {queued->email, queued->code, queued->company, queued->inviter};
	const Texts *texts = texts_find(deliver->texts, queued->kind);

	/* Of a newer extension: a newer mailer can send it. */
	if (texts == NULL)
		return error_set(reason, ERROR_CONFIG, "no texts for mails of the kind \"%s\"",
						 queued->kind);
	if (*queued->stale != '\0')
		return error_set(reason, ERROR_PROTOCOL, "%s", queued->stale);
	return mail_write(mail, texts, &deliver->sender, queued->id, &values, time(NULL), reason);
}

/* Sends the mail that we hold; false and *error if PostgreSQL could not be told. */
static bool send_mail(Deliver *deliver, const QueueMail *queued, Error *error)
{
	char answer[SMTP_ANSWER_SIZE];
	Error reason = {0};
	Mail mail;
	SmtpOutcome outcome;
	const char *before = taken_answer(&deliver->taken, queued->id);

	SOMETIMES_IF(before != NULL, "mailer.told_later");
	if (before != NULL)
		return report_sent(deliver, queued, before, error);
	if (!write_mail(deliver, queued, &mail, &reason))
		return report_failed(deliver, queued, &reason, reason.code == ERROR_PROTOCOL, error);
	outcome = smtp_send(deliver->smtp, &mail, answer, &reason);
	mail_free(&mail);
	switch (outcome)
	{
		case SMTP_SENT:
			smtp_is_back(deliver);
			return report_sent(deliver, queued, answer, error);
		case SMTP_REFUSED:
			/* The server answers: it is not away. */
			smtp_is_back(deliver);
			return report_failed(deliver, queued, &reason, false, error);
		case SMTP_UNREAD:
			smtp_is_back(deliver);
			return report_failed(deliver, queued, &reason, true, error);
		case SMTP_AWAY:
			return report_away(deliver, queued, &reason, error);
		case SMTP_AWAY_NOW:
			return report_closed(deliver, queued, &reason, error);
		default:
			SOMETIMES("mailer.stopped_in_a_mail");
			log_mail(LOG_WARNING,
					 "stopped waiting for the SMTP server: the mail will be sent later", queued,
					 NULL);
			return queue_release(&deliver->queue, queued, error);
	}
}

/* Nothing is due: sleeps until something may be due. */
static bool wait_for_mail(Deliver *deliver, int wait_ms, Error *error)
{
	bool idle = true;

	postgresql_is_back(deliver);
	if (wait_ms < BUSY_MS)
		wait_ms = BUSY_MS;
	if (wait_ms > IDLE_CONNECTION_MS)
	{
		if (!queue_wait(&deliver->queue, IDLE_CONNECTION_MS, &idle, error))
			return false;
		if (!idle)
			return true;
		smtp_disconnect(deliver->smtp);
		wait_ms -= IDLE_CONNECTION_MS;
	}
	return queue_wait(&deliver->queue, wait_ms, &idle, error);
}

/* Sends one mail, or waits for one. False and *error if PostgreSQL is away. */
static bool step(Deliver *deliver, Error *error)
{
	QueueMail queued;
	bool found = false;
	bool ours = false;
	bool done;
	int wait_ms;

	if (!queue_ready(&deliver->queue, error) ||
		!queue_claim(&deliver->queue, &queued, &found, deliver->config->poll_interval_s * 1000,
					 &wait_ms, error))
		return false;
	if (!found)
		return wait_for_mail(deliver, wait_ms, error);
	if (!queue_begin(&deliver->queue, &queued, &ours, error))
		return false;
	postgresql_is_back(deliver);
	SOMETIMES_IF(!ours, "mailer.not_ours");
	done = !ours || send_mail(deliver, &queued, error);
	explicit_bzero(queued.code, sizeof(queued.code));
	return done;
}

static void *run(void *argument)
{
	Deliver *deliver = argument;

	while (!stop_requested())
	{
		Error error = {0};

		if (step(deliver, &error))
			continue;
		if (error.code == ERROR_MEMORY)
		{
			log_message(LOG_ERROR, error.text);
			stop_failed(error.code);
		}
		else
			postgresql_is_away(deliver, &error);
	}
	/* Here, where main.c still watches the time: saying goodbye may block. */
	smtp_disconnect(deliver->smtp);
	queue_close(&deliver->queue);
	atomic_store(&deliver->running, false);
	return NULL;
}

static bool start(Deliver *deliver, const SmtpUrl *url, Error *error)
{
	int failure;

	deliver->smtp = smtp_new(deliver->config, url, error);
	if (deliver->smtp == NULL)
		return false;
	deliver->running = true;
	failure = pthread_create(&deliver->thread, NULL, run, deliver);
	return failure == 0 ||
		   error_set(error, ERROR_MEMORY, "cannot start a thread: %s", strerror(failure));
}

Deliver *deliver_start(const Config *config, const SmtpUrl *url, const TextsSet *texts,
					   Error *error)
{
	Deliver *deliver = calloc(1, sizeof(*deliver));

	if (deliver == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	deliver->config = config;
	deliver->texts = texts;
	deliver->sender = (MailSender){config->from, config->from_name, config->domain};
	deliver->queue = queue_new(config);
	if (start(deliver, url, error))
		return deliver;
	smtp_free(deliver->smtp);
	free(deliver);
	return NULL;
}

bool deliver_is_running(const Deliver *deliver)
{
	return atomic_load(&deliver->running);
}

int64_t deliver_finish(Deliver *deliver)
{
	int64_t sent;

	(void) pthread_join(deliver->thread, NULL);
	sent = deliver->sent;
	smtp_free(deliver->smtp);
	free(deliver);
	return sent;
}
