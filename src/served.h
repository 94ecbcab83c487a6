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
 * Names (char *) of those that are there, once the role of the workers is: without it there is no
 * extension yet. By looking at the shared catalogs, in a transaction.
 */
List *served_databases(void);

#endif /* CAMPAIGN_SERVED_H */
