/*
 * served.c - the databases that campaign.database names; see served.h.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/varlena.h"

#include "served.h"
#include "session.h"
#include "settings.h"

/* Names of which there is no database, as the log has them. In TopMemoryContext. */
static List *missing_list = NIL;

/* The names of campaign.database; NIL if they cannot be parsed. */
static List *wanted_databases(void)
{
	List *names;
	char *copy = pstrdup(settings_database);

	/* A database is called as it is written: Camp is not camp. */
	if (!SplitGUCList(copy, ',', &names))
	{
		ereport(WARNING, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						  errmsg("campaign.database is not a list of database names")));
		return NIL;
	}
	return names;
}

static bool has_name(const List *names, const char *name)
{
	ListCell *cell;

	foreach (cell, names)
	{
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	}
	return false;
}

bool served_name(const char *database)
{
	return has_name(wanted_databases(), database);
}

/*
 * Whether a shared catalog has a row of this name. By a scan of the heap: a process without a
 * database cannot rebuild its cache entry of an index once that was invalidated.
 */
static bool catalog_has_name(Oid catalog, AttrNumber column, const char *name)
{
	Relation relation = table_open(catalog, AccessShareLock);
	TableScanDesc scan = table_beginscan_catalog(relation, 0, NULL);
	bool found = false;
	HeapTuple tuple;

	while (!found && (tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		bool is_null;
		Datum value = heap_getattr(tuple, column, RelationGetDescr(relation), &is_null);

		found = !is_null && strcmp(NameStr(*DatumGetName(value)), name) == 0;
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	return found;
}

/* Says once of each name that it is of no database: a slip, or one that is still to come. */
static void say_missing(const List *missing)
{
	MemoryContext old;
	List *before = missing_list;
	ListCell *cell;

	old = MemoryContextSwitchTo(TopMemoryContext);
	missing_list = NIL;
	foreach (cell, missing)
	{
		if (!has_name(before, lfirst(cell)))
			ereport(LOG, (errmsg("campaign.database names \"%s\", and there is no such database",
								 (char *) lfirst(cell)),
						  errhint("Its campaigns are published once it is created.")));
		missing_list = lappend(missing_list, pstrdup(lfirst(cell)));
	}
	list_free_deep(before);
	MemoryContextSwitchTo(old);
}

List *served_databases(void)
{
	List *served = NIL;
	List *missing = NIL;
	ListCell *cell;

	if (!catalog_has_name(AuthIdRelationId, Anum_pg_authid_rolname, SESSION_ROLE))
		return NIL;
	foreach (cell, wanted_databases())
	{
		if (catalog_has_name(DatabaseRelationId, Anum_pg_database_datname, lfirst(cell)))
			served = lappend(served, lfirst(cell));
		else
			missing = lappend(missing, lfirst(cell));
	}
	say_missing(missing);
	return served;
}
