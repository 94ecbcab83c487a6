/*
 * indexes.h - indexes of the collection that somebody wants besides _id: CAMPAIGN_INDEXES.
 *
 * Beside the flow: an index of a large collection takes minutes, which no lane waits for.
 */
#ifndef CAMPAIGN_CONSUMER_INDEXES_H
#define CAMPAIGN_CONSUMER_INDEXES_H

#include <stdbool.h>

#include "config.h"
#include "contract/error.h"

typedef struct Indexes Indexes;

/* Whether the setting is a list of fields that may have an index. False and *error. */
bool indexes_check_setting(const char *list, Error *error);

/*
 * Whether MongoDB has an index in another form than the setting wants. Changes nothing. False and
 * *error: ERROR_CONFIG if so.
 */
bool indexes_check(const Config *config, Error *error);

/*
 * Creates those that are missing, in a thread, as soon as MongoDB is there. Calls stop_failed() if
 * there is one in another form. NULL and *error on failure; the settings outlive it.
 */
Indexes *indexes_start(const Config *config, Error *error);
bool indexes_running(const Indexes *indexes);

/* Joins the thread. NULL is fine. */
void indexes_finish(Indexes *indexes);

#endif /* CAMPAIGN_CONSUMER_INDEXES_H */
