/*
 * worker.h - the background worker of one database, from rows to the broker:
 * its state, and the rooms of its loop.
 */
#ifndef CAMPAIGN_WORKER_H
#define CAMPAIGN_WORKER_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#include "outbox.h"
#include "publisher.h"
#include "stream.h"

#define WORKER_TYPE "campaign worker" /* pg_stat_activity.backend_type */

#define WORKER_BACKOFF_MIN_MS 200

typedef struct Worker
{
	Publisher *publisher; /* NULL: not connected */
	char *url;			  /* that the publisher uses; secret */
	bool away;			  /* the broker; said in the log */
	ErrorCode away_code;  /* and why: another reason is said too */
	bool blocked;		  /* by the broker's alarm; said in the log */
	bool silent;		  /* the broker confirms nothing; said in the log */
	TimestampTz heard_at; /* when it last settled a batch, or had none to settle */
	int backoff_ms;
	TimestampTz connect_at;

	List *streams;
	TimestampTz look_at;   /* when to look at the tables next */
	TimestampTz looked_at; /* when it last did */
	TimestampTz finish_at; /* when to look for campaigns that nobody could finish */
	TimestampTz marked_at; /* when confirms were last written down */
	int first;			   /* stream that publishes first at the next turn */
	bool held_back;		   /* the publisher had no room for what could be published */
	MemoryContext turn;	   /* reset at every turn */
	char body[MESSAGE_BODY_MAX];
	OutboxRecipient recipients[MESSAGE_BATCH_MAX];
} Worker;

/* Lowers *when to `other`. */
static inline void earlier(TimestampTz *when, TimestampTz other)
{
	*when = Min(*when, other);
}

/* Entry point; bgw_extra holds the name of the database. */
PGDLLEXPORT void campaign_worker_main(Datum argument);

/* worker.c: takes over what the tables say. */
void worker_look(Worker *worker);

/* link.c: connects if it is time to; closes; closes and says why; hears confirms. */
void worker_connect(Worker *worker);
void worker_disconnect(Worker *worker, bool polite);
void worker_lost_broker(Worker *worker, const Error *problem);
void worker_listen(Worker *worker);

/* send.c: sends what the streams may send. */
void worker_publish(Worker *worker);

/*
 * guard.c: does something for one stream. If that ends in an error, the stream is set aside for a
 * while, and false comes back: what is wrong with one campaign must not stop the others.
 */
typedef bool (*WorkerAction)(Worker *worker, Stream *stream);
bool worker_guard(Worker *worker, Stream *stream, WorkerAction action);

/* watch.c: publishes again what the broker forgot; lowers *wake_at to the next suspicion. */
void worker_check_stalls(Worker *worker, TimestampTz *wake_at);

#endif /* CAMPAIGN_WORKER_H */
