/*
 * campaign.c - where PostgreSQL enters the extension: settings, shared memory
 * and the launcher of the workers, when loaded by shared_preload_libraries.
 *
 * The flow from here: upload.c puts recipients into rows, dispatch.c wakes the
 * worker, worker.c publishes what outbox.c finds through publisher.c, and
 * campaign-consumer (consumer/) stores it and reports back.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "launcher.h"
#include "settings.h"
#include "shmem.h"
#include "sometimes_sql.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void _PG_init(void)
{
	sometimes_sql_define();
	settings_define();
	if (!process_shared_preload_libraries_in_progress)
		return;
	shmem_register();
	/* During pg_upgrade nothing may write. */
	if (!IsBinaryUpgrade)
		launcher_register();
}
