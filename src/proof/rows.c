/*
 * rows.c - reads a campaign's messages in order; see rows.h.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "rows.h"

#define ROWS_FETCHED 1000

static const char campaign_query[] =
	"SELECT message, identifier_time, identifier_entropy, identifier_fingerprint "
	"FROM campaign.campaigns WHERE id = $1";
static const char row_query[] = "SELECT seq, phone_number FROM campaign.recipients "
								"WHERE campaign_id = $1 AND class = $2::campaign.recipient_class "
								"AND seq > $3 ORDER BY seq";

/* What all messages share. */
static bool read_campaign(Rows *rows)
{
	Oid types[] = {TEXTOID};
	Datum values[] = {CStringGetTextDatum(rows->campaign_id)};
	HeapTuple row;
	TupleDesc columns;
	char *message;
	char *utf8;
	bool is_null;

	if (SPI_execute_with_args(campaign_query, 1, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "campaign could not be read");
	if (SPI_processed == 0)
		return false;
	row = SPI_tuptable->vals[0];
	columns = SPI_tuptable->tupdesc;
	message = SPI_getvalue(row, columns, 1);
	utf8 = pg_server_to_any(message, strlen(message), PG_UTF8);
	rows->message = utf8;
	rows->message_length = strlen(utf8);
	if (!cuid2_series_init(&rows->series, DatumGetInt64(SPI_getbinval(row, columns, 2, &is_null)),
						   SPI_getvalue(row, columns, 3), SPI_getvalue(row, columns, 4)))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("campaign \"%s\" has no identifiers", rows->campaign_id)));
	return true;
}

static void open_class(Rows *rows)
{
	Oid types[] = {TEXTOID, TEXTOID, INT8OID};
	Datum values[] = {CStringGetTextDatum(rows->campaign_id),
					  CStringGetTextDatum(message_class_name(rows->last.class)),
					  Int64GetDatum(rows->last.seq)};

	rows->portal = SPI_cursor_open_with_args(NULL, row_query, 3, types, values, NULL, true, 0);
}

bool rows_open(Rows *rows, const char *campaign_id, RowsPosition after)
{
	memset(rows, 0, sizeof(*rows));
	rows->campaign_id = pstrdup(campaign_id);
	rows->last = after;
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

bool rows_next(Rows *rows, Leaf *leaf)
{
	HeapTuple row;
	text *phone;
	bool is_null;

	if ((rows->table == NULL || rows->at == rows->table->numvals) && !fetch(rows))
		return false;
	CHECK_FOR_INTERRUPTS();
	row = rows->table->vals[rows->at++];
	rows->last.seq = DatumGetInt64(SPI_getbinval(row, rows->table->tupdesc, 1, &is_null));
	phone = DatumGetTextPP(SPI_getbinval(row, rows->table->tupdesc, 2, &is_null));
	if (!cuid2_series_id(&rows->series, rows->last.seq * MESSAGE_CLASSES + rows->last.class,
						 rows->identifier))
		elog(ERROR, "identifier could not be derived");
	*leaf = (Leaf){.class = rows->last.class,
				   .seq = rows->last.seq,
				   .identifier = {rows->identifier, CUID2_LENGTH_DEFAULT},
				   .phone_number = {VARDATA_ANY(phone), VARSIZE_ANY_EXHDR(phone)},
				   .message = {rows->message, rows->message_length}};
	return true;
}

void rows_close(Rows *rows)
{
	if (rows->portal != NULL)
		SPI_cursor_close(rows->portal);
	cuid2_series_wipe(&rows->series);
}
