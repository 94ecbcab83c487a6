/*
 * launcher.h - the background worker that starts the others, in each database that
 * campaign.database names.
 */
#ifndef CAMPAIGN_LAUNCHER_H
#define CAMPAIGN_LAUNCHER_H

/* Registers the launcher with the postmaster; called by _PG_init(). */
void launcher_register(void);

#endif /* CAMPAIGN_LAUNCHER_H */
