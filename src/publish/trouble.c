/*
 * trouble.c - what the worker waits for, written into campaign.troubles when it
 * begins and when it ends.
 *
 * Says nothing that a tenant should not read: no addresses, no names of users.
 */
#include "postgres.h"

#include "outbox.h"
#include "trouble.h"

#define TROUBLE_SILENCE_MS 5000 /* a broker that confirms nothing is worth a word */

/* The broker's place in worker->troubles; those of the queues follow. */
#define TROUBLE_BROKER 0

static const char AWAY[] = "no connection to RabbitMQ since";
static const char BLOCKED[] = "RabbitMQ is blocked (a memory or disk alarm) since";
static const char SILENT[] = "RabbitMQ confirms nothing since";
static const char REFUSED[] = "RabbitMQ refuses messages for %s since";
static const char ABANDONED[] = "no consumer on %s since";

static const char *broker_trouble(const Worker *worker, int64 *wake_at)
{
	int64 now = clock_ms();

	if (worker->away)
		return AWAY;
	if (worker->publisher == NULL || publisher_unsettled(worker->publisher) == 0)
		return worker->blocked ? BLOCKED : NULL;
	if (worker->blocked)
		return BLOCKED;
	if (now >= worker->heard_at + TROUBLE_SILENCE_MS)
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
	char queue[MESSAGE_QUEUE_NAME_MAX] = MESSAGE_QUEUE_PARALLEL;

	if (worker->troubles[place] == sentence)
		return;
	worker->troubles[place] = sentence;
	if (place == TROUBLE_BROKER)
	{
		outbox_trouble("RabbitMQ", sentence);
		return;
	}
	if (place - 1 < MESSAGE_PARTITIONS)
		message_partition_queue(place - 1, queue);
	/* One begins anew. */
	outbox_trouble(queue, NULL);
	if (sentence != NULL)
		outbox_trouble(queue, psprintf(sentence, queue));
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
		worker->troubles_known = true;
	}
	write_one(worker, TROUBLE_BROKER, broker_trouble(worker, wake_at));
	for (int i = 0; i < lengthof(worker->queues); i++)
		write_one(worker, i + 1, queue_trouble(&worker->queues[i]));
}
