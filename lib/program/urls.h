/*
 * urls.h - what can be known about a URL in the settings without connecting.
 */
#ifndef CAMPAIGN_PROGRAM_URLS_H
#define CAMPAIGN_PROGRAM_URLS_H

#include <stdbool.h>

#include "contract/error.h"

/*
 * Refuses a URL whose user or password is not percent-encoded: part of the
 * password would become a host name or a port, which ends up in the log.
 */
bool urls_check_escaped(const char *name, const char *url, Error *error);

/* Whether it is a PostgreSQL URL or connection string. */
bool urls_check_postgresql(const char *name, const char *url, Error *error);

#endif /* CAMPAIGN_PROGRAM_URLS_H */
