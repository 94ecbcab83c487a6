/*
 * sometimes_sql.h - the marks of program/sometimes.h in the functions of sql/.
 *
 * A line there that is nothing but
 *     -- SOMETIMES(jobs.run_again): job.interruptions > 0
 * is a comment, and becomes a statement of PL/pgSQL in a build for the tests (pgxs.mk): it sets
 * campaign.sometimes, a setting that no other build has. It changes neither FOUND nor ROW_COUNT.
 */
#ifndef CAMPAIGN_SOMETIMES_SQL_H
#define CAMPAIGN_SOMETIMES_SQL_H

#ifdef CAMPAIGN_SOMETIMES
/* Once, when the library is loaded. */
void sometimes_sql_define(void);
#else
#define sometimes_sql_define() ((void) 0)
#endif

#endif /* CAMPAIGN_SOMETIMES_SQL_H */
