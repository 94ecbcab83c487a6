/*
 * gate.c - a counting semaphore whose wait has a limit by the monotonic clock; see gate.h.
 *
 * Costs nothing where the limit is no limit. Must never be held while something is waited for but
 * the answers of MongoDB: the other lanes wait for it.
 */
#include "gate.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t left;
static bool limited = false;
static int places;
static unsigned done_count;

bool gate_setup(int limit, int users, Error *error)
{
	pthread_condattr_t attributes;
	int failure;

	limited = limit < users;
	places = limit;
	if (!limited)
		return true;
	failure = pthread_condattr_init(&attributes);
	if (failure == 0)
	{
		failure = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
		if (failure == 0)
			failure = pthread_cond_init(&left, &attributes);
		pthread_condattr_destroy(&attributes);
	}
	return failure == 0 ||
		   error_set(error, ERROR_MEMORY, "cannot limit the inserts: %s", strerror(failure));
}

static struct timespec monotonic_in(int wait_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L)
	{
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	return until;
}

bool gate_enter(int wait_ms)
{
	struct timespec until;
	int failure = 0;
	bool entered;

	if (!limited)
		return true;
	until = monotonic_in(wait_ms);
	pthread_mutex_lock(&mutex);
	while (places == 0 && failure == 0)
		failure = pthread_cond_timedwait(&left, &mutex, &until);
	entered = places > 0;
	if (entered)
		places--;
	pthread_mutex_unlock(&mutex);
	return entered;
}

void gate_leave(bool done)
{
	if (!limited)
		return;
	pthread_mutex_lock(&mutex);
	places++;
	done_count += done;
	pthread_cond_signal(&left);
	pthread_mutex_unlock(&mutex);
}

unsigned gate_done(void)
{
	unsigned count;

	pthread_mutex_lock(&mutex);
	count = done_count;
	pthread_mutex_unlock(&mutex);
	return count;
}
