/*
 * window.c - whether a send window is open at a time, and when that changes.
 *
 * What a clock on the wall shows decides, in each zone of the window: a time that a change of the
 * clock skips never comes, one that it repeats comes twice. Pure: nothing is read but PostgreSQL's
 * zones.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(campaign_window_is_open);
PG_FUNCTION_INFO_V1(campaign_window_changes_at);

#define MINUTE_S INT64CONST(60)
#define DAY_S	 (24 * 60 * MINUTE_S)
#define WEEK_S	 (7 * DAY_S)
#define SEARCH_S (3 * WEEK_S) /* whatever a change of the clock skips comes a week later */

typedef struct Window
{
	int32
		*edges; /* minutes of the week, from Monday 00:00, at which it opens and closes by turns */
	int edge_count;
	pg_tz **zones;
	int zone_count;
} Window;

static void check_array(const ArrayType *array, Oid type)
{
	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != type)
		elog(ERROR, "minutes and zones of a window must be plain arrays");
}

/* False if PostgreSQL does not know a zone: it did when the window was set, in other files. */
static bool window_arguments(FunctionCallInfo fcinfo, Window *window)
{
	ArrayType *minutes = PG_GETARG_ARRAYTYPE_P(0);
	ArrayType *names = PG_GETARG_ARRAYTYPE_P(1);
	Datum *items;

	check_array(minutes, INT4OID);
	check_array(names, TEXTOID);
	window->edges = (int32 *) ARR_DATA_PTR(minutes);
	window->edge_count = ArrayGetNItems(ARR_NDIM(minutes), ARR_DIMS(minutes));
	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &items, NULL, &window->zone_count);
	window->zones = palloc(Max(window->zone_count, 1) * sizeof(pg_tz *));
	for (int i = 0; i < window->zone_count; i++)
	{
		window->zones[i] = pg_tzset(TextDatumGetCString(items[i]));
		if (window->zones[i] == NULL)
			return false;
	}
	return true;
}

/* The seconds since Monday 00:00 that a clock on the wall shows. */
static int64 week_second(pg_time_t at, const pg_tz *zone)
{
	const struct pg_tm *local = pg_localtime(&at, zone);

	if (local == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	return (local->tm_wday + 6) % 7 * DAY_S + (local->tm_hour * 60 + local->tm_min) * MINUTE_S +
		   local->tm_sec;
}

/* How many edges lie at or before a second of the week: open if that is odd. */
static int edges_before(const Window *window, int64 second)
{
	int before = 0;

	while (before < window->edge_count && window->edges[before] * MINUTE_S <= second)
		before++;
	return before;
}

static bool is_open(const Window *window, pg_time_t at)
{
	for (int i = 0; i < window->zone_count; i++)
	{
		if (edges_before(window, week_second(at, window->zones[i])) % 2 == 0)
			return false;
	}
	return true;
}

/* When anything can change next in a zone: an edge, the end of the week, a change of the clock. */
static pg_time_t next_step(const Window *window, const pg_tz *zone, pg_time_t at)
{
	int64 second = week_second(at, zone);
	int before = edges_before(window, second);
	int64 edge = before < window->edge_count ? window->edges[before] * MINUTE_S : WEEK_S;
	pg_time_t step = at + edge - second;
	pg_time_t boundary;
	long int offsets[2];
	int is_dst[2];

	if (pg_next_dst_boundary(&at, &offsets[0], &is_dst[0], &boundary, &offsets[1], &is_dst[1],
							 zone) == 1)
		return Min(step, boundary);
	return step;
}

/* Whole seconds: every edge is one. */
static pg_time_t argument_time(FunctionCallInfo fcinfo)
{
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(2);

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
	return timestamptz_to_time_t(at);
}

/* campaign.window_is_open(integer[], text[], timestamptz): NULL if a zone is not known. */
Datum campaign_window_is_open(PG_FUNCTION_ARGS)
{
	Window window;

	if (!window_arguments(fcinfo, &window))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(is_open(&window, argument_time(fcinfo)));
}

/* campaign.window_changes_at(integer[], text[], timestamptz): NULL if that is not known, or never.
 */
Datum campaign_window_changes_at(PG_FUNCTION_ARGS)
{
	Window window;
	pg_time_t at = argument_time(fcinfo);
	pg_time_t end = at + SEARCH_S;
	bool open;

	if (!window_arguments(fcinfo, &window))
		PG_RETURN_NULL();
	open = is_open(&window, at);
	while (at < end)
	{
		pg_time_t next = end;

		for (int i = 0; i < window.zone_count; i++)
			next = Min(next, next_step(&window, window.zones[i], at));
		at = next;
		if (is_open(&window, at) != open)
			PG_RETURN_TIMESTAMPTZ(time_t_to_timestamptz(at));
	}
	PG_RETURN_NULL();
}
