/*
 * trouble.c - what the worker waits for, written into campaign.troubles when it
 * begins and when it ends.
 *
 * Says nothing that a tenant should not read: no addresses, no names of users.
 */
#include "postgres.h"

#include "outbox.h"
#include "settings.h"
#include "trouble.h"

#define TROUBLE_SILENCE_MS 5000 /* a broker that confirms nothing is worth a word */
#define TROUBLE_LIMIT_MS   2000 /* so long after it last held somebody up, campaign.rate does */

/* The broker's place in worker->troubles; those of the queues follow. */
#define TROUBLE_BROKER 0

static const char AWAY[] = "no connection to RabbitMQ since";
static const char REFUSES_US[] = "RabbitMQ refuses the worker (login, rights or certificate) since";
static const char UNDECLARED[] = "RabbitMQ does not let the worker declare %s since";
static const char MEMORY[] = "RabbitMQ is blocked (memory alarm) since";
static const char DISK[] = "RabbitMQ is blocked (disk alarm) since";
static const char SILENT[] = "RabbitMQ confirms nothing since";
static const char REFUSED[] = "RabbitMQ refuses messages for %s since";
static const char ABANDONED[] = "no consumer on %s since";

static const char *away_trouble(const Worker *worker)
{
	if (worker->undeclared[0] != '\0')
		return UNDECLARED;
	return worker->away_code == ERROR_REFUSED ? REFUSES_US : AWAY;
}

static const char *broker_trouble(const Worker *worker, int64 *wake_at)
{
	int64 now = clock_ms();

	if (worker->away)
		return away_trouble(worker);
	if (worker->blocked)
		return publisher_disk_is_full(worker->publisher) ? DISK : MEMORY;
	if (worker->publisher == NULL || publisher_unsettled(worker->publisher) == 0)
		return NULL;
	/* Of one node after the other, too. */
	if (worker->silent || now >= worker->heard_at + TROUBLE_SILENCE_MS)
		return SILENT;
	earlier(wake_at, worker->heard_at + TROUBLE_SILENCE_MS);
	return NULL;
}

static const char *queue_trouble(const WorkerQueue *queue)
{
	if (queue->refused_since != 0)
		return REFUSED;
	return queue->asked_at != 0 && !queue->served ? ABANDONED : NULL;
}

static void write_one(Worker *worker, int place, const char *sentence)
{
	const char *queue;

	if (worker->troubles[place] == sentence)
		return;
	worker->troubles[place] = sentence;
	if (place == TROUBLE_BROKER)
	{
		outbox_trouble("RabbitMQ", sentence == UNDECLARED ? psprintf(UNDECLARED, worker->undeclared)
														  : sentence);
		return;
	}
	queue = worker->queues[place - 1].name;
	/* One begins anew. */
	outbox_trouble(queue, NULL);
	if (sentence != NULL)
		outbox_trouble(queue, psprintf(sentence, queue));
}

/* No trouble, but what a campaign waits for that gets on more slowly than it could. */
static void write_rate(Worker *worker, int64 *wake_at)
{
	bool limited = settings_rate > 0 && worker->limited_at != 0 &&
				   clock_ms() < worker->limited_at + TROUBLE_LIMIT_MS;
	int rate = limited ? settings_rate : 0;

	if (limited)
		earlier(wake_at, worker->limited_at + TROUBLE_LIMIT_MS);
	if (rate == worker->rate_told)
		return;
	worker->rate_told = rate;
	outbox_trouble(
		"rate", rate > 0 ? psprintf("limited to %d messages a second, all campaigns together", rate)
						 : NULL);
}

void trouble_write(Worker *worker, int64 *wake_at)
{
	if (!worker->ready)
	{
		worker->troubles_known = false;
		return;
	}
	if (!worker->troubles_known)
	{
		memset(worker->troubles, 0, sizeof(worker->troubles));
		outbox_trouble(NULL, NULL);
		worker->dead.full_known = false;
		worker->rate_told = 0;
		worker->troubles_known = true;
	}
	write_one(worker, TROUBLE_BROKER, broker_trouble(worker, wake_at));
	for (int i = 0; i < lengthof(worker->queues); i++)
		write_one(worker, i + 1, queue_trouble(&worker->queues[i]));
	write_rate(worker, wake_at);
}
