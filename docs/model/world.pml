/*
 * world.pml - what is done to them: clients, time, a purge, a backup that is restored. And the
 * properties.
 */

proctype client()
{
end:
	do
	:: atomic { pauses > 0 && status == GOING -> pauses--; become(PAUSED); in_time = true; looked = false }
	:: atomic { status == PAUSED -> resume() }
#ifdef BROKEN_CANCEL
	:: atomic { status == CANCELLED -> resume() }
#endif
	:: atomic { cancels > 0 && (status == GOING || status == PAUSED) ->
			cancels--;
			if
			:: status == GOING -> in_time = true; looked = false
			:: else
			fi;
			become(CANCELLED) }
	od
}

#define inserting (lane[0].phase == INSERTING || lane[LANES - 1].phase == INSERTING)
#define old_answer(n) (lane[n].answer == MUST_NOT && !STOPPED)

proctype world()
{
end:
	do
	/* A quarter of a second: answers are too old. An insert is over by then. */
	:: atomic { !inserting && ((STOPPED && in_time) || old_answer(0) || old_answer(LANES - 1)) ->
			in_time = false;
			lane[0].answer = UNASKED;
			lane[LANES - 1].answer = UNASKED }

	/* What is ready is gone; what a consumer has is not. */
	:: atomic { purges > 0 && queued > taken ->
			purges--;
			lost = true;
			do
			:: queued > taken -> queued--; queue[queued] = 0
			:: else -> break
			od }

	/* MongoDB as it was some documents ago. Not between the look and the end: later is too late, too. */
	:: atomic { restores > 0 && mongo != 0 && status != SENT && lane[0].report != LOOKED &&
				lane[LANES - 1].report != LOOKED && stored != ALL ->
			restores--;
			do
			:: mongo != 0 ->
				i = (SEQS(mongo, NORMAL) != 0 -> NORMAL : VIP);
				mongo = mongo & ~(1 << (BASE(i) + HIGHEST(mongo, i) - 1))
			:: break
			od;
			lane[0].reconnect = true;
			lane[LANES - 1].reconnect = true }
	od
}

init
{
	atomic {
		run worker();
		run consumer(0);
#if LANES > 1
		run consumer(1);
#endif
		run client();
		run world();
		run rest()
	}
}
