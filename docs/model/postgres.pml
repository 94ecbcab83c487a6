/*
 * postgres.pml - the transactions: sql/22_dispatch.sql, 23_outbox.sql and 24_reports.sql. Each is
 * used inside an atomic step.
 */

/* campaign_transition(). */
inline become(target)
{
	must(final, status != CANCELLED && status != SENT);
	status = target;
}

/* The consumer or the worker ends a campaign: sql/24_reports.sql, campaign_complete(). */
inline end_campaign()
{
	become(SENT);
	must(nothing_lost, stored == ALL);
	must(nothing_lost, mongo == ALL);
}

/* outbox_mark(): `published` moves, unless the class was rewound meanwhile. */
inline outbox_mark(class)
{
	if
#ifndef BROKEN_EPOCH
	:: stream[class].stale -> skip
#endif
	:: else ->
		if
		:: published[class] < stream[class].confirmed -> published[class] = stream[class].confirmed
		:: else
		fi
	fi;
	published_is_true()
}

/* `rewinds + 1`: what the worker remembers of the class is not true any more. */
inline next_epoch(class)
{
	stream[class].stale = stream[class].exists
}

/* outbox_rewind() from the end of what is stored. */
inline rewind_to_stored(class)
{
#ifdef BROKEN_OUTBOX_REWIND
	published[class] = LEAST(THROUGH(stored, class) + 1, TOTAL(class));
#else
	published[class] = THROUGH(stored, class);
#endif
	published_is_true();
	next_epoch(class)
}

/* report_gap(): outbox_rewind() from a seq, not for a campaign that is over. */
inline report_gap(class, seq)
{
	if
	:: status == CANCELLED || status == SENT
	:: else ->
#ifndef BROKEN_GAP_KEEPS_STORED
		stored = stored & ~(MASK(class) & ~UPTO(class, seq - 1));
#endif
#ifdef BROKEN_GAP
		published[class] = LEAST(seq, TOTAL(class));
#else
		published[class] = seq - 1;
#endif
		published_is_true();
		next_epoch(class)
	fi
}

/* A report that alone covers a campaign of one class needs no look: it was stored just now. */
#define needs_look(me) (lane[me].pending != ALL || (VIPS > 0 && NORMALS > 0))

/* report_checked() of what a lane has in `pending`. */
inline report_checked(me)
{
	if
#ifndef BROKEN_NO_LOOK
	:: lane[me].report == TO_SEND && (stored | lane[me].pending) == ALL && needs_look(me) &&
		(status == GOING || status == PAUSED) -> lane[me].report = TO_LOOK
#endif
	:: else ->
		stored = stored | lane[me].pending;
#if RESTORES == 0
		must(stored_only, (stored & ~mongo) == 0);
#endif
		lane[me].report = REPORTED;
		if
#ifdef BROKEN_SENT_EARLY
		:: (stored & (1 << (VIPS + NORMALS - 1))) != 0 && (status == GOING || status == PAUSED) ->
			end_campaign()
#endif
		:: stored == ALL && (status == GOING || status == PAUSED) ->
			if
			:: end_campaign()
			:: locks > 0 -> locks--
			fi
		:: else
		fi
	fi
}

/* campaign_resume(). */
inline resume()
{
	become(GOING);
#ifndef BROKEN_RESUME_ON
	c = VIP;
	do
	:: c <= NORMAL ->
		published[c] = THROUGH(stored, c);
#ifndef BROKEN_RESUME_EPOCH
		next_epoch(c);
#endif
		c++
	:: else -> break
	od;
#endif
	published_is_true()
}
