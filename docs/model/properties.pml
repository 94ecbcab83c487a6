/*
 * properties.pml - what must hold, as assertions that the steps make.
 */

/*
 * Spin prints an assertion that fails, so each has the name of its property: a variable that is false.
 * With ONLY, that of one of them, the others are true, and are not looked at.
 */
#define must(property, condition) assert((condition) || property)

#define NOTHING_LOST	1
#define NOTHING_DOUBLED 2
#define IN_ORDER		3
#define BARRIER			4
#define CONFIRMED_ONLY	5
#define STORED_ONLY		6
#define HALTS			7
#define FINAL			8
#define ENDS			9
#ifndef ONLY
#define ONLY 0
#endif
#define IGNORED(property) (ONLY != 0 && ONLY != property)

hidden byte nothing_lost = IGNORED(NOTHING_LOST);
hidden byte nothing_doubled = IGNORED(NOTHING_DOUBLED);
hidden byte in_order = IGNORED(IN_ORDER);
hidden byte barrier = IGNORED(BARRIER);
hidden byte confirmed_only = IGNORED(CONFIRMED_ONLY);
hidden byte stored_only = IGNORED(STORED_ONLY);
hidden byte halts = IGNORED(HALTS);
hidden byte final = IGNORED(FINAL);
hidden byte ends = IGNORED(ENDS);

/* Whatever changes `published` leaves it there. */
#define published_is_true() must(confirmed_only, ((UPTO(VIP, published[VIP]) | UPTO(NORMAL, published[NORMAL])) & ~accepted) == 0)

/* Everything in front of it is stored, and nothing is stored once a pause had its second. */
inline stored_rightly(document)
{
	must(halts, !STOPPED || in_time);
#if RESTORES == 0
	must(in_order, !ORDERED || (mongo & (document - 1)) == document - 1);
	must(barrier, (document & VIP_MASK) != 0 || (mongo & VIP_MASK) == VIP_MASK)
#else
	must(in_order, !ORDERED || (mongo & MASK(CLASS(document)) & (document - 1)) == (MASK(CLASS(document)) & (document - 1)))
#endif
}

/* The barrier, and nothing is published once the worker has seen the pause. */
inline published_rightly(class)
{
	must(halts, !STOPPED || !looked);
#if RESTORES == 0
	must(barrier, class == VIP || (mongo & VIP_MASK) == VIP_MASK)
#else
	must(barrier, class == VIP || (stored & VIP_MASK) == VIP_MASK || stream[NORMAL].stale || !stream[NORMAL].blocked)
#endif
}

/* Nothing moves any more: then all is done that can be done. */
proctype rest()
{
	timeout ->
	must(ends, status != GOING);
	must(ends, queued == 0);
	must(ends, lost || stored == mongo);
	must(nothing_lost, status != SENT || mongo == ALL)
}
