/*
 * outbox.c - the worker's view of the tables, through the functions of
 * sql/23_outbox.sql.
 *
 * Must never wait for anything but the database.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "outbox.h"
#include "session.h"

static SessionQuery page_query =
	SESSION_QUERY("SELECT campaign.outbox_page($1, $2, $3)", TEXTOID, TEXTOID, INT4OID);
static SessionQuery active_query = SESSION_QUERY(
	"SELECT campaign_id, class_number, ordered, blocked, total, published, stored_through, rewinds "
	"FROM campaign.outbox_active($1)",
	TEXTARRAYOID);
static SessionQuery template_query =
	SESSION_QUERY("SELECT message, identifier_time, identifier_entropy, identifier_fingerprint "
				  "FROM campaign.outbox_template($1)",
				  TEXTOID);
static SessionQuery read_query =
	SESSION_QUERY("SELECT seq, phone_number FROM campaign.recipients "
				  "WHERE campaign_id = $1 AND class = $2::campaign.recipient_class "
				  "AND seq > $3 AND seq <= $4 ORDER BY seq",
				  TEXTOID, TEXTOID, INT8OID, INT8OID);
static SessionQuery mark_query = SESSION_QUERY("SELECT campaign.outbox_mark($1, $2, $3, $4)",
											   TEXTOID, TEXTOID, INT4OID, INT8OID);
static SessionQuery finish_query = SESSION_QUERY("SELECT campaign.outbox_finish($1)", TEXTARRAYOID);
static SessionQuery rewind_query =
	SESSION_QUERY("SELECT campaign.outbox_rewind($1, $2)", TEXTOID, TEXTOID);

void outbox_prepare_session(void)
{
	/*
	 * A campaign of a million rows may have been imported a moment ago: the planner knows nothing
	 * of it, and a sequential scan or a sort for each batch would be the end of speed.
	 */
	session_set("enable_seqscan", "off");
	session_set("enable_bitmapscan", "off");
	session_set("enable_sort", "off");
	session_set("enable_hashjoin", "off");
	session_set("enable_mergejoin", "off");
	session_set("jit", "off");
	session_set("plan_cache_mode", "force_generic_plan");
	/* `published` may fall back after a crash: then it is published twice and stored once. */
	session_set("synchronous_commit", "off");
}

static void read_classes(Datum ids, MemoryContext caller, OutboxPage *page)
{
	session_execute(&active_query, &ids, NULL);
	page->count = (int) SPI_processed;
	page->classes = MemoryContextAllocZero(caller, Max(page->count, 1) * sizeof(OutboxClass));
	for (int i = 0; i < page->count; i++)
	{
		OutboxClass *class = &page->classes[i];

		session_column_text(i, 1, class->campaign_id, sizeof(class->campaign_id));
		class->class = (MessageClass) DatumGetInt32(session_column(i, 2));
		class->ordered = DatumGetBool(session_column(i, 3));
		class->blocked = DatumGetBool(session_column(i, 4));
		class->total = DatumGetInt64(session_column(i, 5));
		class->published = DatumGetInt64(session_column(i, 6));
		class->stored_through = DatumGetInt64(session_column(i, 7));
		class->rewinds = DatumGetInt32(session_column(i, 8));
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Where the next page begins. */
static void note_end(Datum ids, OutboxPage *page)
{
	Datum *items;
	int count;

	deconstruct_array(DatumGetArrayTypeP(ids), TEXTOID, -1, false, TYPALIGN_INT, &items, NULL,
					  &count);
	page->full = count == OUTBOX_PAGE;
	if (page->full)
		strlcpy(page->last, TextDatumGetCString(items[count - 1]), sizeof(page->last));
}

void outbox_page(OutboxPart part, const char *after, bool finish, OutboxPage *page)
{
	static const char *const names[] = {
		[OUTBOX_QUEUED] = "queued", [OUTBOX_OPEN] = "open", [OUTBOX_WAITING] = "waiting"};
	MemoryContext caller = CurrentMemoryContext;
	Datum ids;

	session_begin();
	session_execute(&page_query,
					(Datum[]){CStringGetTextDatum(names[part]), CStringGetTextDatum(after),
							  Int32GetDatum(OUTBOX_PAGE)},
					*after == '\0' ? " n " : NULL);
	ids = session_column(0, 1);
	note_end(ids, page);
	if (finish)
		session_execute(&finish_query, &ids, NULL);
	read_classes(ids, caller, page);
	session_finish();
}

void outbox_find(const char *const *campaign_ids, int count, OutboxPage *page)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum *ids = palloc(count * sizeof(Datum));

	page->full = false;
	for (int i = 0; i < count; i++)
		ids[i] = CStringGetTextDatum(campaign_ids[i]);
	session_begin();
	read_classes(PointerGetDatum(construct_array(ids, count, TEXTOID, -1, false, TYPALIGN_INT)),
				 caller, page);
	session_finish();
}

bool outbox_template(const char *campaign_id, OutboxTemplate *template)
{
	MemoryContext caller = CurrentMemoryContext;
	bool found;

	session_begin();
	session_execute(&template_query, (Datum[]){CStringGetTextDatum(campaign_id)}, NULL);
	found = SPI_processed == 1;
	if (found)
	{
		char *message = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);

		template->message =
			MemoryContextStrdup(caller, pg_server_to_any(message, strlen(message), PG_UTF8));
		template->identifier_time = DatumGetInt64(session_column(0, 2));
		session_column_text(0, 3, template->identifier_entropy,
							sizeof(template->identifier_entropy));
		session_column_text(0, 4, template->identifier_fingerprint,
							sizeof(template->identifier_fingerprint));
	}
	session_finish();
	return found;
}

int outbox_read(const char *campaign_id, MessageClass class, int64 seq, int limit,
				OutboxRecipient *recipients)
{
	int count;

	session_begin();
	session_execute(&read_query,
					(Datum[]){CStringGetTextDatum(campaign_id),
							  CStringGetTextDatum(message_class_name(class)), Int64GetDatum(seq),
							  Int64GetDatum(seq + limit)},
					NULL);
	count = (int) Min(SPI_processed, limit);
	for (int i = 0; i < count; i++)
	{
		text *phone = DatumGetTextPP(session_column(i, 2));

		if (DatumGetInt64(session_column(i, 1)) != seq + 1 + i)
		{
			count = i;
			break;
		}
		recipients[i].length = VARSIZE_ANY_EXHDR(phone);
		if (recipients[i].length > MESSAGE_PHONE_MAX)
			elog(ERROR, "phone number of %d characters", recipients[i].length);
		memcpy(recipients[i].text, VARDATA_ANY(phone), recipients[i].length);
		recipients[i].text[recipients[i].length] = '\0';
	}
	session_finish();
	return count;
}

bool outbox_mark(const char *campaign_id, MessageClass class, int32 rewinds, int64 published)
{
	bool done;

	session_begin();
	session_execute(&mark_query,
					(Datum[]){CStringGetTextDatum(campaign_id),
							  CStringGetTextDatum(message_class_name(class)),
							  Int32GetDatum(rewinds), Int64GetDatum(published)},
					NULL);
	done = DatumGetBool(session_column(0, 1));
	session_finish();
	return done;
}

int64 outbox_rewind(const char *campaign_id, MessageClass class)
{
	int64 restart;
	bool is_null;

	session_begin();
	session_execute(
		&rewind_query,
		(Datum[]){CStringGetTextDatum(campaign_id), CStringGetTextDatum(message_class_name(class))},
		NULL);
	restart =
		DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	session_finish();
	return is_null ? -1 : restart;
}
