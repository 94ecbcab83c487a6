/*
 * lane.c - the threads; see lane.h.
 */
#include "lane.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gate.h"
#include "pipeline.h"
#include "program/log.h"
#include "program/stop.h"

#define LANES (MESSAGE_PARTITIONS + 1)

typedef struct Lane
{
	pthread_t thread;
	bool started;
	Pipeline *pipeline;
	atomic_int *running;
} Lane;

struct Lanes
{
	atomic_int running;
	Lane lanes[LANES];
};

static void *run(void *argument)
{
	Lane *lane = argument;

	if (pipeline_run(lane->pipeline) == OUTCOME_FATAL)
	{
		const Error *failure = &lane->pipeline->error;

		log_line(LOG_ERROR, failure->text, {"queue", lane->pipeline->queue, 0});
		stop_failed(failure->code);
	}
	/* Here, where main.c still watches the time: a goodbye may wait for its answer. */
	pipeline_free(lane->pipeline);
	lane->pipeline = NULL;
	atomic_fetch_sub(lane->running, 1);
	return NULL;
}

static bool start(Lane *lane, const Config *config, const BrokerUrl *url, int number, Error *error)
{
	int failure;

	lane->pipeline = pipeline_new(config, url, number, error);
	if (lane->pipeline == NULL)
		return false;
	atomic_fetch_add(lane->running, 1);
	failure = pthread_create(&lane->thread, NULL, run, lane);
	if (failure != 0)
	{
		atomic_fetch_sub(lane->running, 1);
		return error_set(error, ERROR_MEMORY, "cannot start a thread: %s", strerror(failure));
	}
	lane->started = true;
	return true;
}

Lanes *lanes_start(const Config *config, const BrokerUrl *url, Error *error)
{
	Lanes *lanes = calloc(1, sizeof(*lanes));

	if (lanes == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	if (!gate_setup(config->concurrency, LANES, error))
	{
		free(lanes);
		return NULL;
	}
	for (int number = 0; number < LANES; number++)
	{
		lanes->lanes[number].running = &lanes->running;
		if (start(&lanes->lanes[number], config, url, number, error))
			continue;
		stop_request();
		lanes_finish(lanes);
		return NULL;
	}
	return lanes;
}

int lanes_running(const Lanes *lanes)
{
	return atomic_load(&lanes->running);
}

void lanes_finish(Lanes *lanes)
{
	for (int number = 0; number < LANES; number++)
	{
		Lane *lane = &lanes->lanes[number];

		if (lane->started)
			(void) pthread_join(lane->thread, NULL);
		pipeline_free(lane->pipeline);
	}
	free(lanes);
}
