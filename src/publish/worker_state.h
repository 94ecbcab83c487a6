/*
 * worker_state.h - what the files of the worker's loop share. Times are those of the monotonic
 * clock, in ms.
 */
#ifndef CAMPAIGN_WORKER_STATE_H
#define CAMPAIGN_WORKER_STATE_H

#include "postgres.h"

#include "program/clock.h"

#include "bucket.h"
#include "changes.h"
#include "outbox.h"
#include "publisher.h"
#include "replay_pace.h"
#include "streams.h"

#define WORKER_SLICE_MS                                                                            \
	20 /* of a turn for one kind of work: whoever comes meanwhile waits no longer */

/* What is known of a queue. */
typedef struct WorkerQueue
{
	char name[MESSAGE_QUEUE_NAME_MAX];
	int64 asked_at;		 /* when the broker was asked about it; 0: not on this connection */
	bool drained;		 /* its answer: nothing is ready, and there is a consumer */
	bool served;		 /* there is a consumer */
	int64 moved_at;		 /* when a campaign in it was last stored on, or the first one came */
	bool refused;		 /* it refuses batches; said in the log */
	int64 nacked_at;	 /* when it last refused one */
	int64 refused_since; /* it has only refused since; 0: it has not */
} WorkerQueue;

/* A look at all unfinished campaigns, page by page; of look.c. */
typedef struct Sweep
{
	uint32 number; /* of this one, or of the last */
	bool running;
	bool everything; /* what only waits for the store, too */
	bool missing;	 /* all pages are read; those that were in none are looked for */
	bool again;		 /* something was heard meanwhile */
	OutboxPart part;
	char after[MESSAGE_ID_MAX + 1]; /* the end of the last page */
	int64 started_at;
	int64 spent_ms;
	bool is_long; /* what is open, in this one or in the last, is more than a page */
	int64 next;	  /* the next one not before: sweeps leave time for the rest */
} Sweep;

/* What is told to those who listen; of live.c. */
typedef struct Live
{
	uint64 position;		   /* what changed before is told, or stands in `ids` */
	ChangeId ids[CHANGES_MAX]; /* of this round */
	int count;
	int told;	 /* of these */
	bool missed; /* changes that nobody knows any more are to be told of */
	bool failing;
	int64 tell_at; /* the next round not before */
} Live;

/* Dead letters, taken over and published again; of dead.c. */
typedef struct DeadLetters
{
	bool subscribed;	/* when it last looked */
	int64 subscribe_at; /* not before */
	int64 take_at;		/* the letter in hand not before */
	bool refused;		/* by the broker; said in the log */
	int room;			/* for so many more, or more than that */
	int room_most;		/* the setting that this follows from */
	bool full;			/* no room for more */
	bool full_known;	/* the table of troubles says so, or that it is not so */
	int64 tell_at;		/* that it is off, not before */
	int64 replaying;	/* the letter whose confirm is waited for; 0: none */
	WorkerQueue *queue; /* that it was published to; NULL: none of ours */
	int64 after;		/* the last one that its queue refused: the next one comes first */
	bool settled;		/* the broker has answered */
	bool confirmed;		/* its answer */
	int64 look_at;		/* when to look for one to replay */
	int64 looked_at;	/* when that was last done */
	ReplayPace pace;	/* whose limit makes it wait */
	uint32 wake_ups;	/* that it has seen */
} DeadLetters;

typedef struct Worker
{
	Publisher *publisher;						  /* NULL: not connected */
	char *url;									  /* that the publisher uses; secret */
	int broker_hosts;							  /* in the URL */
	unsigned broker_turn;						  /* which of them is to be tried */
	bool away;									  /* the broker; said in the log */
	ErrorCode away_code;						  /* and why: another reason is said too */
	char undeclared[MESSAGE_QUEUE_NAME_MAX];	  /* the queue that it does not let us declare */
	bool blocked;								  /* by the broker's alarm; said in the log */
	bool silent;								  /* the broker confirms nothing; said in the log */
	const char *troubles[MESSAGE_PARTITIONS + 2]; /* as they stand in the table; trouble.c's */
	bool troubles_known;						  /* they stand there */
	int64 heard_at; /* when it last settled a batch, or had none to settle */
	int backoff_ms;
	int64 connect_at;

	Streams streams;
	WorkerQueue queues[MESSAGE_PARTITIONS + 1];
	int64 look_at;	  /* when to look at the tables next */
	int64 look_after; /* but not before: looks leave time for the rest */
	Sweep sweep;
	int64 watched_at;  /* when the last sweep of everything began that has come to its end */
	int64 watch_after; /* not another one before */
	uint32 wake_ups;   /* that the last look has seen */
	int64 due_at;	   /* when the next scheduled campaign comes, by the monotonic clock */
	bool more_to_send; /* its time of the turn is over, not its work */
	bool ready;		   /* the extension is there, in the version of this library */
	bool held_back;	   /* the publisher had no room for what could be published */
	bool limited;  /* by campaign.rate: its bucket was empty when something could have been sent */
	int sharing;   /* streams that share campaign.rate, when they were last counted */
	int rate_told; /* the rate that is in campaign.troubles; 0: none */
	int64 limited_at; /* when it last was */
	int64 count_sharing_at;
	Bucket bucket; /* of campaign.rate */
	Live live;
	DeadLetters dead;
	MemoryContext turn; /* reset at every turn */
	char body[MESSAGE_BODY_MAX];
	OutboxRecipient recipients[MESSAGE_BATCH_MAX];
	MessageOwn owns[MESSAGE_BATCH_MAX]; /* what they bring in MESSAGE_VERSION_OWN */
} Worker;

/* Lowers *when to `other`. */
static inline void earlier(int64 *when, int64 other)
{
	*when = Min(*when, other);
}

#endif /* CAMPAIGN_WORKER_STATE_H */
