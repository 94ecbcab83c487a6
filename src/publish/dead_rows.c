/*
 * dead_rows.c - dead letters into and out of the table, through the functions of
 * sql/78_dead_letters.sql and sql/79_dead_replay.sql.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "dead_rows.h"
#include "program/clock.h"
#include "session.h"

static SessionQuery room_query = SESSION_QUERY("SELECT campaign.outbox_dead_room()");
static SessionQuery take_query =
	SESSION_QUERY("SELECT campaign.outbox_dead_take($1::jsonb, $2, $3, $4, $5)", TEXTOID, BOOLOID,
				  INT8OID, BYTEAOID, INT4OID);
static SessionQuery next_query = SESSION_QUERY(
	"SELECT id, queue, content_type, type, message_id, names, kinds, texts, body, "
	"campaign_id, recipients, rate_thousandths FROM campaign.outbox_dead_next($1, $2, $3, $4)",
	INT8OID, TEXTARRAYOID, INT8ARRAYOID, INT8ARRAYOID);
static SessionQuery done_query = SESSION_QUERY("SELECT campaign.outbox_dead_done($1)", INT8OID);

int dead_rows_room(void)
{
	int room;

	session_begin();
	session_execute(&room_query, NULL, NULL);
	room = DatumGetInt32(session_column(0, 1));
	session_finish();
	return room;
}

/* Pure ASCII where the database knows no other characters: none of them must stop the rest. */
static text *envelope_text(const char *envelope)
{
	char *copy = pstrdup(envelope);

	if (GetDatabaseEncoding() != PG_UTF8)
	{
		for (char *at = copy; *at != '\0'; at++)
		{
			if (IS_HIGHBIT_SET(*at))
				*at = '?';
		}
	}
	return cstring_to_text(copy);
}

int dead_rows_take(const Letter *letter, int room)
{
	bytea *body = palloc(VARHDRSZ + letter->length);
	Datum values[5];

	SET_VARSIZE(body, VARHDRSZ + letter->length);
	memcpy(VARDATA(body), letter->body, letter->length);
	values[0] = PointerGetDatum(envelope_text(letter->envelope));
	values[1] = BoolGetDatum(letter->redelivered);
	values[2] = Int64GetDatum((int64) letter->claimed);
	values[3] = PointerGetDatum(body);
	values[4] = Int32GetDatum(room);
	session_begin();
	/* The broker forgets it as soon as this has returned. */
	(void) set_config_option("synchronous_commit", "on", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
	session_execute(&take_query, values, NULL);
	room = DatumGetInt32(session_column(0, 1));
	session_finish();
	return room;
}

/* A text of the row as UTF-8, in the memory context of the caller. */
static const char *take_item(Datum item, MemoryContext caller)
{
	char *bytes = TextDatumGetCString(item);

	return MemoryContextStrdup(caller, pg_server_to_any(bytes, strlen(bytes), PG_UTF8));
}

static const char *take_text(int number, MemoryContext caller)
{
	return take_item(session_column(0, number), caller);
}

static int take_array(int number, Datum **items)
{
	int count;

	deconstruct_array(DatumGetArrayTypeP(session_column(0, number)), TEXTOID, -1, false,
					  TYPALIGN_INT, items, NULL, &count);
	return count;
}

static void take_headers(PublisherLetter *letter, MemoryContext caller)
{
	PublisherHeader *headers =
		MemoryContextAllocZero(caller, PUBLISHER_HEADERS_MAX * sizeof(PublisherHeader));
	Datum *names;
	Datum *kinds;
	Datum *texts;
	int count = take_array(6, &names);

	if (take_array(7, &kinds) != count || take_array(8, &texts) != count)
		elog(ERROR, "headers of a dead letter do not belong together");
	letter->headers = headers;
	letter->header_count = Min(count, PUBLISHER_HEADERS_MAX);
	for (int i = 0; i < letter->header_count; i++)
	{
		const char *value = take_item(texts[i], caller);

		headers[i].name = take_item(names[i], caller);
		if (strcmp(TextDatumGetCString(kinds[i]), "number") == 0)
			headers[i].number = strtoll(value, NULL, 10);
		else
			headers[i].text = value;
	}
}

static void take_row(DeadRow *row, MemoryContext caller)
{
	bytea *body = DatumGetByteaPP(session_column(0, 9));
	size_t length = VARSIZE_ANY_EXHDR(body);
	char *copy = MemoryContextAlloc(caller, length + 1);

	memcpy(copy, VARDATA_ANY(body), length);
	row->id = DatumGetInt64(session_column(0, 1));
	row->letter = (PublisherLetter){.queue = take_text(2, caller),
									.content_type = take_text(3, caller),
									.type = take_text(4, caller),
									.message_id = take_text(5, caller),
									.body = copy,
									.length = length};
	take_headers(&row->letter, caller);
	row->campaign_id = take_text(10, caller);
	row->recipients = DatumGetInt64(session_column(0, 11));
	row->rate_thousandths = DatumGetInt64(session_column(0, 12));
}

static Datum array_of(Datum *numbers, int count)
{
	return PointerGetDatum(
		construct_array(numbers, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Who waits since how many milliseconds because of how many recipients. */
static void give_waits(const ReplayPace *pace, Datum *values)
{
	Datum *ids = palloc((pace->count + 1) * sizeof(Datum));
	Datum *recipients = palloc((pace->count + 1) * sizeof(Datum));
	Datum *waited_ms = palloc((pace->count + 1) * sizeof(Datum));
	int64 now_us = clock_us();

	for (int i = 0; i < pace->count; i++)
	{
		ids[i] = CStringGetTextDatum(pace->waits[i].campaign_id);
		recipients[i] = Int64GetDatum(pace->waits[i].recipients);
		waited_ms[i] = Int64GetDatum((now_us - pace->waits[i].since_us) / 1000);
	}
	values[0] =
		PointerGetDatum(construct_array(ids, pace->count, TEXTOID, -1, false, TYPALIGN_INT));
	values[1] = array_of(recipients, pace->count);
	values[2] = array_of(waited_ms, pace->count);
}

bool dead_rows_next(DeadRow *row, int64 after, const ReplayPace *pace)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum values[4] = {Int64GetDatum(after)};
	bool found;

	give_waits(pace, values + 1);
	session_begin();
	session_execute(&next_query, values, NULL);
	found = SPI_processed == 1;
	if (found)
		take_row(row, caller);
	session_finish();
	return found;
}

void dead_rows_done(int64 id)
{
	session_begin();
	session_execute(&done_query, (Datum[]){Int64GetDatum(id)}, NULL);
	session_finish();
}
