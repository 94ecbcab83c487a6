/*
 * rows.c - reads a campaign's messages in order; see rows.h.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "rows.h"

#define ROWS_FETCHED 1000

static const char campaign_query[] =
	"SELECT message, identifier_time, identifier_entropy, identifier_fingerprint, "
	"message_version > 1, campaign.attributes_outcome(generated, 'VIP')::text, "
	"campaign.attributes_outcome(generated, 'NORMAL')::text, placeholders "
	"FROM campaign.campaigns WHERE id = $1";

#define ROWS_FROM                                                                                  \
	"FROM campaign.recipients WHERE campaign_id = $1 AND class = $2::campaign.recipient_class "    \
	"AND seq > $3 ORDER BY seq"

static const char row_query[] = "SELECT seq, phone_number " ROWS_FROM;
/* As the worker sends them (src/publish/outbox.c). */
static const char own_row_query[] =
	"SELECT seq, phone_number, text, "
	"campaign.attributes_canonical(attributes OPERATOR(pg_catalog.||) $4::jsonb) " ROWS_FROM;

static const char gaps_query[] =
	"SELECT lower(r), upper(r) FROM campaign.progress p, unnest(p.suppressed) AS r "
	"WHERE p.campaign_id = $1 AND p.class = $2::campaign.recipient_class AND upper(r) > $3 + 1 "
	"ORDER BY r";

static LeafText utf8_text(char *text)
{
	char *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);

	return (LeafText){utf8, strlen(utf8)};
}

/* What all messages share. */
static bool read_campaign(Rows *rows)
{
	Oid types[] = {TEXTOID};
	Datum values[] = {CStringGetTextDatum(rows->campaign_id)};
	HeapTuple row;
	TupleDesc columns;
	bool is_null;

	if (SPI_execute_with_args(campaign_query, 1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "campaign could not be read");
	if (SPI_processed == 0)
		return false;
	row = SPI_tuptable->vals[0];
	columns = SPI_tuptable->tupdesc;
	rows->message = utf8_text(SPI_getvalue(row, columns, 1));
	rows->own = DatumGetBool(SPI_getbinval(row, columns, 5, &is_null));
	if (rows->own && DatumGetBool(SPI_getbinval(row, columns, 8, &is_null)))
	{
		rows->placeholders = filling_open(CurrentMemoryContext, rows->message.bytes);
		rows->filled = palloc(sizeof(PlaceholdersText));
	}
	for (int class = 0; class < MESSAGE_CLASSES; class ++)
		rows->outcomes[class] = SPI_getvalue(row, columns, 6 + class);
	if (!cuid2_series_init(&rows->series, DatumGetInt64(SPI_getbinval(row, columns, 2, &is_null)),
						   SPI_getvalue(row, columns, 3), SPI_getvalue(row, columns, 4)))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("campaign \"%s\" has no identifiers", rows->campaign_id)));
	return true;
}

/* What of the class was left out, behind the place where it begins. */
static void read_gaps(Rows *rows)
{
	Oid types[] = {TEXTOID, TEXTOID, INT8OID};
	Datum values[] = {CStringGetTextDatum(rows->campaign_id),
					  CStringGetTextDatum(message_class_name(rows->last.class)),
					  Int64GetDatum(rows->last.seq)};
	bool is_null;

	if (SPI_execute_with_args(gaps_query, 3, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "progress could not be read");
	rows->gap = 0;
	rows->gap_count = (int) SPI_processed;
	rows->gaps = palloc(Max(rows->gap_count, 1) * sizeof(RowsGap));
	for (int i = 0; i < rows->gap_count; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];

		rows->gaps[i].first = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null));
		rows->gaps[i].behind =
			DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &is_null));
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Whether this recipient was left out; they are asked for in their order. */
static bool in_gap(Rows *rows, int64 seq)
{
	while (rows->gap < rows->gap_count && rows->gaps[rows->gap].behind <= seq)
		rows->gap++;
	return rows->gap < rows->gap_count && rows->gaps[rows->gap].first <= seq;
}

static void open_class(Rows *rows)
{
	Oid types[] = {TEXTOID, TEXTOID, INT8OID, TEXTOID};
	Datum values[] = {CStringGetTextDatum(rows->campaign_id),
					  CStringGetTextDatum(message_class_name(rows->last.class)),
					  Int64GetDatum(rows->last.seq),
					  CStringGetTextDatum(rows->outcomes[rows->last.class])};

	read_gaps(rows);
	rows->portal = SPI_cursor_open_with_args(NULL, rows->own ? own_row_query : row_query,
											 rows->own ? 4 : 3, types, values, NULL, true, 0);
}

bool rows_open(Rows *rows, const char *campaign_id, RowsPosition after)
{
	memset(rows, 0, sizeof(*rows));
	rows->campaign_id = pstrdup(campaign_id);
	rows->last = after;
	rows->row_context =
		AllocSetContextCreate(CurrentMemoryContext, "campaign proof row", ALLOCSET_SMALL_SIZES);
	if (!read_campaign(rows))
		return false;
	open_class(rows);
	return true;
}

/* The next rows of the class, or of the next class; false if there are none. */
static bool fetch(Rows *rows)
{
	for (;;)
	{
		SPI_freetuptable(rows->table);
		SPI_cursor_fetch(rows->portal, true, ROWS_FETCHED);
		rows->table = SPI_tuptable;
		rows->at = 0;
		if (SPI_processed > 0)
			return true;
		if (rows->last.class + 1 >= MESSAGE_CLASSES)
			return false;
		SPI_cursor_close(rows->portal);
		rows->last = (RowsPosition){.class = rows->last.class + 1};
		open_class(rows);
	}
}

/* A column of text, NUL-terminated, in the context of the row; `none` if it is NULL. */
static LeafText own_text(Rows *rows, HeapTuple row, int column, LeafText none)
{
	MemoryContext caller = MemoryContextSwitchTo(rows->row_context);
	bool is_null;
	Datum value = SPI_getbinval(row, rows->table->tupdesc, column, &is_null);
	LeafText own = is_null ? none : utf8_text(TextDatumGetCString(value));

	MemoryContextSwitchTo(caller);
	return own;
}

/*
 * The text of a message without one of its own, as the worker sends it. One that the worker cannot
 * fill, of a draft, is empty, which no message is: a proof ends with a difference, not an error.
 */
static LeafText common_text(Rows *rows, LeafText attributes)
{
	if (rows->placeholders == NULL)
		return rows->message;
	if (placeholders_fill(rows->placeholders, attributes.bytes, attributes.length, rows->filled) !=
		PLACEHOLDERS_FILLED)
		return (LeafText){"", 0};
	return (LeafText){rows->filled->bytes, rows->filled->length};
}

bool rows_next(Rows *rows, Leaf *leaf)
{
	HeapTuple row;
	text *phone;
	bool is_null;

	do
	{
		if ((rows->table == NULL || rows->at == rows->table->numvals) && !fetch(rows))
			return false;
		CHECK_FOR_INTERRUPTS();
		row = rows->table->vals[rows->at++];
		rows->last.seq = DatumGetInt64(SPI_getbinval(row, rows->table->tupdesc, 1, &is_null));
	} while (in_gap(rows, rows->last.seq));
	phone = DatumGetTextPP(SPI_getbinval(row, rows->table->tupdesc, 2, &is_null));
	if (!cuid2_series_id(&rows->series, rows->last.seq * MESSAGE_CLASSES + rows->last.class,
						 rows->identifier))
		elog(ERROR, "identifier could not be derived");
	*leaf = (Leaf){.class = rows->last.class,
				   .seq = rows->last.seq,
				   .identifier = {rows->identifier, CUID2_LENGTH_DEFAULT},
				   .phone_number = {VARDATA_ANY(phone), VARSIZE_ANY_EXHDR(phone)},
				   .message = rows->message};
	if (rows->own)
	{
		MemoryContextReset(rows->row_context);
		leaf->message = own_text(rows, row, 3, (LeafText){NULL, 0});
		leaf->attributes = own_text(rows, row, 4, (LeafText){NULL, 0});
		if (leaf->message.bytes == NULL)
			leaf->message = common_text(rows, leaf->attributes);
	}
	return true;
}

void rows_close(Rows *rows)
{
	if (rows->portal != NULL)
		SPI_cursor_close(rows->portal);
	cuid2_series_wipe(&rows->series);
}
