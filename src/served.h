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
 * Names (char *) of those that exist; none before the role of the workers exists, since without it
 * there is no extension yet. Logs once of each other name that it is of no database. Reads the
 * shared catalogs: call it in a transaction.
 */
List *served_databases(void);

#endif /* CAMPAIGN_SERVED_H */
