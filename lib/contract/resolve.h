/*
 * resolve.h - the addresses of a host, within a limit.
 *
 * getaddrinfo() waits for a silent resolver as long as resolv.conf says, half a
 * minute or more, and cannot be interrupted. This can be, and ends in time.
 */
#ifndef CAMPAIGN_CONTRACT_RESOLVE_H
#define CAMPAIGN_CONTRACT_RESOLVE_H

#include <stdbool.h>

#include "error.h"

#define RESOLVE_ADDRESSES_MAX 8
#define RESOLVE_ADDRESS_SIZE  80 /* an IPv6 address with its scope */

typedef struct Resolved
{
	int count;
	bool is_address; /* the host was one itself */
	char addresses[RESOLVE_ADDRESSES_MAX][RESOLVE_ADDRESS_SIZE];
} Resolved;

/*
 * Fills in at least one address, in the order in which they are to be tried. False with
 * ERROR_UNREACHABLE if there is none, if `timeout_ms` are over, or if `interrupted` (may be NULL),
 * which is asked some twenty times a second, says so. Safe from every thread.
 */
bool resolve_host(const char *host, int timeout_ms, bool (*interrupted)(void), Resolved *resolved,
				  Error *error);

#endif /* CAMPAIGN_CONTRACT_RESOLVE_H */
