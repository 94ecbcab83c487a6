/*
 * watched.h - campaigns that are shown although they have ended, because somebody was told of
 * them while this monitor ran: small ones begin and end between two looks.
 */
#ifndef CAMPAIGN_MONITOR_WATCHED_H
#define CAMPAIGN_MONITOR_WATCHED_H

#include <stdbool.h>
#include <stddef.h>

#define WATCHED_MAX		200
#define WATCHED_ID_SIZE 33

typedef struct Watched
{
	char ids[WATCHED_MAX][WATCHED_ID_SIZE]; /* the newest last */
	size_t count;
} Watched;

/* Of one that is there already, nothing changes. The oldest gives way. What is no id is ignored. */
void watched_add(Watched *watched, const char *id);

/*
 * Takes what NOTIFY campaign_progress has told. False: changes of others were not told, so
 * that the last ended campaigns have to be looked for.
 */
bool watched_hear(Watched *watched, const char *payload);

/* As an array of PostgreSQL, {a,b}; `out` has WATCHED_ARRAY_SIZE. */
#define WATCHED_ARRAY_SIZE (WATCHED_MAX * WATCHED_ID_SIZE + 3)
void watched_array(const Watched *watched, char *out);

#endif /* CAMPAIGN_MONITOR_WATCHED_H */
