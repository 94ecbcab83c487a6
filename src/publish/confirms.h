/*
 * confirms.h - which batches the broker has still to confirm, and how many more
 * may be sent meanwhile.
 *
 * Bookkeeping only: no librabbitmq, no PostgreSQL header. A batch is in here
 * from the moment it is sent until the caller has taken it, settled.
 */
#ifndef CAMPAIGN_CONFIRMS_H
#define CAMPAIGN_CONFIRMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIRMS_MAX	   4096				 /* batches not taken; a power of two */
#define CONFIRMS_BYTES_MAX (4 * 1024 * 1024) /* that the broker has to remember for us */

/* What the caller wants to know when a batch is settled; copied, never looked into. */
typedef struct ConfirmsTicket
{
	void *stream;	  /* caller's; NULL: a dead letter */
	uint32_t epoch;	  /* caller's */
	int64_t last_seq; /* last recipient of the batch */
} ConfirmsTicket;

typedef enum ConfirmsState
{
	CONFIRMS_WAITING,
	CONFIRMS_ACKED,
	CONFIRMS_NACKED
} ConfirmsState;

typedef struct ConfirmsEntry
{
	ConfirmsTicket ticket;
	size_t bytes;
	ConfirmsState state;
} ConfirmsEntry;

/* Delivery tags count from 1 on a channel: the batch with tag t is ring[t % CONFIRMS_MAX]. */
typedef struct Confirms
{
	size_t waiting_bytes;
	uint64_t oldest; /* tag of the oldest batch that is not taken */
	uint64_t next;	 /* tag of the next batch */
	ConfirmsEntry ring[CONFIRMS_MAX];
} Confirms;

void confirms_init(Confirms *confirms);

/* Batches that are not taken, settled or not. */
size_t confirms_count(const Confirms *confirms);

/*
 * How many batches of `bytes` may be sent now, if the socket's buffer holds `capacity` bytes and
 * `queued` of them are taken: 0 as soon as the broker has too much to confirm.
 */
size_t confirms_room(const Confirms *confirms, size_t capacity, size_t queued, size_t bytes);

/* The next batch was sent. False if there is no place for it: nothing is remembered then. */
__attribute__((warn_unused_result)) bool confirms_add(Confirms *confirms, ConfirmsTicket ticket,
													  size_t bytes);

/*
 * The broker has settled a tag, or (`multiple`) everything up to it. Tags that are settled already
 * or were never sent are left alone.
 */
void confirms_settle(Confirms *confirms, uint64_t tag, bool multiple, bool acked);

/* Takes the oldest batch if it is settled; false if it is not. In the order of sending. */
bool confirms_take(Confirms *confirms, ConfirmsTicket *ticket, bool *acked);

#endif /* CAMPAIGN_CONFIRMS_H */
