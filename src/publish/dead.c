/*
 * dead.c - the worker's part for dead letters; see dead.h.
 *
 * A letter is committed before the broker may forget it, and confirmed by the
 * broker before it counts as replayed: a crash in between does either twice.
 * Whatever is wrong with dead letters (no right to read the queue, no room, a row
 * that cannot be written) must never keep the worker from publishing.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "dead.h"
#include "dead_rows.h"
#include "guard.h"
#include "limit.h"
#include "link.h"
#include "program/sometimes.h"
#include "settings.h"
#include "wake.h"

#define DEAD_AGAIN_MS	1000  /* after a queue that is gone: see consumer/receive.c */
#define DEAD_FULL_MS	3000  /* count whether there is room again */
#define DEAD_REFUSED_MS 60000 /* a right that is missing is not given by the second */
#define DEAD_FAILED_MS	2000  /* after an error of PostgreSQL, and when all were refused */
#define DEAD_NACK_MS	200	  /* after one that its queue refused */
#define DEAD_LOOK_MS	500	  /* looks for what is to be replayed are this far apart */
#define DEAD_NO_ROOM_MS 50	  /* the socket is full */

static const char FULL[] = "dead letters stay in the queue campaign.dead, the list is full, since";

static bool read_room(Worker *worker, void *argument)
{
	worker->dead.room = dead_rows_room();
	worker->dead.room_most = settings_dead_letters_max;
	return true;
}

typedef struct Taking
{
	const Letter *letter;
	bool done;
} Taking;

static bool take_letter(Worker *worker, void *argument)
{
	Taking *taking = argument;
	int most = settings_dead_letters_max;
	int known = most == worker->dead.room_most ? worker->dead.room : 0;
	int room = dead_rows_take(taking->letter, known);

	taking->done = room >= 0;
	worker->dead.room = Max(room, 0);
	worker->dead.room_most = most;
	return true;
}

static bool tell_full(Worker *worker, void *argument)
{
	outbox_trouble(MESSAGE_DEAD, worker->dead.full ? FULL : NULL);
	return true;
}

/* What is not taken over is in the queue, where it is safe: said once, in the log and in the
 * health. */
static void note_full(Worker *worker, bool full)
{
	if (worker->dead.full == full && worker->dead.full_known)
		return;
	if (full && !worker->dead.full)
	{
		SOMETIMES("worker.dead_letters_full");
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("campaign worker: %d dead letters are kept; more stay in the queue %s",
						settings_dead_letters_max, MESSAGE_DEAD),
				 errhint("Replay or discard some, see campaign_dead_letters(), or raise "
						 "campaign.dead_letters_max.")));
	}
	worker->dead.full = full;
	worker->dead.full_known = guard_action(worker, "dead letters", tell_full, NULL);
}

/* A worker that may publish, but not read this queue, does what it always did. */
static void note_refused(Worker *worker, const Error *error)
{
	worker->dead.subscribe_at = clock_ms() + DEAD_REFUSED_MS;
	if (worker->dead.refused)
		return;
	worker->dead.refused = true;
	ereport(WARNING,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("campaign worker: dead letters are not listed: %s", error->text),
			 errhint("The worker's login may not read the queue %s, or another program has "
					 "it for itself. Or set campaign.dead_letters = off.",
					 MESSAGE_DEAD)));
}

static void subscribe(Worker *worker)
{
	Letters *letters = publisher_letters(worker->publisher);
	Error error = {0};

	worker->dead.subscribe_at = clock_ms() + DEAD_FULL_MS;
	if (publisher_blocked(worker->publisher) ||
		!guard_action(worker, "dead letters", read_room, NULL))
		return;
	note_full(worker, worker->dead.room <= 0);
	if (worker->dead.room <= 0)
		return;
	switch (letters_subscribe(letters, &error))
	{
		case LETTERS_SUBSCRIBED:
			worker->dead.refused = false;
			worker->dead.take_at = 0;
			return;
		case LETTERS_GONE:
			worker->dead.subscribe_at = clock_ms() + DEAD_AGAIN_MS;
			return;
		case LETTERS_REFUSED:
			note_refused(worker, &error);
			return;
		case LETTERS_LOST:
			CHECK_FOR_INTERRUPTS();
			link_lost(worker, &error);
			return;
	}
}

/* What comes next stays with the broker. */
static void unsubscribe(Worker *worker)
{
	Error error = {0};

	SOMETIMES_IF(publisher_blocked(worker->publisher), "worker.subscribed_under_an_alarm");
	if (!letters_unsubscribe(publisher_letters(worker->publisher), &error))
		link_lost(worker, &error);
}

/* Takes the letter that has come. */
static void take_one(Worker *worker, const Letter *letter)
{
	Taking taking = {.letter = letter};
	Error error = {0};

	SOMETIMES_IF(letter->redelivered, "worker.dead_letter_again");
	/* What is kept in hand is not delivered again: RabbitMQ counts deliveries. */
	if (!guard_action(worker, "a dead letter", take_letter, &taking))
	{
		worker->dead.take_at = clock_ms() + DEAD_FAILED_MS;
		return;
	}
	if (taking.done && !letters_ack(publisher_letters(worker->publisher), &error))
	{
		link_lost(worker, &error);
		return;
	}
	if (worker->dead.room > 0)
		return;
	note_full(worker, true);
	worker->dead.subscribe_at = clock_ms() + DEAD_FULL_MS;
	unsubscribe(worker);
}

/* Whoever reads the queue now need not make room here. */
static void note_off(Worker *worker, int64 *wake_at)
{
	int64 now = clock_ms();

	if (!worker->dead.full && worker->dead.full_known)
		return;
	if (now >= worker->dead.tell_at)
	{
		worker->dead.tell_at = now + DEAD_FULL_MS;
		note_full(worker, false);
	}
	if (!worker->dead.full_known)
		earlier(wake_at, worker->dead.tell_at);
}

/* A channel that is closing is waited for: the answer comes through the socket. */
static bool is_to_change(const Letters *letters)
{
	return settings_dead_letters != letters->subscribed && !letters->closing;
}

static void take_letters(Worker *worker, int64 *wake_at)
{
	Letters *letters = publisher_letters(worker->publisher);
	int64 now = clock_ms();
	const Letter *letter;

	/* The broker has ended it. */
	if (worker->dead.subscribed && !letters->subscribed)
		worker->dead.subscribe_at = now + DEAD_AGAIN_MS;
	if (!settings_dead_letters)
		note_off(worker, wake_at);
	if (is_to_change(letters) && now >= worker->dead.subscribe_at)
	{
		if (settings_dead_letters)
		{
			subscribe(worker);
			/* Whatever came with the answer: the socket does not tell. */
			*wake_at = now;
		}
		else
			unsubscribe(worker);
	}
	if (worker->publisher == NULL)
		return;
	/* One a turn: the next one comes through the socket. */
	letter = letters_whole(letters);
	if (letter != NULL && settings_dead_letters && now >= worker->dead.take_at)
		take_one(worker, letter);
	if (worker->publisher == NULL)
		return;
	worker->dead.subscribed = letters->subscribed;
	if (is_to_change(letters))
		earlier(wake_at, worker->dead.subscribe_at);
	else if (letters_whole(letters) != NULL)
		earlier(wake_at, worker->dead.take_at);
}

static bool read_next(Worker *worker, void *argument)
{
	return dead_rows_next(argument, worker->dead.after, &worker->dead.pace);
}

static bool mark_done(Worker *worker, void *argument)
{
	dead_rows_done(*(int64 *) argument);
	return true;
}

static WorkerQueue *queue_of(Worker *worker, const char *name)
{
	for (int i = 0; i < lengthof(worker->queues); i++)
	{
		if (strcmp(worker->queues[i].name, name) == 0)
			return &worker->queues[i];
	}
	return NULL;
}

static void publish_letter(Worker *worker, const DeadRow *row)
{
	ConfirmsTicket ticket = {.stream = NULL, .last_seq = row->id};
	Error error = {0};

	if (publisher_room(worker->publisher, row->letter.length + PUBLISHER_LETTER_HEAD) == 0)
	{
		worker->dead.look_at = clock_ms() + DEAD_NO_ROOM_MS;
		return;
	}
	if (!publisher_send_letter(worker->publisher, &row->letter, ticket, &error))
	{
		link_lost(worker, &error);
		return;
	}
	worker->dead.replaying = row->id;
	worker->dead.queue = queue_of(worker, row->letter.queue);
	limit_replayed(worker, row);
}

/* What became of the one that was published. */
static void note_settled(Worker *worker)
{
	int64 id = worker->dead.replaying;

	worker->dead.settled = false;
	worker->dead.replaying = 0;
	worker->dead.look_at = clock_ms();
	/* Those behind it may be for another queue. */
	if (!worker->dead.confirmed)
	{
		worker->dead.after = id;
		worker->dead.look_at += DEAD_NACK_MS;
	}
	else if (!guard_action(worker, "a dead letter", mark_done, &id))
		worker->dead.look_at += DEAD_FAILED_MS;
}

/* One at a time: the next one when this is confirmed. */
static void replay(Worker *worker, int64 *wake_at)
{
	int64 now;
	DeadRow row;

	if (worker->dead.settled)
		note_settled(worker);
	now = clock_ms();
	if (worker->dead.replaying != 0 || publisher_blocked(worker->publisher))
		return;
	if (worker->dead.wake_ups != wake_ups())
		earlier(&worker->dead.look_at, worker->dead.looked_at + DEAD_LOOK_MS);
	if (now < worker->dead.look_at || !limit_allows_replay(worker, &worker->dead.look_at))
	{
		earlier(wake_at, worker->dead.look_at);
		return;
	}
	worker->dead.wake_ups = wake_ups();
	worker->dead.looked_at = now;
	worker->dead.look_at = now + settings_poll_interval * INT64CONST(1000);
	limit_replay_again(worker, &worker->dead.look_at);
	if (guard_action(worker, "a dead letter", read_next, &row))
		publish_letter(worker, &row);
	else if (worker->dead.after != 0)
	{
		worker->dead.after = 0;
		worker->dead.look_at = now + DEAD_FAILED_MS;
	}
	if (worker->publisher != NULL)
		earlier(wake_at, worker->dead.look_at);
}

void dead_serve(Worker *worker, int64 *wake_at)
{
	if (worker->publisher != NULL)
		take_letters(worker, wake_at);
	if (worker->publisher != NULL)
		replay(worker, wake_at);
}
