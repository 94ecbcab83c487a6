/*
 * launcher.h - one background worker for each database that campaign.database
 * names.
 */
#ifndef CAMPAIGN_LAUNCHER_H
#define CAMPAIGN_LAUNCHER_H

/* Registers the launcher with the postmaster; called by _PG_init(). */
void launcher_register(void);

/* Whether campaign.database names this database. */
bool launcher_serves(const char *database);

#endif /* CAMPAIGN_LAUNCHER_H */
