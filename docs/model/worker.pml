/*
 * worker.pml - the worker of src/publish/, and how the broker takes what it sends.
 */

#define S stream[class]

#define unfinished(class) ((stored & MASK(class)) != MASK(class))
#ifdef BROKEN_WORKER_DEAF
#define wanted(class) ((status == GOING || status == PAUSED) && unfinished(class))
#else
#define wanted(class) (status == GOING && unfinished(class))
#endif

/* outbox_active(): an earlier class is not stored completely. */
#ifdef BROKEN_BARRIER
#define behind_barrier(class) ((class) == NORMAL && published[VIP] < VIPS)
#else
#define behind_barrier(class) ((class) == NORMAL && unfinished(VIP))
#endif

inline forget_tickets(class)
{
	do
	:: nempty(tickets[class]) -> tickets[class] ? _, _
	:: empty(tickets[class]) -> break
	od
}

/* stream_rewind(): a new epoch, in which the tickets of the one before say nothing. */
inline stream_rewind(class)
{
#ifdef BROKEN_STREAM_REWIND
	S.next = LEAST(S.confirmed + 2, TOTAL(class) + 1);
#else
	S.next = S.confirmed + 1;
#endif
#ifndef BROKEN_TICKET_EPOCH
	forget_tickets(class)
#endif
}

inline forget_stream(class)
{
	S.exists = false;
	S.live = false;
	S.blocked = false;
	S.stale = false;
	S.next = 0;
	S.confirmed = 0
}

/* look.c: take_over(), drop_missing(). */
#define look_shows_news(class) \
	(wanted(class) != stream[class].live || (stream[class].live && \
		(stream[class].stale || stream[class].blocked != behind_barrier(class))) || \
	 (stream[class].exists && !wanted(class) && empty(tickets[class])))

inline look_at(class)
{
	if
	:: wanted(class) ->
		if
		:: !S.exists ->
			S.exists = true;
			S.confirmed = published[class];
			S.next = published[class] + 1
		:: S.exists && S.stale ->
			S.confirmed = published[class];
			stream_rewind(class)
		:: else
		fi;
		S.stale = false;
		S.live = true;
		S.blocked = behind_barrier(class)
	:: else ->
		S.live = false;
		S.blocked = false;
		if
		:: empty(tickets[class]) -> forget_stream(class)
		:: nempty(tickets[class])
		fi
	fi
}

/* link_disconnect(). */
inline disconnect()
{
	c = VIP;
	do
	:: c <= NORMAL ->
		if
		:: stream[c].exists -> forget_tickets(c); stream_rewind(c)
		:: else
		fi;
		c++
	:: else -> break
	od;
	link_broken = false
}

/* send.c: a batch, of as many as fit, and what becomes of it. */
inline publish(class)
{
	published_rightly(class);
	size = 1;
	if
	:: true
	:: BATCH > 1 && S.next < TOTAL(class) -> size = 2
	fi;
	batch = UPTO(class, S.next + size - 1) & ~UPTO(class, S.next - 1);
	S.next = S.next + size;
	if
	:: true ->
		queue[queued] = batch;
		queued++;
		accepted = accepted | batch;
		tickets[class] ! S.next - 1, CONFIRM
	:: nacks > 0 ->
		nacks--;
#ifdef BROKEN_NACK
		tickets[class] ! S.next - 1, CONFIRM
#else
		tickets[class] ! S.next - 1, NACK
#endif
	:: cuts > 0 -> cuts--; link_broken = true
	fi
}

/* link.c: what the broker has settled. */
inline listen(class)
{
	tickets[class] ? size, answer;
	if
	:: answer == CONFIRM -> S.confirmed = size
	:: else -> stream_rewind(class)
	fi
}

#define can_publish(class) (stream[class].live && !stream[class].blocked && \
	stream[class].next <= TOTAL(class) && !link_broken && queued < QUEUE && nfull(tickets[class]))
#define can_mark(class) (stream[class].exists && stream[class].confirmed > published[class])

/* watch.c: confirmed, not stored, and nothing is left for the consumer. */
#define nobody_has_anything (lane[0].chunk == 0 && lane[0].report == NOTHING && \
	lane[LANES - 1].chunk == 0 && lane[LANES - 1].report == NOTHING && queued == 0)
#define stalled(class) (stream[class].live && !stream[class].stale && \
	stream[class].confirmed > THROUGH(stored, class) && stream[class].next == stream[class].confirmed + 1 && \
	taken == queued && owner != NOBODY && ((lost && nobody_has_anything) || early_stalls > 0))

inline republish(class)
{
	if
	:: lost && nobody_has_anything
	:: else -> early_stalls--
	fi;
	rewind_to_stored(class)
}

proctype worker()
{
end:
	do
	:: atomic { look_shows_news(VIP) || look_shows_news(NORMAL) || (STOPPED && !looked) ->
			look_at(VIP);
			look_at(NORMAL);
			looked = true }

	:: atomic { can_publish(VIP) -> publish(VIP) }
	:: atomic { can_publish(NORMAL) -> publish(NORMAL) }
	:: atomic { nempty(tickets[VIP]) -> listen(VIP) }
	:: atomic { nempty(tickets[NORMAL]) -> listen(NORMAL) }

	/* mark.c. */
#ifdef BROKEN_EPOCH
	:: atomic { can_mark(VIP) -> outbox_mark(VIP) }
	:: atomic { can_mark(NORMAL) -> outbox_mark(NORMAL) }
#else
	:: atomic { can_mark(VIP) && !stream[VIP].stale -> outbox_mark(VIP) }
	:: atomic { can_mark(NORMAL) && !stream[NORMAL].stale -> outbox_mark(NORMAL) }
#endif

	:: atomic { stalled(VIP) -> republish(VIP) }
	:: atomic { stalled(NORMAL) -> republish(NORMAL) }

	/* outbox_finish(): the row was locked when the last report came. */
#ifndef BROKEN_NO_FINISH
	:: atomic { stored == ALL && (status == GOING || status == PAUSED) -> end_campaign() }
#endif

	/* The connection is lost: a batch, or the confirms of those that have arrived. */
	:: atomic { link_broken -> disconnect() }
	:: atomic { cuts > 0 && !link_broken && (nempty(tickets[VIP]) || nempty(tickets[NORMAL])) ->
			cuts--;
			disconnect() }

	/*
	 * kill -9, of the worker or of PostgreSQL: a mark is not flushed at once (outbox.c) and may be
	 * lost with it.
	 */
	:: atomic { worker_crashes > 0 && (stream[VIP].exists || stream[NORMAL].exists) ->
			worker_crashes--;
			if
			:: true
			:: published[VIP] > 0 -> published[VIP] = published[VIP] - 1
			:: published[NORMAL] > 0 -> published[NORMAL] = published[NORMAL] - 1
			fi;
			forget_tickets(VIP);
			forget_tickets(NORMAL);
			forget_stream(VIP);
			forget_stream(NORMAL);
			link_broken = false }
	od
}
