/*
 * consumer.pml - a lane of campaign-consumer: consumer/pipeline.c, admit.c, resume.c, look.c, mark.c,
 * settle.c.
 */

#define L lane[me]

/* basic.ack of so many from the front, multiple. */
inline acknowledge(count)
{
	i = 0;
	do
	:: i + count < queued -> queue[i] = queue[i + count]; i++
	:: else -> break
	od;
	do
	:: i < queued -> queue[i] = 0; i++
	:: else -> break
	od;
	queued = queued - count;
	taken = taken - count
}

/* position_clear(), position_forget(). */
inline forget_position(me)
{
	L.known = false;
	L.read_again = false;
	L.next[VIP] = 0;
	L.next[NORMAL] = 0;
	L.gap[VIP] = 0;
	L.gap[NORMAL] = 0
}

/* The queue goes to the next consumer, with all that is unacked, in order. */
inline give_queue_back(me)
{
	if
	:: owner == me -> owner = NOBODY; taken = 0
	:: else
	fi
}

/* A crash; settle_release() comes to the same. */
inline forget_everything(me)
{
	give_queue_back(me);
	forget_position(me);
	L.phase = FILLING;
	L.chunk = 0;
	L.chunk_count = 0;
	L.pending = 0;
	L.pending_count = 0;
	L.report = NOTHING;
	L.answer = UNASKED;
	L.newer = false;
	L.reconnect = false;
	L.mark = 0
}

/* resume.c: the first seq to be stored, from both servers. Reports what MongoDB has lost. */
inline resume_campaign(me)
{
	c = VIP;
	do
	:: c <= NORMAL ->
		L.next[c] = LEAST(HIGHEST(mongo, c), THROUGH(stored, c)) + 1;
		if
		:: L.next[c] <= THROUGH(stored, c) -> report_gap(c, L.next[c])
		:: else
		fi;
		c++
	:: else -> break
	od;
	L.known = true;
	L.read_again = true;
#ifndef BROKEN_NO_FIRST_MARK
	if
	:: L.mark == 0 -> L.mark = LAST(mongo)
	:: else
	fi
#endif
}

/* The delivery needs nothing more but the ack. */
inline finish(me)
{
	taken++;
	L.chunk_count++
}

#define head		queue[taken]
#define head_class	CLASS(queue[taken])
#define head_first	LOWEST(queue[taken], CLASS(queue[taken]))
#define head_last	HIGHEST(queue[taken], CLASS(queue[taken]))
#define head_next	L.next[CLASS(queue[taken])]
#define can_take	(owner == me && L.phase == FILLING && taken < queued && L.chunk_count < CHUNK)

/* What report_stopped() says. */
#define must_stop (status == PAUSED || status == CANCELLED)

proctype consumer(byte me)
{
end:
	do
	/* step_subscribe(): the next one in line. */
	:: atomic { owner == NOBODY && L.chunk == 0 && L.phase == FILLING ->
			owner = me;
			taken = 0;
			L.mark = 0 }

	/* fill() and admit_delivery(): the memory is cold. */
	:: atomic { can_take && !L.known && L.chunk == 0 && L.report == NOTHING -> resume_campaign(me) }
	:: atomic { can_take && !L.known && L.chunk != 0 -> L.phase = STORING }

	/* admit_known(): it fits, wholly or in part. */
	:: atomic { can_take && L.known && (!ORDERED || (head_first <= head_next && head_last >= head_next)) ->
			c = head_class;
			if
			:: ORDERED -> L.chunk = L.chunk | (head & ~UPTO(c, L.next[c] - 1)); L.next[c] = head_last + 1
			:: else -> L.chunk = L.chunk | head
			fi;
			L.newer = true;
			L.read_again = false;
			finish(me) }

	/* ... it is a repetition. */
	:: atomic { can_take && L.known && ORDERED && head_last < head_next -> finish(me) }

	/* ... it is behind a gap: drop_behind_gap(). */
	:: atomic { can_take && L.known && ORDERED && head_first > head_next && L.gap[head_class] == head_next ->
			finish(me) }
	:: atomic { can_take && L.known && ORDERED && head_first > head_next && L.gap[head_class] != head_next &&
				L.chunk == 0 && L.report == NOTHING ->
			c = head_class;
			L.gap[c] = L.next[c];
			report_gap(c, L.next[c]);
			finish(me) }
	:: atomic { can_take && L.known && ORDERED && head_first > head_next && L.gap[head_class] != head_next &&
				L.chunk != 0 -> L.phase = STORING }

	/* refresh(): two seconds later the memory is not trusted. */
	:: atomic { can_take && L.known && ORDERED && !L.read_again && L.chunk == 0 &&
				(head_last < head_next || head_first > head_next) -> forget_position(me) }

	/* Nothing more comes at once. */
	:: atomic { L.phase == FILLING && L.chunk != 0 -> L.phase = STORING }

	/* Nothing to store: settle_acknowledge() at once, but not before what is in front. */
	:: atomic { L.phase == FILLING && L.chunk == 0 && L.chunk_count > 0 && L.report == NOTHING ->
			acknowledge(L.chunk_count);
			L.chunk_count = 0 }

	/* campaign.report_stopped(): before an insert, if nobody knows or the answer is too old. */
#ifndef BROKEN_NOT_ASKED
	:: atomic { L.phase == STORING && (L.answer == UNASKED || (L.answer == MUST_NOT && L.newer)) ->
			L.answer = (must_stop -> MUST_NOT : MAY_GO);
			L.newer = false }
#endif

	/* A campaign that is stopped: what MongoDB holds already is reported, the rest is dropped. */
#ifdef BROKEN_STALE_DROP
	:: atomic { L.phase == STORING && L.answer == MUST_NOT ->
#else
	:: atomic { L.phase == STORING && L.answer == MUST_NOT && !L.newer ->
#endif
#ifdef BROKEN_DROP_UNSEEN
			L.chunk = 0;
#else
			L.chunk = L.chunk & mongo;
#endif
#ifndef BROKEN_DROP_KEEPS_POSITION
			forget_position(me);
#endif
			L.phase = DONE }

	/* mark_look(): MongoDB was away. */
	:: atomic { L.phase == STORING && L.reconnect ->
			if
			:: (L.mark & ~mongo) != 0 -> forget_everything(me)
			:: else -> L.reconnect = false; forget_position(me)
			fi }

#ifdef BROKEN_NOT_ASKED
	:: atomic { L.phase == STORING && !L.reconnect ->
#else
	:: atomic { L.phase == STORING && L.answer == MAY_GO && !L.reconnect ->
#endif
#ifdef BROKEN_REPORT_FIRST
			stored = stored | L.chunk;
			must(stored_only, (stored & ~mongo) == 0);
#endif
#ifdef BROKEN_KEY
			doubled = doubled || (L.chunk & mongo) != 0;
#endif
#ifdef BROKEN_ACK_FIRST
			if
			:: L.report == NOTHING -> acknowledge(L.chunk_count); L.chunk_count = 0
			:: else
			fi;
#endif
			L.phase = INSERTING }

	/* store_insert(), document by document. */
	:: atomic { L.phase == INSERTING && !L.reconnect && (L.chunk & ~mongo) != 0 ->
			batch = FIRST(L.chunk & ~mongo);
			stored_rightly(batch);
			mongo = mongo | batch }
	:: atomic { L.phase == INSERTING && !L.reconnect && (L.chunk & ~mongo) == 0 ->
			L.mark = LAST(L.chunk);
			L.phase = DONE;
			must(nothing_doubled, !doubled) }
	/* ... which breaks off: nobody knows what it did. */
	:: atomic { L.phase == INSERTING && (L.reconnect || failed_inserts > 0) ->
			if
			:: !L.reconnect -> failed_inserts--
			:: else
			fi;
			L.phase = STORING;
			L.reconnect = true }

	/* settle_begin(): the report goes out, and the next chunk is begun. */
	:: atomic { L.phase == DONE && L.report == NOTHING ->
			if
			:: L.chunk != 0 ->
				L.pending = L.chunk;
				L.pending_count = L.chunk_count;
				L.report = TO_SEND;
				L.chunk = 0;
				L.chunk_count = 0
			:: else
			fi;
			L.phase = FILLING }

	/* settle(): PostgreSQL has the report, at any time after it was sent. */
	:: atomic { L.report == TO_SEND || L.report == LOOKED -> report_checked(me) }

	/* look.c: does MongoDB still have all of it? If not, nothing in hand can be trusted. */
	:: atomic { L.report == TO_LOOK ->
			batch = ALL & ~mongo;
			if
			:: batch == 0 -> L.report = LOOKED
			:: else ->
				c = CLASS(batch);
				size = LOWEST(batch, c);
				report_gap(c, size);
#ifdef BROKEN_LOOK_GOES_ON
				forget_position(me);
				L.report = LOOKED
#else
				forget_everything(me)
#endif
			fi }

	/* settle_acknowledge(). */
#ifdef BROKEN_ACK_BEFORE_REPORT
	:: atomic { L.report == TO_SEND && L.pending_count > 0 -> acknowledge(L.pending_count); L.pending_count = 0 }
#endif
	:: atomic { L.report == REPORTED ->
			acknowledge(L.pending_count);
			L.pending = 0;
			L.pending_count = 0;
			L.report = NOTHING }

	/* kill -9, at any time. */
	:: atomic { consumer_crashes > 0 && (owner == me || L.chunk != 0 || L.report != NOTHING) ->
			consumer_crashes--;
			forget_everything(me) }

	/* settle_broker_lost(): what it has in hand it stores and reports, but cannot ack. */
	:: atomic { consumer_cuts > 0 && owner == me ->
			consumer_cuts--;
#if LANES > 1
			late = late || L.chunk != 0 || L.report != NOTHING;
#endif
			give_queue_back(me);
			forget_position(me);
			L.chunk_count = 0;
			L.pending_count = 0;
			if
			:: L.phase == FILLING && L.chunk != 0 -> L.phase = STORING
			:: else
			fi }
	od
}
