/*
 * sometimes_sql.c - the setting by which a function notes a mark; see
 * sometimes_sql.h.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "program/sometimes.h"
#include "sometimes_sql.h"

#ifdef CAMPAIGN_SOMETIMES

static char *sometimes_setting;

/* Comes with "" when the library is loaded, and at the end of a transaction that has set it. */
static void assign(const char *mark, void *extra)
{
	if (mark[0] != '\0')
		sometimes_note(mark);
}

void sometimes_sql_define(void)
{
	DefineCustomStringVariable(
		"campaign.sometimes", "A mark that was reached.", NULL, &sometimes_setting, "", PGC_USERSET,
		GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE, NULL, assign, NULL);
}

#endif
