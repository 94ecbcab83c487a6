/*
 * campaign.pml - one campaign on its way through worker, broker, consumer, MongoDB and back; see
 * README.md.
 *
 * This file has the parameters and the state. Everything is global, and every step is atomic, so that
 * a crash is one more step, possible between any two others: it clears what a process remembers.
 *
 * A recipient is a bit: those of VIP first, then those of NORMAL, each class by seq. A set of
 * recipients (a batch, a chunk, what MongoDB holds, what is reported) is a byte.
 */

/* How large: recipients of a class (at most 3), recipients of a batch, and what fits where. */
#ifndef VIPS
#define VIPS 1
#endif
#ifndef NORMALS
#define NORMALS 2
#endif
#ifndef BATCH
#define BATCH 2
#endif
#ifndef QUEUE
#define QUEUE 3 /* batches */
#endif
#ifndef TICKETS
#define TICKETS 2 /* batches of a class that wait for their confirm */
#endif
#ifndef CHUNK
#define CHUNK 2 /* deliveries */
#endif
#ifndef LANES
#define LANES 1 /* consumers: one has the queue, another one may still hold what it had taken */
#endif
#ifndef ORDERED
#define ORDERED true
#endif

/* How often each of these may happen in a run. */
#ifndef WORKER_CRASHES
#define WORKER_CRASHES 0
#endif
#ifndef CONSUMER_CRASHES
#define CONSUMER_CRASHES 0
#endif
#ifndef CUTS
#define CUTS 0 /* the worker's connection is lost, and its unconfirmed batches or their confirms with it */
#endif
#ifndef CONSUMER_CUTS
#define CONSUMER_CUTS 0
#endif
#ifndef NACKS
#define NACKS 0
#endif
#ifndef PURGES
#define PURGES 0 /* the broker forgets what it has confirmed */
#endif
#ifndef EARLY_STALLS
#define EARLY_STALLS 0 /* the consumer was only slow */
#endif
#ifndef FAILED_INSERTS
#define FAILED_INSERTS 0 /* with an end that nobody knows */
#endif
#ifndef RESTORES
#define RESTORES 0 /* of an older MongoDB */
#endif
#ifndef LOCKS
#define LOCKS 0 /* a client holds the campaign's row when it would become `sent` */
#endif
#ifndef PAUSES
#define PAUSES 0
#endif
#ifndef CANCELS
#define CANCELS 0
#endif

#define VIP		   0
#define NORMAL	   1
#define TOTAL(c)   ((c) == VIP -> VIPS : NORMALS)
#define BASE(c)	   ((c) == VIP -> 0 : VIPS)
#define ALL		   ((1 << (VIPS + NORMALS)) - 1)
#define VIP_MASK   ((1 << VIPS) - 1)
#define MASK(c)	   ((c) == VIP -> VIP_MASK : ALL & ~VIP_MASK)
#define UPTO(c, n) (((1 << (n)) - 1) << BASE(c)) /* the recipients 1 ... n of a class */
#define CLASS(set) (((set) & VIP_MASK) != 0 -> VIP : NORMAL)

/* Of a set and a class: its seqs as bits 1, 2 and 4; how far it goes without a gap; its ends. */
#define SEQS(set, c)	(((set) & MASK(c)) >> BASE(c))
#define THROUGH_(s)		(((s) & 1) == 0 -> 0 : (((s) & 2) == 0 -> 1 : (((s) & 4) == 0 -> 2 : 3)))
#define HIGHEST_(s)		(((s) & 4) != 0 -> 3 : (((s) & 2) != 0 -> 2 : (s)))
#define LOWEST_(s)		(((s) & 1) != 0 -> 1 : (((s) & 2) != 0 -> 2 : 3))
#define THROUGH(set, c) (THROUGH_(SEQS(set, c)))
#define HIGHEST(set, c) (HIGHEST_(SEQS(set, c)))
#define LOWEST(set, c)	(LOWEST_(SEQS(set, c)))
#define LEAST(a, b)		((a) < (b) -> (a) : (b))

/* PostgreSQL: sql/20_campaigns.sql. GOING stands for queued, publishing and published. */
#define GOING	  0
#define PAUSED	  1
#define CANCELLED 2
#define SENT	  3
#define STOPPED	  (status == PAUSED || status == CANCELLED)

unsigned status : 2 = GOING;
byte published[2];
byte stored;

/* MongoDB. */
byte mongo;

/* RabbitMQ: the queue, and how many from its front are with a consumer, unacked. */
#define NOBODY LANES
byte queue[QUEUE];
unsigned queued : 3;
unsigned taken : 3;
unsigned owner : 2 = NOBODY;

/* The worker's streams: src/publish/stream.c. */
typedef Stream
{
	bool exists;
	bool live;
	bool blocked;
	bool stale;			/* its `rewinds` is not that of the table any more */
	byte next;
	byte confirmed;
};
Stream stream[2];
bool link_broken;

/* What the broker has said of a stream's batches, in the order of sending: link.c reads it. */
#define CONFIRM 1
#define NACK	0
chan tickets[2] = [TICKETS] of { byte, byte };

/* A lane of a consumer: consumer/lane_state.h. */
#define FILLING	  0 /* fill() */
#define STORING	  1 /* before store_insert() */
#define INSERTING 2 /* the insert is on its way */
#define DONE	  3 /* MongoDB has answered */

#define UNASKED	 0 /* or the answer is too old */
#define MAY_GO	 1
#define MUST_NOT 2

#define NOTHING	 0
#define TO_SEND	 1 /* the report */
#define TO_LOOK	 2 /* at MongoDB, before the campaign ends: look.c */
#define LOOKED	 3
#define REPORTED 4

typedef Lane
{
	unsigned phase : 2;
	bool known;			/* position.c has the campaign */
	bool read_again;	/* ... and has just read it */
	byte next[2];
	byte gap[2];
	byte chunk;
	unsigned chunk_count : 2; /* deliveries */
	byte pending;
	unsigned pending_count : 2;
	unsigned report : 3;
	unsigned answer : 2;	/* of campaign.report_stopped() */
	bool newer;				/* a delivery came after the question */
	bool reconnect;			/* MongoDB was away: the connection breaks */
	byte mark;				/* mark.c: the last document that was stored */
};
Lane lane[LANES];

/* What happened, for the properties. */
byte accepted;		  /* what the broker has ever had */
bool doubled;		  /* something was stored twice */
bool in_time = true;  /* since the pause no time has passed, so to say */
bool looked;		  /* the worker has looked since */
bool lost;			  /* the broker has forgotten confirmed messages */

/* What may still happen. */
byte worker_crashes = WORKER_CRASHES;
byte consumer_crashes = CONSUMER_CRASHES;
byte cuts = CUTS;
byte consumer_cuts = CONSUMER_CUTS;
byte nacks = NACKS;
byte purges = PURGES;
byte early_stalls = EARLY_STALLS;
byte failed_inserts = FAILED_INSERTS;
byte restores = RESTORES;
byte locks = LOCKS;
byte pauses = PAUSES;
byte cancels = CANCELS;

/* Of a single step. */
hidden byte i;
hidden byte c;
hidden byte batch;
hidden byte size;
hidden byte answer;

#include "properties.pml"
#include "postgres.pml"
#include "consumer.pml"
#include "worker.pml"
#include "world.pml"
