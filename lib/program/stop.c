/*
 * stop.c - the one flag that ends the program; see stop.h.
 */
#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static atomic_bool requested;
static atomic_int failed = ERROR_NONE;
static int descriptor = -1;

bool stop_setup(Error *error)
{
	descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (descriptor < 0)
		return error_set(error, ERROR_MEMORY, "eventfd: %s", strerror(errno));
	return true;
}

void stop_request(void)
{
	uint64_t one = 1;

	atomic_store(&requested, true);
	/* Never read back, so it stays readable; it can only fail when it already is. */
	if (write(descriptor, &one, sizeof(one)) < 0)
		return;
}

void stop_failed(ErrorCode failure)
{
	int none = ERROR_NONE;

	/* Before anybody learns of the stop: main.c may not be able to wait for the thread. */
	(void) atomic_compare_exchange_strong(&failed, &none, (int) failure);
	stop_request();
}

ErrorCode stop_failure(void)
{
	return (ErrorCode) atomic_load(&failed);
}

bool stop_requested(void)
{
	return atomic_load_explicit(&requested, memory_order_relaxed);
}

int stop_descriptor(void)
{
	return descriptor;
}

bool stop_wait(int timeout_ms)
{
	struct pollfd wait = {.fd = descriptor, .events = POLLIN};

	if (poll(&wait, 1, timeout_ms) < 0 && errno != EINTR)
		return false;
	return !stop_requested();
}
