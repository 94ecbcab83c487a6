/*
 * prover.c - makes the proofs that are asked for; see prover.h.
 *
 * Must never be the reason that the program ends, or that a lane waits.
 */
#include "prover.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "program/clock.h"
#include "program/log.h"
#include "program/retry.h"
#include "program/stop.h"
#include "verify.h"

/* How often it looks: often while somebody waits, or has just got an answer. */
#define LOOK_MIN_MS 10
#define LOOK_MAX_MS 250

/* The lanes have nothing to do when so long nothing was stored; not for ever will anybody wait. */
#define QUIET_MS		  100
#define PATIENCE_ASKED_MS 2000
#define PATIENCE_SENT_MS  30000

/* So often it forgets campaigns that were sent long ago, and are proved. */
#define SINCE_MS 30000

struct Prover
{
	pthread_t thread;
	atomic_bool running;
	const Config *config;
	Verify *verify;
	Retry retry;
	int64_t documents; /* that the lanes had stored when it last looked */
	int64_t stored_ms; /* when it saw that they had stored more */
	char since[48];	   /* campaigns that were sent before are proved */
	int64_t since_ms;
	bool failing; /* the log says so */
};

/* Notes whether a lane has stored anything since the last call. */
static void watch_lanes(Prover *prover)
{
	if (counters.documents == prover->documents)
		return;
	prover->documents = counters.documents;
	prover->stored_ms = clock_ms();
}

/* Lanes come first. False if a stop was requested. */
static bool wait_for_quiet(Prover *prover, int64_t patience_ms)
{
	int64_t deadline_ms = clock_ms() + patience_ms;

	for (;;)
	{
		watch_lanes(prover);
		if (clock_ms() >= deadline_ms || clock_ms() - prover->stored_ms >= QUIET_MS)
			return true;
		if (!stop_wait(QUIET_MS / 5))
			return false;
	}
}

static bool prove(Prover *prover, const ProofTask *task, Error *error)
{
	VerifyResult result;
	int64_t start_ms;

	if (!wait_for_quiet(prover, *task->asked_at != '\0' ? PATIENCE_ASKED_MS : PATIENCE_SENT_MS))
		return true;
	start_ms = clock_ms();
	if (!verify_campaign(prover->verify, task, false, &result, error))
		return false;
	log_line(result.ok ? LOG_INFO : LOG_ERROR,
			 result.ok ? "proved" : "MongoDB does not hold what was sent",
			 {"campaign", task->campaign_id, 0}, {"documents", NULL, result.size},
			 {"milliseconds", NULL, clock_ms() - start_ms},
			 {result.ok ? NULL : "result", result.answer, 0});
	return true;
}

/* One look; *found: there was something to do. */
static bool look(Prover *prover, bool *found, Error *error)
{
	bool sent = prover->config->verify_sent != 0;
	Proof *proof = verify_proof(prover->verify);
	ProofTask task;

	watch_lanes(prover);
	if (!proof_next(proof, sent ? prover->since : NULL, &task, found, error))
		return false;
	if (*found)
		return prove(prover, &task, error);
	if (!sent || clock_ms() - prover->since_ms < SINCE_MS)
		return true;
	prover->since_ms = clock_ms();
	return proof_server_time(proof, prover->since, error);
}

/* The lanes say which server is away; what else is wrong is said here, once. */
static void note_failure(Prover *prover, const Error *error)
{
	bool said = prover->failing || error_may_pass(error->code);

	if (stop_requested())
		return;
	log_line(said ? LOG_DEBUG : LOG_WARNING, "cannot make a proof", {"reason", error->text, 0});
	prover->failing = true;
}

static void *run(void *argument)
{
	Prover *prover = argument;
	int pause_ms = LOOK_MAX_MS;

	while (stop_wait(pause_ms))
	{
		Error error = {0};
		bool found = false;

		if (!look(prover, &found, &error))
		{
			note_failure(prover, &error);
			if (!retry_wait(&prover->retry))
				break;
			continue;
		}
		retry_reset(&prover->retry);
		prover->failing = false;
		pause_ms = found ? LOOK_MIN_MS : pause_ms * 3 / 2;
		if (pause_ms > LOOK_MAX_MS)
			pause_ms = LOOK_MAX_MS;
	}
	/* Here, where main.c still watches the time: a goodbye may wait for its answer. */
	verify_free(prover->verify);
	prover->verify = NULL;
	atomic_store(&prover->running, false);
	return NULL;
}

Prover *prover_start(const Config *config, Error *error)
{
	Prover *prover = calloc(1, sizeof(*prover));
	int failure;

	if (prover == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	prover->config = config;
	memcpy(prover->since, "-infinity", sizeof("-infinity"));
	prover->verify = verify_new(config, error);
	if (prover->verify == NULL)
	{
		free(prover);
		return NULL;
	}
	atomic_store(&prover->running, true);
	failure = pthread_create(&prover->thread, NULL, run, prover);
	if (failure == 0)
		return prover;
	error_set(error, ERROR_MEMORY, "cannot start a thread: %s", strerror(failure));
	verify_free(prover->verify);
	free(prover);
	return NULL;
}

bool prover_running(const Prover *prover)
{
	return prover != NULL && atomic_load(&prover->running);
}

void prover_finish(Prover *prover)
{
	if (prover == NULL)
		return;
	(void) pthread_join(prover->thread, NULL);
	free(prover);
}
