/*
 * sometimes.c - a file for each mark and process; see sometimes.h.
 *
 * Must never fail anything: a mark that cannot be noted is one that was not reached.
 */
#include "sometimes.h"

#ifdef CAMPAIGN_SOMETIMES

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A file of its own for each process: PostgreSQL and the programs may run as different users. */
void sometimes_note(const char *mark)
{
	const char *folder = getenv("SOMETIMES_DIR");
	char path[PATH_MAX];
	int caller_errno = errno;
	int file = -1;

	if (folder != NULL &&
		snprintf(path, sizeof(path), "%s/%s.%ld", folder, mark, (long) getpid()) < PATH_MAX)
		file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (file >= 0)
		(void) close(file);
	errno = caller_errno;
}

#endif
