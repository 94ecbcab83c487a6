/*
 * queue.h - the mails that PostgreSQL has for us; nothing else of the program
 * knows SQL.
 *
 * A mail is taken in a transaction of its own, so that everybody sees that it is
 * being sent; a second one holds its row's lock while it is sent, so that nobody
 * else takes it for abandoned, and ends with what became of it. If the program or
 * its connection dies between, the lock goes, and another mailer takes the mail.
 */
#ifndef CAMPAIGN_MAILER_QUEUE_H
#define CAMPAIGN_MAILER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "contract/error.h"
#include "program/looks.h"
#include "program/pgconn.h"

#define QUEUE_ID_SIZE	   64
#define QUEUE_EMAIL_SIZE   1024
#define QUEUE_KIND_SIZE	   32
#define QUEUE_CODE_SIZE	   64
#define QUEUE_COMPANY_SIZE 512
#define QUEUE_REASON_SIZE  128

typedef struct QueueMail
{
	char id[QUEUE_ID_SIZE];
	char email[QUEUE_EMAIL_SIZE]; /* as it is in the database: not checked */
	char kind[QUEUE_KIND_SIZE];	  /* as texts_find() wants it */
	char code[QUEUE_CODE_SIZE];	  /* secret; "" if this kind has none, and so are the others */
	char company[QUEUE_COMPANY_SIZE];
	char inviter[QUEUE_EMAIL_SIZE];
	char stale[QUEUE_REASON_SIZE]; /* why nobody is to get it any more; "": it is to be sent */
	int attempt;
	int priority; /* with seq: its place in the queue */
	int64_t seq;
} QueueMail;

typedef struct Queue
{
	PgConnection postgres;
	int64_t longest_wait_ms; /* between two looks from the beginning of the queue */
	Looks looks;
	bool place_known; /* of the last mail that we got */
	int priority;
	int64_t seq;
	bool above; /* mails of higher priorities are looked for there, too */
} Queue;

/* Of all functions: false and *error, with ERROR_UNREACHABLE if the connection is lost. */

/* Not connected yet; `config` must outlive it. */
Queue queue_new(const Config *config);
void queue_close(Queue *queue);

/* Connects and listens, if that is not done. */
bool queue_ready(Queue *queue, Error *error);

/*
 * Takes the next mail, behind the last one that we got most of the time; *found: there was one. If
 * not, *wait_ms says when to look again, at most `longest` ms later.
 */
bool queue_claim(Queue *queue, QueueMail *mail, bool *found, int longest, int *wait_ms,
				 Error *error);

/*
 * Begins the transaction in which the mail is sent. *ours false: somebody else has it,
 * or it was cancelled; the transaction is over.
 */
bool queue_begin(Queue *queue, const QueueMail *mail, bool *ours, Error *error);

/*
 * End that transaction: the mail is sent, has failed once more (final: for good), or is to be
 * tried again.
 */
bool queue_sent(Queue *queue, const QueueMail *mail, const char *answer, Error *error);
bool queue_failed(Queue *queue, const QueueMail *mail, const char *reason, bool final,
				  Error *error);
bool queue_release(Queue *queue, const QueueMail *mail, Error *error);

/*
 * Waits until a mail may be due: a notification came, the connection has something to
 * say, or a stop was requested; at most so long. *idle: none of these. True unless
 * the connection is lost.
 */
bool queue_wait(Queue *queue, int wait_ms, bool *idle, Error *error);

/* Whether the login may do all this, for --check. */
bool queue_check(Queue *queue, Error *error);

#endif /* CAMPAIGN_MAILER_QUEUE_H */
