/*
 * properties.pml - what must hold, as assertions that the steps make.
 */

/* Whatever changes `published` leaves it there. */
#define published_is_true() assert(((UPTO(VIP, published[VIP]) | UPTO(NORMAL, published[NORMAL])) & ~accepted) == 0)

/* Everything in front of it is stored, and nothing is stored once a pause had its second. */
inline stored_rightly(document)
{
	assert(!STOPPED || in_time);
#if RESTORES == 0
	assert(!ORDERED || (mongo & (document - 1)) == document - 1);
	assert((document & VIP_MASK) != 0 || (mongo & VIP_MASK) == VIP_MASK)
#else
	assert(!ORDERED || (mongo & MASK(CLASS(document)) & (document - 1)) == (MASK(CLASS(document)) & (document - 1)))
#endif
}

/* The barrier, and nothing is published once the worker has seen the pause. */
inline published_rightly(class)
{
	assert(!STOPPED || !looked);
#if RESTORES == 0
	assert(class == VIP || (mongo & VIP_MASK) == VIP_MASK)
#else
	assert(class == VIP || (stored & VIP_MASK) == VIP_MASK || stream[NORMAL].stale || !stream[NORMAL].blocked)
#endif
}

/* Nothing moves any more: then all is done that can be done. */
proctype rest()
{
	timeout ->
	assert(status != GOING);
	assert(queued == 0);
	assert(lost || stored == mongo);
	assert(status != SENT || mongo == ALL)
}
