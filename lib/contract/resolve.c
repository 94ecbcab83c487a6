/*
 * resolve.c - getaddrinfo() in a thread of the C library (getaddrinfo_a), and a wait
 * for it that has a limit.
 *
 * Those threads block all signals, so that a PostgreSQL process may have one: no
 * handler of the server's ever runs in it. A request without an answer cannot
 * be taken back, only abandoned: its memory is kept until it is done, and whoever
 * asks for the same host meanwhile waits for it instead of asking once more.
 */
#include "resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SLICE_MS 50

typedef struct Request
{
	struct gaicb control;
	struct addrinfo hints;
	char host[256];
	struct Request *next; /* of those that were abandoned */
} Request;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Request *abandoned = NULL;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void free_request(Request *request)
{
	if (request->control.ar_result != NULL)
		freeaddrinfo(request->control.ar_result);
	free(request);
}

/* Takes back an abandoned request for this host that still runs; frees those that have ended. */
static Request *adopt(const char *host)
{
	Request *found = NULL;
	Request **link = &abandoned;

	pthread_mutex_lock(&lock);
	while (*link != NULL)
	{
		Request *request = *link;
		bool running = gai_error(&request->control) == EAI_INPROGRESS;

		if (running && (found != NULL || strcmp(request->host, host) != 0))
		{
			link = &request->next;
			continue;
		}
		*link = request->next;
		if (running)
			found = request;
		else
			free_request(request);
	}
	pthread_mutex_unlock(&lock);
	return found;
}

static void abandon(Request *request)
{
	pthread_mutex_lock(&lock);
	request->next = abandoned;
	abandoned = request;
	pthread_mutex_unlock(&lock);
}

static Request *ask(const char *host, Error *error)
{
	Request *request = calloc(1, sizeof(Request));
	struct gaicb *list[1];
	int status;

	if (request == NULL || strlen(host) >= sizeof(request->host))
	{
		free(request);
		error_set(error, ERROR_MEMORY, "cannot look up %.200s: out of memory", host);
		return NULL;
	}
	memcpy(request->host, host, strlen(host) + 1);
	request->hints.ai_family = AF_UNSPEC;
	request->hints.ai_socktype = SOCK_STREAM;
	request->control.ar_name = request->host;
	request->control.ar_request = &request->hints;
	list[0] = &request->control;
	status = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
	if (status == 0)
		return request;
	free(request);
	error_set(error, ERROR_UNREACHABLE, "cannot look up %s: %s", host, gai_strerror(status));
	return NULL;
}

/* Waits until the request is done; false if it is not done in time. */
static bool wait_for(Request *request, int timeout_ms, bool (*interrupted)(void))
{
	const struct gaicb *list[1] = {&request->control};
	int64_t until = now_ms() + timeout_ms;
	int64_t left;

	while (gai_error(&request->control) == EAI_INPROGRESS)
	{
		struct timespec slice;

		left = until - now_ms();
		if (left <= 0 || (interrupted != NULL && interrupted()))
			return false;
		slice = (struct timespec){.tv_nsec = (left < SLICE_MS ? left : SLICE_MS) * 1000000};
		/* Done, a slice later, or a signal: the loop looks which. */
		(void) gai_suspend(list, 1, &slice);
	}
	return true;
}

static bool collect(const char *host, int status, const struct addrinfo *found, Resolved *resolved,
					Error *error)
{
	resolved->count = 0;
	for (; status == 0 && found != NULL && resolved->count < RESOLVE_ADDRESSES_MAX;
		 found = found->ai_next)
	{
		if (getnameinfo(found->ai_addr, found->ai_addrlen, resolved->addresses[resolved->count],
						RESOLVE_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) == 0)
			resolved->count++;
	}
	if (resolved->count > 0)
		return true;
	return error_set(error, ERROR_UNREACHABLE, "cannot look up %s: %s", host,
					 status != 0 ? gai_strerror(status) : "no address");
}

/* An address needs no looking up, and no thread. */
static bool is_address(const char *host, Resolved *resolved, Error *error)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;

	resolved->is_address =
		getaddrinfo(host, NULL, &hints, &found) == 0 && collect(host, 0, found, resolved, error);
	if (found != NULL)
		freeaddrinfo(found);
	return resolved->is_address;
}

bool resolve_host(const char *host, int timeout_ms, bool (*interrupted)(void), Resolved *resolved,
				  Error *error)
{
	Request *request;
	bool done;

	if (is_address(host, resolved, error))
		return true;
	request = adopt(host);
	if (request == NULL)
		request = ask(host, error);
	if (request == NULL)
		return false;
	if (!wait_for(request, timeout_ms, interrupted))
	{
		abandon(request);
		return error_set(error, ERROR_UNREACHABLE,
						 "cannot look up %s: no answer from the resolver within %d ms", host,
						 timeout_ms);
	}
	done = collect(host, gai_error(&request->control), request->control.ar_result, resolved, error);
	free_request(request);
	return done;
}
