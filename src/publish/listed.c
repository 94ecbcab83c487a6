/*
 * listed.c - the filter over all suppression lists; see listed.h.
 *
 * A Bloom filter (PostgreSQL's own, lib/bloomfilter.h), read page by page, so that nobody waits for
 * it: until it is complete, all recipients are looked up. Its horizon is a snapshot: what that sees
 * is in the filter. Must never be asked without having been told what came since.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/bloomfilter.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "listed.h"
#include "program/clock.h"
#include "session.h"

#define LISTED_PAGE		 10000		 /* entries read at once: some ms */
#define LISTED_PAYS		 5000		 /* recipients that were looked up: a large campaign */
#define LISTED_MEMORY_KB (64 * 1024) /* at most, two bytes an entry */
#define LISTED_UNUSED_MS                                                                           \
	INT64CONST(60000)		   /* then it is made anew: the lists may have been restored */
#define LISTED_ELEMENTS 100000 /* at least */

typedef struct Listed
{
	bloom_filter *filter; /* NULL: not begun */
	bool complete;
	struct varlena *horizon; /* pg_snapshot */
	int64 last_id;			 /* entries up to here are read */
	int64 room;				 /* numbers that can still be added before it rules out too little */
	int64 used_at;
	int64 missed; /* recipients that were looked up without it */
} Listed;

static Listed listed;

static SessionQuery page_query = SESSION_QUERY("SELECT numbers, last_id, highest_id, horizon "
											   "FROM campaign.outbox_suppressions($1, $2)",
											   INT8OID, INT4OID);

void listed_forget(void)
{
	if (listed.filter != NULL)
		bloom_free(listed.filter);
	if (listed.horizon != NULL)
		pfree(listed.horizon);
	memset(&listed, 0, sizeof(listed));
}

static void set_horizon(Datum horizon)
{
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
	struct varlena *copy = PG_DETOAST_DATUM_COPY(horizon);

	MemoryContextSwitchTo(caller);
	if (listed.horizon != NULL)
		pfree(listed.horizon);
	listed.horizon = copy;
}

static void begin(int64 highest_id, Datum horizon)
{
	MemoryContext caller;
	int64 elements = Max(highest_id + highest_id / 4, LISTED_ELEMENTS);

	set_horizon(horizon);
	caller = MemoryContextSwitchTo(TopMemoryContext);
	listed.filter = bloom_create(elements, LISTED_MEMORY_KB, 0);
	listed.room = elements;
	MemoryContextSwitchTo(caller);
}

static void add_all(Datum numbers)
{
	Datum *items;
	int count;

	deconstruct_array(DatumGetArrayTypeP(numbers), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &items, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		int64 digits = DatumGetInt64(items[i]);

		bloom_add_element(listed.filter, (unsigned char *) &digits, sizeof(digits));
	}
	listed.room -= count;
}

/* In the caller's transaction. */
static void read_page(void)
{
	bool at_end;
	Datum last_id;

	session_execute(&page_query,
					(Datum[]){Int64GetDatum(listed.last_id), Int32GetDatum(LISTED_PAGE)}, NULL);
	if (listed.filter == NULL)
		begin(DatumGetInt64(session_column(0, 3)), session_column(0, 4));
	add_all(session_column(0, 1));
	last_id = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &at_end);
	if (at_end)
		listed.complete = true;
	else
		listed.last_id = DatumGetInt64(last_id);
	listed.used_at = clock_ms();
}

void listed_missed(int recipients)
{
	listed.missed += recipients;
	if (listed.missed >= LISTED_PAYS && !listed.complete)
		read_page();
}

bool listed_ready(Datum *since)
{
	int64 now = clock_ms();

	if (listed.filter != NULL && (listed.room < 0 || now - listed.used_at > LISTED_UNUSED_MS))
		listed_forget();
	if (!listed.complete)
		return false;
	listed.used_at = now;
	*since = PointerGetDatum(listed.horizon);
	return true;
}

void listed_add(Datum numbers, Datum horizon)
{
	add_all(numbers);
	set_horizon(horizon);
}

bool listed_possible(int64 digits)
{
	return !bloom_lacks_element(listed.filter, (unsigned char *) &digits, sizeof(digits));
}
