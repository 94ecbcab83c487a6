/*
 * served.h - the databases that campaign.database names.
 */
#ifndef CAMPAIGN_SERVED_H
#define CAMPAIGN_SERVED_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* Whether campaign.database names this database. */
bool served_name(const char *database);

/*
 * Names (char *) of those that exist, and of those that do not; none of either before the role of
 * the workers exists, since without it there is no extension yet. Reads the shared catalogs: call
 * it in a transaction.
 */
List *served_databases(List **missing);

#endif /* CAMPAIGN_SERVED_H */
